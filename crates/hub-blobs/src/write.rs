//! Writing a blob: checked before it has its name.

use bytes::Bytes;
use futures_util::StreamExt;
use object_store::{ObjectStoreExt, PutPayload, WriteMultipart};
use thimble_image::{Digest, Hasher};

use crate::error::BlobError;
use crate::ledger::Room;
use crate::place;
use crate::source::Source;
use crate::space::Space;

/// Bytes that are written at once, and of each part of a larger blob: the least that S3 takes.
pub(crate) const PART_BYTES: u64 = 5 << 20;
/// Parts that are under way at a time.
const PARALLEL_PARTS: usize = 1;

impl Space {
    /// Stores a blob whose digest must be this one. Returns its length. It is on the disk when this returns; when it
    /// fails, nothing is left of it.
    ///
    /// # Errors
    /// [`BlobError`]: another digest, too large, no room, or the source or the store failed.
    pub async fn put(&self, expected: Digest, source: Source) -> Result<u64, BlobError> {
        let existing = self.size(&expected).await?;
        let mut incoming = Incoming {
            source,
            hasher: Hasher::new(),
            bytes: 0,
            bytes_max: self.limits().blob_bytes_max,
        };
        let mut room = self.room();
        let mut pieces = Vec::new();
        let length = loop {
            if incoming.bytes > PART_BYTES {
                let room = existing.is_none().then_some(&mut room);
                break self
                    .put_parts(expected, pieces, &mut incoming, room)
                    .await?;
            }
            match incoming.next().await? {
                Some(piece) => {
                    // What is there already is counted.
                    if existing.is_none() {
                        room.take(piece.len() as u64).await?;
                    }
                    pieces.push(piece);
                }
                None => {
                    incoming.check(expected)?;
                    let path = place::blob(self.name_space(), &expected);
                    let payload: PutPayload = pieces.into_iter().collect();
                    self.store().put(&path, payload).await?;
                    break incoming.bytes;
                }
            }
        };
        room.keep();
        Ok(length)
    }

    async fn put_parts(
        &self,
        expected: Digest,
        pieces: Vec<Bytes>,
        incoming: &mut Incoming,
        mut room: Option<&mut Room<'_>>,
    ) -> Result<u64, BlobError> {
        let path = place::blob(self.name_space(), &expected);
        let upload = self.store().put_multipart(&path).await?;
        #[expect(clippy::cast_possible_truncation, reason = "5 MiB")]
        let mut writer = WriteMultipart::new_with_chunk_size(upload, PART_BYTES as usize);
        let written = async {
            for piece in pieces {
                writer.put(piece);
            }
            while let Some(piece) = incoming.next().await? {
                if let Some(room) = &mut room {
                    room.take(piece.len() as u64).await?;
                }
                writer.wait_for_capacity(PARALLEL_PARTS).await?;
                writer.put(piece);
            }
            incoming.check(expected)
        };
        match written.await {
            Ok(()) => {
                writer.finish().await?;
                Ok(incoming.bytes)
            }
            Err(error) => {
                // What is left of it has no name; the first error counts.
                let _ = writer.abort().await;
                Err(error)
            }
        }
    }
}

struct Incoming {
    source: Source,
    hasher: Hasher,
    bytes: u64,
    bytes_max: u64,
}

impl Incoming {
    async fn next(&mut self) -> Result<Option<Bytes>, BlobError> {
        let Some(piece) = self.source.next().await else {
            return Ok(None);
        };
        let piece = piece.map_err(BlobError::Source)?;
        self.bytes = self.bytes.saturating_add(piece.len() as u64);
        if self.bytes > self.bytes_max {
            return Err(BlobError::TooLarge {
                bytes_max: self.bytes_max,
            });
        }
        self.hasher.update(&piece);
        Ok(Some(piece))
    }

    fn check(&self, expected: Digest) -> Result<(), BlobError> {
        let found = self.hasher.clone().finish();
        if found == expected {
            Ok(())
        } else {
            Err(BlobError::Digest { expected, found })
        }
    }
}
