//! What one name space holds: its blobs.

use std::ops::Range;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt};
use thimble_image::Digest;

use crate::blobs::Blobs;
use crate::error::BlobError;
use crate::ledger::{Room, held_bytes};
use crate::names::NameSpace;
use crate::place;
use crate::settings::Limits;

/// What one name space holds: who has this may read and write all of it, and nothing else. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Space {
    blobs: Blobs,
    name_space: NameSpace,
    bytes_max: Option<u64>,
}

/// A blob or a part of one, being read.
pub struct Read {
    /// Bytes of the whole blob.
    pub length_bytes: u64,
    /// Which of them come.
    pub range: Range<u64>,
    /// The bytes.
    pub stream: BoxStream<'static, Result<Bytes, BlobError>>,
}

impl Space {
    pub(crate) const fn new(blobs: Blobs, name_space: NameSpace, bytes_max: Option<u64>) -> Self {
        Self {
            blobs,
            name_space,
            bytes_max,
        }
    }

    /// Whose it is.
    #[must_use]
    pub const fn name_space(&self) -> &NameSpace {
        &self.name_space
    }

    /// The size of a blob, if it is here.
    ///
    /// # Errors
    /// [`BlobError::Store`] if the store fails.
    pub async fn size(&self, digest: &Digest) -> Result<Option<u64>, BlobError> {
        let path = place::blob(&self.name_space, digest);
        present(self.store().head(&path).await.map(|object| object.size))
    }

    /// Reads a blob, or these bytes of it. An end beyond its end is its end.
    ///
    /// # Errors
    /// [`BlobError::Missing`], [`BlobError::Range`] if nothing of it lies in the range, or the store failed.
    pub async fn read(
        &self,
        digest: &Digest,
        range: Option<Range<u64>>,
    ) -> Result<Read, BlobError> {
        let path = place::blob(&self.name_space, digest);
        if let Some(range) = &range {
            // Stores do not agree on what they say about a wrong range.
            let length_bytes = self.store().head(&path).await?.size;
            if range.is_empty() || range.start >= length_bytes {
                return Err(BlobError::Range { length_bytes });
            }
        }
        let options = GetOptions {
            range: range.map(GetRange::Bounded),
            ..GetOptions::default()
        };
        let found = self.store().get_opts(&path, options).await?;
        Ok(Read {
            length_bytes: found.meta.size,
            range: found.range.clone(),
            stream: found
                .into_stream()
                .map(|piece| piece.map_err(BlobError::from))
                .boxed(),
        })
    }

    /// Reads a small blob whole.
    ///
    /// # Errors
    /// [`BlobError::Missing`], [`BlobError::TooLarge`] if it has more bytes than that, or the store failed.
    pub async fn read_whole(&self, digest: &Digest, bytes_max: u64) -> Result<Bytes, BlobError> {
        let path = place::blob(&self.name_space, digest);
        let found = self.store().get(&path).await?;
        if found.meta.size > bytes_max {
            return Err(BlobError::TooLarge { bytes_max });
        }
        Ok(found.bytes().await?)
    }

    /// Takes a blob over from another name space, without moving it through here. Whether the caller may see the other
    /// one is the caller's to know.
    ///
    /// # Errors
    /// [`BlobError::Missing`] if the other has none, [`BlobError::Quota`], or the store failed.
    pub async fn take_over(&self, from: &Self, digest: &Digest) -> Result<(), BlobError> {
        let bytes = from.size(digest).await?.ok_or(BlobError::Missing)?;
        if from.name_space == self.name_space || self.size(digest).await?.is_some() {
            return Ok(());
        }
        let mut room = self.room();
        room.take(bytes).await?;
        let (from, to) = (
            place::blob(&from.name_space, digest),
            place::blob(&self.name_space, digest),
        );
        self.store().copy(&from, &to).await?;
        room.keep();
        Ok(())
    }

    /// How many bytes it holds.
    ///
    /// # Errors
    /// [`BlobError::Store`] if the store fails.
    pub async fn held_bytes(&self) -> Result<u64, BlobError> {
        held_bytes(self.store(), &self.name_space).await
    }

    pub(crate) fn limits(&self) -> &Limits {
        self.blobs.limits()
    }

    pub(crate) fn store(&self) -> &dyn ObjectStore {
        self.shared().store.as_ref()
    }

    pub(crate) fn shared(&self) -> &crate::blobs::Shared {
        self.blobs.shared()
    }

    pub(crate) fn room(&self) -> Room<'_> {
        self.shared()
            .ledger
            .room(self.store(), &self.name_space, self.bytes_max)
    }
}

/// Nothing, where nothing was found.
pub(crate) fn present<T>(found: object_store::Result<T>) -> Result<Option<T>, BlobError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(BlobError::Store(error)),
    }
}

impl std::fmt::Debug for Read {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Read({:?} of {})", self.range, self.length_bytes)
    }
}
