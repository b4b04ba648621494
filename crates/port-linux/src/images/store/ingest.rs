//! Blobs on their way into the store: one file each, locked by whoever writes it, gone on with by whoever comes next.

use thimble_image::document::DOCUMENT_BYTES_MAX;
use thimble_image::layout::blob_path;
use thimble_image::store::{BlobWriter, CommitError};
use thimble_image::{Descriptor, Digest, Hasher, media_type};

use std::io;
use std::sync::Arc;

use super::blobs::{self, PIECE_BYTES, Presence};
use super::disk::{self, DiskFile};
use super::lease::Lease;
use super::session::Trust;
use super::{Inner, StoreError};

pub(super) const INGEST_FOLDER: &str = "ingest";
/// Bytes that a power cut may cost a long download.
pub(super) const SYNC_BYTES: u64 = 16 << 20;
/// A run of zeros at the end of what was written before is what file systems leave after a power cut, where the length
/// was durable and the content was not.
const ZEROS_BYTES: u64 = 512;

/// Writes a blob into the store. Dropped before it is committed, it keeps what it has for another attempt.
pub struct Writer {
    lease: Arc<Lease>,
    path: String,
    file: Box<dyn DiskFile>,
    blob: Descriptor,
    hasher: Hasher,
    bytes: u64,
    unsynced_bytes: u64,
    is_named_durably: bool,
    /// A flush failed: what the file has is not what the disk has, whatever later flushes say.
    is_broken: bool,
}

impl Writer {
    /// Waits until nobody else writes the blob; nothing if it is here then.
    pub(super) fn begin(
        lease: &Arc<Lease>,
        blob: &Descriptor,
        trust: Trust,
    ) -> Result<Option<Self>, StoreError> {
        let inner = lease.inner();
        let path = path(&blob.digest);
        let file = inner.lock_file(&path)?;
        let mut writer = Self {
            lease: Arc::clone(lease),
            path,
            file,
            blob: blob.clone(),
            hasher: Hasher::new(),
            bytes: 0,
            unsynced_bytes: 0,
            is_named_durably: false,
            is_broken: false,
        };
        let prepared = writer.prepare(trust);
        if !matches!(prepared, Ok(true)) {
            // An empty file tells nobody anything.
            let is_empty = writer.file.entry().is_ok_and(|entry| entry.bytes == 0);
            if is_empty || prepared.is_ok() {
                let _ = inner.disk.unlink(&writer.path);
            }
        }
        Ok(prepared?.then_some(writer))
    }

    /// Whether the blob is to be written. Only the holder of this lock may do away with a damaged one.
    fn prepare(&mut self, trust: Trust) -> Result<bool, StoreError> {
        let inner = Arc::clone(self.lease.inner());
        match inner.presence(&self.blob, trust)? {
            Presence::Good => return Ok(false),
            Presence::Missing => {}
            Presence::Damaged => {
                let blob = blob_path(&self.blob.digest);
                disk::unlink_if_there(&*inner.disk, &blob).map_err(inner.fault("remove", &blob))?;
                inner.sync_blobs()?;
                inner.notice(format!(
                    "{} was damaged and is fetched again",
                    self.blob.digest
                ));
            }
        }
        self.lease.reserve(&self.blob.digest, self.blob.size)?;
        let fault = |error| inner.fault("read", &self.path)(error);
        let mut here = without_zeros(&*self.file).map_err(fault)?;
        if here > self.blob.size {
            here = 0;
        }
        self.file
            .truncate(here)
            .map_err(|error| inner.write_fault("truncate", &self.path, 0, error))?;
        self.bytes = blobs::hash_into(&*self.file, &mut self.hasher)
            .map_err(|error| inner.fault("read", &self.path)(error))?;
        // It may be of a process that was killed before it flushed.
        self.unsynced_bytes = self.bytes;
        Ok(true)
    }

    fn inner(&self) -> &Inner {
        self.lease.inner()
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        if let Err(error) = self.file.sync() {
            self.is_broken = true;
            self.forget();
            return Err(self.fault("flush", error));
        }
        self.unsynced_bytes = 0;
        Ok(())
    }

    /// Leaves nothing that somebody could go on with. A disk that refuses this right after it failed to flush may leave
    /// bytes that look right until the power is cut; whoever admits or verifies the blob then finds it damaged.
    fn forget(&mut self) {
        let _ = self.file.truncate(0);
        let _ = self.inner().disk.unlink(&self.path);
        // Another may have the name from now on.
        self.is_broken = true;
    }

    fn fault(&self, doing: &'static str, error: io::Error) -> StoreError {
        let missing_bytes = self.blob.size.saturating_sub(self.bytes);
        self.inner()
            .write_fault(doing, &self.path, missing_bytes, error)
    }

    fn require_sound(&self) -> Result<(), StoreError> {
        if self.is_broken {
            let error = io::Error::other("an earlier write to it failed");
            return Err(self.fault("write", error));
        }
        Ok(())
    }

    /// Gives the complete, durable file its place among the blobs, durably.
    fn publish(&self) -> Result<(), StoreError> {
        let inner = self.inner();
        let mut held = None;
        if media_type::is_document(&self.blob.media_type) && self.bytes <= DOCUMENT_BYTES_MAX {
            let content = disk::read_whole(&*self.file, DOCUMENT_BYTES_MAX);
            let content = content.map_err(inner.fault("read", &self.path))?;
            // A prune must not take the note for one whose document is gone.
            let lock = inner.lock()?;
            inner.note_subject(&lock, &self.blob.digest, &content.unwrap_or_default())?;
            held = Some(lock);
        }
        inner
            .disk
            .rename(&self.path, &blob_path(&self.blob.digest))
            .map_err(|error| self.fault("rename", error))?;
        let result = inner.sync_blobs();
        drop(held);
        result
    }
}

impl BlobWriter for Writer {
    type Error = StoreError;

    fn offset(&self) -> u64 {
        self.bytes
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.require_sound()?;
        if self.blob.size.saturating_sub(self.bytes) < bytes.len() as u64 {
            return Err(StoreError::TooLarge {
                digest: self.blob.digest,
                bytes_max: self.blob.size,
            });
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let written = match self.file.write_at(self.bytes, rest) {
                Ok(0) => return Err(self.fault("write", io::ErrorKind::WriteZero.into())),
                Ok(written) => written,
                Err(error) => return Err(self.fault("write", error)),
            };
            let (done, more) = rest.split_at(written.min(rest.len()));
            self.hasher.update(done);
            self.bytes = self.bytes.saturating_add(done.len() as u64);
            self.unsynced_bytes = self.unsynced_bytes.saturating_add(done.len() as u64);
            rest = more;
        }
        if self.unsynced_bytes >= self.inner().sync_bytes {
            self.sync()?;
            if !self.is_named_durably {
                self.inner().sync_folder(INGEST_FOLDER)?;
                self.is_named_durably = true;
            }
        }
        Ok(())
    }

    fn restart(&mut self) -> Result<(), StoreError> {
        self.require_sound()?;
        self.file
            .truncate(0)
            .map_err(|error| self.fault("truncate", error))?;
        self.hasher = Hasher::new();
        self.bytes = 0;
        self.unsynced_bytes = 0;
        Ok(())
    }

    fn commit(mut self) -> Result<(), CommitError<StoreError>> {
        self.require_sound().map_err(CommitError::Device)?;
        if self.bytes != self.blob.size {
            self.forget();
            return Err(CommitError::Length {
                expected: self.blob.size,
                found: self.bytes,
            });
        }
        let found = self.hasher.clone().finish();
        if found != self.blob.digest {
            self.forget();
            return Err(CommitError::Digest {
                expected: self.blob.digest,
                found,
            });
        }
        self.sync()
            .and_then(|()| self.publish())
            .map_err(CommitError::Device)
    }
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Writer")
            .field("digest", &self.blob.digest)
            .field("offset", &self.bytes)
            .finish_non_exhaustive()
    }
}

pub(super) fn path(digest: &Digest) -> String {
    disk::join(INGEST_FOLDER, &digest.hex())
}

/// The length of a file without a long run of zeros at its end.
fn without_zeros(file: &dyn DiskFile) -> io::Result<u64> {
    let bytes = file.entry()?.bytes;
    let mut end = bytes;
    let mut piece = vec![0; PIECE_BYTES];
    while end > 0 {
        let start = end.saturating_sub(PIECE_BYTES as u64);
        let length = usize::try_from(end - start).unwrap_or(PIECE_BYTES);
        let wanted = piece.get_mut(..length).unwrap_or_default();
        let read = disk::read_full(file, start, wanted)?;
        let content = piece.get(..read).unwrap_or_default();
        if let Some(last) = content.iter().rposition(|byte| *byte != 0) {
            end = start + last as u64 + 1;
            break;
        }
        end = start;
    }
    Ok(if bytes - end >= ZEROS_BYTES {
        end
    } else {
        bytes
    })
}
