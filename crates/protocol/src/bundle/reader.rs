//! Reading a bundle as it comes, a part at a time.

use alloc::vec::Vec;
use core::fmt;

use thimble_image::{Digest, Hasher};

use super::ItemKind;
use super::head::{HEAD_BYTES_MAX, Head, Unread};
use crate::ids::DeviceId;
use crate::sign;

/// What comes next in a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// The input is used up: go on with the bytes that follow it.
    NeedsMore,
    /// The envelope of a state.
    State {
        /// Whose it is said to be.
        device: DeviceId,
        /// The envelope, for [`crate::sign::open_state`].
        envelope: Vec<u8>,
    },
    /// The envelope of a manifest.
    Manifest {
        /// Its digest.
        digest: Digest,
        /// The envelope, for [`crate::sign::open_manifest`].
        envelope: Vec<u8>,
    },
    /// A blob begins.
    BlobBegins {
        /// What its content is said to be.
        digest: Digest,
        /// How long it is said to be.
        bytes: u64,
    },
    /// The blob goes on. It counts for nothing before it ended.
    BlobPart(&'a [u8]),
    /// The blob ended, and is what its digest says.
    BlobEnds {
        /// The digest.
        digest: Digest,
    },
    /// The bundle is complete. What follows it is not looked at.
    End,
}

/// Why a bundle cannot be read on. Whatever came before the error is as good as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadError {
    /// The file is not a bundle.
    NotABundle,
    /// The bundle is of a form that this version does not know.
    Form {
        /// The number of the form.
        form: u64,
    },
    /// What is there is no item of a bundle.
    Malformed {
        /// Where the item begins.
        at: u64,
    },
    /// An item comes after those that it should come before.
    Order {
        /// Where the item begins.
        at: u64,
    },
    /// There are too many items of a kind.
    TooMany {
        /// How many there may be.
        items_max: u32,
    },
    /// An envelope is longer than any that counts.
    EnvelopeTooLong {
        /// How many bytes it has.
        bytes: u64,
        /// How many it may have.
        bytes_max: u32,
    },
    /// A blob is not what its digest says.
    WrongDigest {
        /// What it should be.
        expected: Digest,
        /// What it is.
        actual: Digest,
    },
    /// Items are missing.
    Missing {
        /// How many there should be.
        expected: u64,
        /// How many there are.
        actual: u64,
    },
}

/// Reads a bundle. It holds one envelope at most, and nothing of a blob.
pub struct Reader {
    at: u64,
    item_at: u64,
    items: u64,
    /// Which kind came last, and how many of it.
    last: Option<(ItemKind, u32)>,
    stage: Stage,
}

enum Stage {
    Head {
        bytes: [u8; HEAD_BYTES_MAX],
        length: usize,
    },
    Envelope {
        /// None for a manifest.
        device: Option<DeviceId>,
        bytes: Vec<u8>,
        missing: usize,
    },
    Blob {
        digest: Digest,
        hasher: Hasher,
        missing: u64,
    },
    End,
    Failed(ReadError),
}

impl Default for Reader {
    fn default() -> Self {
        Self::new()
    }
}

impl Reader {
    /// Begins.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            at: 0,
            item_at: 0,
            items: 0,
            last: None,
            stage: HEAD,
        }
    }

    /// Reads on, and takes what it read from the front of `input`.
    ///
    /// # Errors
    /// [`ReadError`] says what is wrong; it stays so.
    pub fn read<'a>(&mut self, input: &mut &'a [u8]) -> Result<Event<'a>, ReadError> {
        let outcome = self.step(input);
        if let Err(error) = outcome {
            self.stage = Stage::Failed(error);
        }
        outcome
    }

    /// How many bytes were read.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.at
    }

    fn step<'a>(&mut self, input: &mut &'a [u8]) -> Result<Event<'a>, ReadError> {
        loop {
            match &mut self.stage {
                Stage::Failed(error) => return Err(*error),
                Stage::End => return Ok(Event::End),
                Stage::Head { .. } => {
                    let Some(head) = self.head(input)? else {
                        return Ok(Event::NeedsMore);
                    };
                    if let Some(event) = self.begin(head)? {
                        return Ok(event);
                    }
                }
                Stage::Envelope { bytes, missing, .. } => {
                    let part = take(input, *missing as u64, &mut self.at);
                    bytes.extend_from_slice(part);
                    *missing -= part.len();
                    if *missing > 0 {
                        return Ok(Event::NeedsMore);
                    }
                    return Ok(self.end_envelope());
                }
                Stage::Blob { missing: 0, .. } => return self.end_blob(),
                Stage::Blob {
                    hasher, missing, ..
                } => {
                    let part = take(input, *missing, &mut self.at);
                    if part.is_empty() {
                        return Ok(Event::NeedsMore);
                    }
                    hasher.update(part);
                    *missing -= part.len() as u64;
                    return Ok(Event::BlobPart(part));
                }
            }
        }
    }

    /// Reads the beginning of an item, a byte at a time, which are few.
    fn head(&mut self, input: &mut &[u8]) -> Result<Option<Head>, ReadError> {
        let Stage::Head { bytes, length } = &mut self.stage else {
            return Ok(None);
        };
        while let Some((first, rest)) = input.split_first() {
            let malformed = if self.items == 0 {
                ReadError::NotABundle
            } else {
                ReadError::Malformed { at: self.item_at }
            };
            *bytes.get_mut(*length).ok_or(malformed)? = *first;
            *length += 1;
            *input = rest;
            self.at += 1;
            match Head::parse(bytes.get(..*length).unwrap_or_default()) {
                Ok(head) => return Ok(Some(head)),
                Err(Unread::More) => {}
                Err(Unread::Malformed) => return Err(malformed),
                Err(Unread::Form { form }) => return Err(ReadError::Form { form }),
            }
        }
        Ok(None)
    }

    /// Begins an item; returns what is to be said about its beginning.
    fn begin(&mut self, head: Head) -> Result<Option<Event<'static>>, ReadError> {
        let kind = head.kind();
        let count = match self.last {
            None if kind == ItemKind::Header => 1,
            None => return Err(ReadError::NotABundle),
            Some((last, count)) if last == kind => count + 1,
            Some((last, _)) if last < kind => 1,
            Some(_) => return Err(ReadError::Order { at: self.item_at }),
        };
        let items_max = kind.count_max();
        if count > items_max {
            return Err(ReadError::TooMany { items_max });
        }
        self.last = Some((kind, count));
        self.items += 1;
        self.item_at = self.at;
        match head {
            Head::Header => self.stage = HEAD,
            Head::State { device, bytes } => {
                self.stage = envelope(Some(device), bytes, sign::Kind::State)?;
            }
            Head::Manifest { bytes } => {
                self.stage = envelope(None, bytes, sign::Kind::Manifest)?;
            }
            Head::Blob { digest, bytes } => {
                self.stage = Stage::Blob {
                    digest,
                    hasher: Hasher::new(),
                    missing: bytes,
                };
                return Ok(Some(Event::BlobBegins { digest, bytes }));
            }
            Head::End { items } => {
                let actual = self.items - 1;
                if items != actual {
                    return Err(ReadError::Missing {
                        expected: items,
                        actual,
                    });
                }
                self.stage = Stage::End;
                return Ok(Some(Event::End));
            }
        }
        Ok(None)
    }

    fn end_envelope(&mut self) -> Event<'static> {
        self.item_at = self.at;
        match core::mem::replace(&mut self.stage, HEAD) {
            Stage::Envelope {
                device: Some(device),
                bytes,
                ..
            } => Event::State {
                device,
                envelope: bytes,
            },
            Stage::Envelope { bytes, .. } => Event::Manifest {
                digest: Digest::of(&bytes),
                envelope: bytes,
            },
            _ => Event::NeedsMore,
        }
    }

    fn end_blob(&mut self) -> Result<Event<'static>, ReadError> {
        self.item_at = self.at;
        match core::mem::replace(&mut self.stage, HEAD) {
            Stage::Blob { digest, hasher, .. } => {
                let actual = hasher.finish();
                if actual == digest {
                    Ok(Event::BlobEnds { digest })
                } else {
                    Err(ReadError::WrongDigest {
                        expected: digest,
                        actual,
                    })
                }
            }
            _ => Ok(Event::NeedsMore),
        }
    }
}

const HEAD: Stage = Stage::Head {
    bytes: [0; HEAD_BYTES_MAX],
    length: 0,
};

/// Makes room for an envelope as it comes, so that a length alone takes no memory.
fn envelope(device: Option<DeviceId>, bytes: u64, kind: sign::Kind) -> Result<Stage, ReadError> {
    let bytes_max = kind.bytes_max();
    match usize::try_from(bytes) {
        Ok(missing) if bytes <= u64::from(bytes_max) => Ok(Stage::Envelope {
            device,
            bytes: Vec::new(),
            missing,
        }),
        _ => Err(ReadError::EnvelopeTooLong { bytes, bytes_max }),
    }
}

/// Takes at most so many bytes from the front.
fn take<'a>(input: &mut &'a [u8], most: u64, at: &mut u64) -> &'a [u8] {
    let length = usize::try_from(most).map_or(input.len(), |most| most.min(input.len()));
    let (part, rest) = input.split_at_checked(length).unwrap_or((&[], input));
    *input = rest;
    *at += part.len() as u64;
    part
}

impl fmt::Display for ReadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotABundle => formatter.write_str("the file is not a bundle"),
            Self::Form { form } => write!(
                formatter,
                "the bundle has the form {form}, and this version knows form 1; write it with an older hub, \
                 or update the device's runtime"
            ),
            Self::Malformed { at } => write!(formatter, "byte {at} of the bundle begins no item"),
            Self::Order { at } => write!(
                formatter,
                "the item at byte {at} of the bundle comes too late: states, manifests, blobs is the order"
            ),
            Self::TooMany { items_max } => write!(
                formatter,
                "the bundle has more than {items_max} items of one kind"
            ),
            Self::EnvelopeTooLong { bytes, bytes_max } => write!(
                formatter,
                "an envelope in the bundle has {bytes} bytes, and may have at most {bytes_max}"
            ),
            Self::WrongDigest { expected, actual } => write!(
                formatter,
                "a blob in the bundle is {actual}, and should be {expected}; copy the bundle again"
            ),
            Self::Missing { expected, actual } => write!(
                formatter,
                "the bundle has {actual} items, and should have {expected}"
            ),
        }
    }
}

impl core::error::Error for ReadError {}
