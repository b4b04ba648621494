//! Writing a bundle as it goes.

use alloc::vec::Vec;
use core::fmt;

use thimble_image::{Digest, Hasher};

use super::{FORM, ItemKind, MAGIC};
use crate::codec::Written;
use crate::ids::DeviceId;
use crate::sign;

/// Why something cannot be written. Whoever writes is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WriteError {
    /// Items come in the order states, manifests, blobs, end.
    Order,
    /// There are too many items of a kind.
    TooMany {
        /// How many there may be.
        items_max: u32,
    },
    /// No device would take an envelope this long.
    EnvelopeTooLong {
        /// How many bytes it has.
        bytes: u64,
        /// How many it may have.
        bytes_max: u32,
    },
    /// A blob has fewer or more bytes than was said.
    BlobLength {
        /// How many are missing; 0 if there are too many.
        missing: u64,
    },
    /// A blob is not what its digest says.
    WrongDigest {
        /// What it should be.
        expected: Digest,
        /// What it is.
        actual: Digest,
    },
}

/// Writes a bundle: each call returns the bytes that come next. What is written by it, a [`super::Reader`] accepts.
pub struct Writer {
    items: u64,
    last: (ItemKind, u32),
    blob: Option<(Digest, Hasher, u64)>,
}

impl Writer {
    /// Begins, with the bundle's first bytes.
    #[must_use]
    pub fn new() -> (Self, Vec<u8>) {
        let mut written = Written::new();
        written
            .array(3)
            .number(ItemKind::Header.number())
            .text(MAGIC)
            .number(FORM);
        let writer = Self {
            items: 1,
            last: (ItemKind::Header, 1),
            blob: None,
        };
        (writer, written.into_bytes())
    }

    /// Adds the state of a device.
    ///
    /// # Errors
    /// It comes too late, or is too much.
    pub fn state(&mut self, device: DeviceId, envelope: &[u8]) -> Result<Vec<u8>, WriteError> {
        check_envelope(envelope, sign::Kind::State)?;
        self.begin(ItemKind::State)?;
        let mut written = Written::new();
        written
            .array(3)
            .number(ItemKind::State.number())
            .bytes(&device.0)
            .bytes(envelope);
        Ok(written.into_bytes())
    }

    /// Adds a manifest.
    ///
    /// # Errors
    /// It comes too late, or is too much.
    pub fn manifest(&mut self, envelope: &[u8]) -> Result<Vec<u8>, WriteError> {
        check_envelope(envelope, sign::Kind::Manifest)?;
        self.begin(ItemKind::Manifest)?;
        let mut written = Written::new();
        written
            .array(2)
            .number(ItemKind::Manifest.number())
            .bytes(envelope);
        Ok(written.into_bytes())
    }

    /// Begins a blob of so many bytes. They follow as they are; each part is shown to [`Self::part`] too.
    ///
    /// # Errors
    /// It comes too late, is one too many, or the blob before is not complete.
    pub fn blob(&mut self, digest: Digest, bytes: u64) -> Result<Vec<u8>, WriteError> {
        self.begin(ItemKind::Blob)?;
        self.blob = Some((digest, Hasher::new(), bytes));
        let mut written = Written::new();
        written
            .array(3)
            .number(ItemKind::Blob.number())
            .bytes(digest.as_bytes())
            .bytes_head(bytes);
        Ok(written.into_bytes())
    }

    /// A part of the blob's content is written.
    ///
    /// # Errors
    /// The blob has more bytes than was said, or there is none.
    pub fn part(&mut self, part: &[u8]) -> Result<(), WriteError> {
        let too_many = WriteError::BlobLength { missing: 0 };
        let (_, hasher, missing) = self.blob.as_mut().ok_or(too_many)?;
        *missing = missing.checked_sub(part.len() as u64).ok_or(too_many)?;
        hasher.update(part);
        Ok(())
    }

    /// Ends the bundle, with its last bytes.
    ///
    /// # Errors
    /// The last blob is not complete, or not what its digest says.
    pub fn end(mut self) -> Result<Vec<u8>, WriteError> {
        let items = self.items;
        self.begin(ItemKind::End)?;
        let mut written = Written::new();
        written
            .array(2)
            .number(ItemKind::End.number())
            .number(items);
        Ok(written.into_bytes())
    }

    fn begin(&mut self, kind: ItemKind) -> Result<(), WriteError> {
        if let Some((expected, hasher, missing)) = self.blob.take() {
            if missing > 0 {
                return Err(WriteError::BlobLength { missing });
            }
            let actual = hasher.finish();
            if actual != expected {
                return Err(WriteError::WrongDigest { expected, actual });
            }
        }
        let (last, count) = self.last;
        let count = match last {
            last if last == kind => count + 1,
            last if last < kind => 1,
            _ => return Err(WriteError::Order),
        };
        let items_max = kind.count_max();
        if count > items_max {
            return Err(WriteError::TooMany { items_max });
        }
        self.last = (kind, count);
        self.items += 1;
        Ok(())
    }
}

const fn check_envelope(envelope: &[u8], kind: sign::Kind) -> Result<(), WriteError> {
    let bytes_max = kind.bytes_max();
    if envelope.len() > bytes_max as usize {
        return Err(WriteError::EnvelopeTooLong {
            bytes: envelope.len() as u64,
            bytes_max,
        });
    }
    Ok(())
}

impl fmt::Display for WriteError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order => formatter
                .write_str("items of a bundle come in the order states, manifests, blobs, end"),
            Self::TooMany { items_max } => write!(
                formatter,
                "a bundle has at most {items_max} items of one kind; write two"
            ),
            Self::EnvelopeTooLong { bytes, bytes_max } => write!(
                formatter,
                "the envelope has {bytes} bytes, and may have at most {bytes_max}"
            ),
            Self::BlobLength { missing: 0 } => {
                formatter.write_str("the blob has more bytes than was said")
            }
            Self::BlobLength { missing } => {
                write!(formatter, "the blob lacks {missing} of its bytes")
            }
            Self::WrongDigest { expected, actual } => write!(
                formatter,
                "the blob is {actual}, and should be {expected}; it was damaged where it is kept"
            ),
        }
    }
}

impl core::error::Error for WriteError {}
