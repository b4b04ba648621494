//! Blobs between a store and streams of bytes.

use std::cell::{Cell, RefCell};
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

/// Bytes of a block of a tar archive.
const BLOCK_BYTES: u64 = 512;

/// How far an archive was read; shared by who reads its bytes and who reads its entries.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Where the content of the entry ends that was read last.
    pub(super) content_end: Cell<u64>,
    /// Whether the bytes are at their end.
    pub(super) ended: Cell<bool>,
}

/// Reads as many bytes of an archive as it may and complains about more. An archive that lacks the padding of its last
/// entry gets it: umoci 0.4 writes such layers.
pub(super) struct Bounded<'a, R> {
    inner: R,
    position: u64,
    bytes_max: u64,
    progress: &'a Progress,
}

impl<'a, R: Read> Bounded<'a, R> {
    pub(super) const fn new(inner: R, bytes_max: u64, progress: &'a Progress) -> Self {
        Self {
            inner,
            position: 0,
            bytes_max,
            progress,
        }
    }

    /// Zeros up to the end of a block, if all content has come.
    fn pad(&mut self, buffer: &mut [u8]) -> usize {
        self.progress.ended.set(true);
        if self.position < self.progress.content_end.get() {
            return 0;
        }
        let missing = self.position.next_multiple_of(BLOCK_BYTES) - self.position;
        let missing = usize::try_from(missing).unwrap_or_default();
        let count = buffer.len().min(missing);
        buffer.iter_mut().take(count).for_each(|byte| *byte = 0);
        self.position = self.position.saturating_add(count as u64);
        count
    }
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let left = self.bytes_max.saturating_sub(self.position);
        if left == 0 {
            return match self.inner.read(&mut [0])? {
                0 => Ok(self.pad(buffer)),
                _ => Err(ErrorKind::FileTooLarge.into()),
            };
        }
        let length = usize::try_from(left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let count = self
            .inner
            .read(buffer.get_mut(..length).unwrap_or_default())?;
        if count == 0 {
            return Ok(self.pad(buffer));
        }
        self.position = self.position.saturating_add(count as u64);
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
