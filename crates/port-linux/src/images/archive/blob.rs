//! Blobs between a store and streams of bytes.

use std::cell::RefCell;
use std::io::{self, ErrorKind, Read};

use thimble_image::store::{Admission, BlobStore, BlobWriter, CommitError};
use thimble_image::{Descriptor, Digest};

/// Bytes that are copied at once.
const PIECE_BYTES: usize = 64 << 10;

/// Reads a blob of a store from its beginning.
pub(super) struct BlobReader<'a, S: BlobStore> {
    store: &'a S,
    digest: Digest,
    offset: u64,
    /// Where the store's own error is left, which `io::Error` cannot carry.
    failure: &'a RefCell<Option<S::Error>>,
}

impl<'a, S: BlobStore> BlobReader<'a, S> {
    pub(super) const fn new(
        store: &'a S,
        digest: Digest,
        failure: &'a RefCell<Option<S::Error>>,
    ) -> Self {
        Self {
            store,
            digest,
            offset: 0,
            failure,
        }
    }
}

impl<S: BlobStore> Read for BlobReader<'_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.store.read(&self.digest, self.offset, buffer) {
            Ok(count) => {
                self.offset = self.offset.saturating_add(count as u64);
                Ok(count)
            }
            Err(error) => {
                *self.failure.borrow_mut() = Some(error);
                Err(io::Error::other("the store failed"))
            }
        }
    }
}

/// Reads as many bytes as it may and complains about more.
pub(super) struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Bounded<R> {
    pub(super) const fn new(inner: R, bytes_max: u64) -> Self {
        Self {
            inner,
            left: bytes_max,
        }
    }
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            return match self.inner.read(&mut [0])? {
                0 => Ok(0),
                _ => Err(ErrorKind::FileTooLarge.into()),
            };
        }
        let length = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let count = self
            .inner
            .read(buffer.get_mut(..length).unwrap_or_default())?;
        self.left = self.left.saturating_sub(count as u64);
        Ok(count)
    }
}

/// Why a blob was not copied into a store.
pub(super) enum CopyError<E> {
    /// What it is read from failed.
    Read(io::Error),
    /// The store failed.
    Store(E),
    /// Its content is not what it should be.
    Commit(CommitError<E>),
}

/// Writes a blob from its beginning.
pub(super) fn copy<W: BlobWriter>(
    reader: &mut impl Read,
    mut writer: W,
) -> Result<(), CopyError<W::Error>> {
    // Bytes of an earlier attempt may be another's; these come at no cost.
    if writer.offset() > 0 {
        writer.restart().map_err(CopyError::Store)?;
    }
    let mut buffer = vec![0; PIECE_BYTES];
    loop {
        let count = match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => {
                // What is there of it could be anything.
                writer.restart().map_err(CopyError::Store)?;
                return Err(CopyError::Read(error));
            }
        };
        writer
            .write(buffer.get(..count).unwrap_or_default())
            .map_err(CopyError::Store)?;
    }
    writer.commit().map_err(CopyError::Commit)
}

/// Whether a store has a blob, with the length that its descriptor tells.
pub(super) fn is_present<S: BlobStore>(store: &S, blob: &Descriptor) -> Result<Presence, S::Error> {
    match store.admit(blob)? {
        Admission::Wanted(_) => Ok(Presence::Absent),
        Admission::Present => {
            let mut byte = [0];
            let reaches = match blob.size.checked_sub(1) {
                Some(last) => store.read(&blob.digest, last, &mut byte)? == 1,
                None => true,
            };
            let ends = reaches && store.read(&blob.digest, blob.size, &mut byte)? == 0;
            Ok(if ends {
                Presence::Present
            } else {
                Presence::OtherLength
            })
        }
    }
}

/// What a store has of a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    /// All of it.
    Present,
    /// All of it, and it is not as long as its descriptor says.
    OtherLength,
    /// Nothing, or not all.
    Absent,
}
