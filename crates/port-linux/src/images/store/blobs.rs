//! Blobs that are complete: whether they are there, whether they are right, and their content.

use std::io;

use thimble_image::document::DOCUMENT_BYTES_MAX;
use thimble_image::layout::{BLOBS_FOLDER, blob_path};
use thimble_image::media_type;
use thimble_image::{Descriptor, Digest, Document, Hasher};

use super::disk::{self, DiskFile};
use super::session::Trust;
use super::{Inner, StoreError};

/// Bytes that are read at once.
pub(super) const PIECE_BYTES: usize = 64 << 10;

/// Whether a blob can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    Good,
    Missing,
    Damaged,
}

impl Inner {
    pub(super) fn open_blob(&self, digest: &Digest) -> Result<Box<dyn DiskFile>, StoreError> {
        let path = blob_path(digest);
        disk::open_if_there(&*self.disk, &path)
            .map_err(self.fault("open", &path))?
            .ok_or(StoreError::Missing { digest: *digest })
    }

    /// Whether a blob is here. A document is always read: it is small, and others rely on what it says.
    pub(super) fn presence(&self, blob: &Descriptor, trust: Trust) -> Result<Presence, StoreError> {
        let path = blob_path(&blob.digest);
        let entry = self
            .disk
            .entry(&path)
            .map_err(self.fault("look up", &path))?;
        let Some(entry) = entry else {
            return Ok(Presence::Missing);
        };
        let is_size_right = entry.bytes == blob.size;
        if is_size_right && trust == Trust::Size && !media_type::is_document(&blob.media_type) {
            return Ok(Presence::Good);
        }
        let file = match self.open_blob(&blob.digest) {
            Err(StoreError::Missing { .. }) => return Ok(Presence::Missing),
            file => file?,
        };
        let found = hash(&*file).map_err(self.fault("read", &path))?;
        if found != blob.digest {
            return Ok(Presence::Damaged);
        }
        if !is_size_right {
            return Err(StoreError::Size {
                digest: blob.digest,
                announced: blob.size,
                found: entry.bytes,
            });
        }
        Ok(Presence::Good)
    }

    pub(super) fn read_verified(
        &self,
        digest: &Digest,
        bytes_max: u64,
    ) -> Result<Vec<u8>, StoreError> {
        let path = blob_path(digest);
        let file = self.open_blob(digest)?;
        let content = disk::read_whole(&*file, bytes_max).map_err(self.fault("read", &path))?;
        let content = content.ok_or(StoreError::TooLarge {
            digest: *digest,
            bytes_max,
        })?;
        if Digest::of(&content) == *digest {
            Ok(content)
        } else {
            Err(StoreError::Damaged { digest: *digest })
        }
    }

    pub(super) fn document(&self, blob: &Descriptor) -> Result<Document, StoreError> {
        let content = self.read_verified(&blob.digest, DOCUMENT_BYTES_MAX)?;
        if content.len() as u64 != blob.size {
            return Err(StoreError::Size {
                digest: blob.digest,
                announced: blob.size,
                found: content.len() as u64,
            });
        }
        Document::parse(&content, Some(&blob.media_type)).map_err(|error| StoreError::Document {
            digest: blob.digest,
            error,
        })
    }

    /// Makes it durable that blobs are there, or not there any more.
    pub(super) fn sync_blobs(&self) -> Result<(), StoreError> {
        self.sync_folder(BLOBS_FOLDER)
    }
}

/// The digest of a file's content.
pub(super) fn hash(file: &dyn DiskFile) -> io::Result<Digest> {
    let mut hasher = Hasher::new();
    hash_into(file, &mut hasher)?;
    Ok(hasher.finish())
}

/// Hashes a file's content; answers its length.
pub(super) fn hash_into(file: &dyn DiskFile, hasher: &mut Hasher) -> io::Result<u64> {
    let mut piece = vec![0; PIECE_BYTES];
    let mut offset = 0u64;
    loop {
        let read = file.read_at(offset, &mut piece)?;
        if read == 0 {
            return Ok(offset);
        }
        hasher.update(piece.get(..read).unwrap_or_default());
        offset = offset.saturating_add(read as u64);
    }
}
