//! Uploads that can be cut and go on, on any node: everything about them lies in the store.
//!
//! An upload is a session and pieces; where it stands follows from the pieces that are there without a gap. Pieces are
//! never changed. If two requests put one at the same offset, the one with the lesser name counts for everybody; the
//! digest decides at the end whether it was the right one.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};
use thimble_image::Digest;

use crate::error::BlobError;
use crate::names::Repository;
use crate::place;
use crate::source::{Source, SourceError};
use crate::space::Space;

/// Bytes of a piece at most: what is lost at most when a node dies.
const PIECE_BYTES: u64 = 8 << 20;

/// Names an upload.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UploadId(String);

impl UploadId {
    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for UploadId {
    type Err = BlobError;

    fn from_str(text: &str) -> Result<Self, BlobError> {
        let is_id = text.len() == 32
            && text
                .bytes()
                .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        is_id.then(|| Self(text.into())).ok_or(BlobError::NoUpload)
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The pieces of an upload, without a gap.
struct Pieces {
    paths: Vec<Path>,
    bytes: u64,
}

impl Space {
    /// Begins an upload to a repository.
    ///
    /// # Errors
    /// [`BlobError::TooManyUploads`], or the store failed.
    pub async fn begin_upload(&self, repository: &Repository) -> Result<UploadId, BlobError> {
        let open = place::uploads(self.name_space());
        let open = self.store().list_with_delimiter(Some(&open)).await;
        let open = crate::space::present(open)?.map_or(0, |open| open.common_prefixes.len());
        let max = self.limits().uploads_max;
        if open >= max {
            return Err(BlobError::TooManyUploads { max });
        }
        let id = UploadId(uuid::Uuid::new_v4().simple().to_string());
        let session = place::session(self.name_space(), &id);
        let payload = PutPayload::from(repository.as_str().to_owned());
        self.store().put(&session, payload).await?;
        Ok(id)
    }

    /// Where an upload stands.
    ///
    /// # Errors
    /// [`BlobError::NoUpload`], or the store failed.
    pub async fn upload_offset(
        &self,
        repository: &Repository,
        id: &UploadId,
    ) -> Result<u64, BlobError> {
        self.check_session(repository, id).await?;
        Ok(self.pieces(id).await?.bytes)
    }

    /// Adds content to an upload, at its end or at this offset, which must be its end. Returns where it stands then.
    /// What came before the source failed is kept.
    ///
    /// # Errors
    /// [`BlobError`]: no such upload, wrong offset, too large, no room, or the source or the store failed.
    pub async fn append(
        &self,
        repository: &Repository,
        id: &UploadId,
        at_bytes: Option<u64>,
        source: Source,
    ) -> Result<u64, BlobError> {
        self.check_session(repository, id).await?;
        let mut offset_bytes = self.pieces(id).await?.bytes;
        if at_bytes.is_some_and(|at_bytes| at_bytes != offset_bytes) {
            return Err(BlobError::Offset { offset_bytes });
        }
        let mut incoming = Gathered::new(source);
        loop {
            incoming.gather(PIECE_BYTES).await;
            let bytes = incoming.bytes;
            let bytes_max = self.limits().blob_bytes_max;
            if bytes > bytes_max.saturating_sub(offset_bytes) {
                return Err(BlobError::TooLarge { bytes_max });
            }
            if bytes > 0 {
                let mut room = self.room();
                room.take(bytes).await?;
                let nonce = uuid::Uuid::new_v4().simple().to_string();
                let path = place::piece(self.name_space(), id, offset_bytes, &nonce);
                self.store().put(&path, incoming.take()).await?;
                room.keep();
                offset_bytes += bytes;
            }
            if let Some(error) = incoming.error {
                return Err(BlobError::Source(error));
            }
            if incoming.is_over {
                return Ok(offset_bytes);
            }
        }
    }

    /// Ends an upload: it becomes the blob with this digest. Returns its length. If the digest is another one, the
    /// upload is over too, for nothing could make it right.
    ///
    /// # Errors
    /// [`BlobError`]: no such upload, another digest, no room, or the store failed.
    pub async fn finish_upload(
        &self,
        repository: &Repository,
        id: &UploadId,
        expected: Digest,
    ) -> Result<u64, BlobError> {
        self.check_session(repository, id).await?;
        let pieces = self.pieces(id).await?;
        let blobs = self.clone();
        let source = stream::iter(pieces.paths)
            .then(move |path| {
                let space = blobs.clone();
                async move {
                    let found = space.store().get(&path).await.map_err(cut)?;
                    Ok::<_, SourceError>(found.into_stream().map_err(cut))
                }
            })
            .try_flatten()
            .boxed();
        // The pieces are counted, and go as soon as the blob is there: they must not count twice meanwhile.
        self.shared()
            .ledger
            .give_back(self.name_space(), pieces.bytes);
        let stored = self.put(expected, source).await;
        match &stored {
            Ok(_) | Err(BlobError::Digest { .. }) => self.remove_upload(id).await?,
            Err(_) => self.shared().ledger.forget(self.name_space()),
        }
        stored
    }

    /// Gives an upload up.
    ///
    /// # Errors
    /// [`BlobError::NoUpload`], or the store failed.
    pub async fn cancel_upload(
        &self,
        repository: &Repository,
        id: &UploadId,
    ) -> Result<(), BlobError> {
        self.check_session(repository, id).await?;
        self.remove_upload(id).await?;
        self.shared().ledger.forget(self.name_space());
        Ok(())
    }

    /// Removes an upload: the session first, so that nothing more is added.
    pub(crate) async fn remove_upload(&self, id: &UploadId) -> Result<(), BlobError> {
        let session = place::session(self.name_space(), id);
        crate::space::present(self.store().delete(&session).await)?;
        let rest = self
            .store()
            .list(Some(&place::upload(self.name_space(), id)));
        let rest: Vec<_> = rest.map_ok(|object| object.location).try_collect().await?;
        for path in rest {
            crate::space::present(self.store().delete(&path).await)?;
        }
        Ok(())
    }

    async fn check_session(&self, repository: &Repository, id: &UploadId) -> Result<(), BlobError> {
        let session = self
            .store()
            .get(&place::session(self.name_space(), id))
            .await;
        let session = match crate::space::present(session)? {
            Some(session) => session.bytes().await?,
            None => return Err(BlobError::NoUpload),
        };
        if session == repository.as_str().as_bytes() {
            Ok(())
        } else {
            Err(BlobError::NoUpload)
        }
    }

    async fn pieces(&self, id: &UploadId) -> Result<Pieces, BlobError> {
        let found = self
            .store()
            .list(Some(&place::upload(self.name_space(), id)));
        let mut found: Vec<_> = found.try_collect().await?;
        found.sort_by(|one, other| one.location.cmp(&other.location));
        let mut pieces = Pieces {
            paths: Vec::new(),
            bytes: 0,
        };
        for object in found {
            let offset = object.location.filename().and_then(place::piece_offset);
            if offset == Some(pieces.bytes) && object.size > 0 {
                pieces.bytes += object.size;
                pieces.paths.push(object.location);
            }
        }
        Ok(pieces)
    }
}

fn cut(error: object_store::Error) -> SourceError {
    SourceError::Cut {
        reason: error.to_string(),
    }
}

/// A source, in larger portions.
struct Gathered {
    source: Source,
    pieces: Vec<Bytes>,
    bytes: u64,
    error: Option<SourceError>,
    is_over: bool,
}

impl Gathered {
    const fn new(source: Source) -> Self {
        Self {
            source,
            pieces: Vec::new(),
            bytes: 0,
            error: None,
            is_over: false,
        }
    }

    /// Waits for about this many bytes, or the end of the source.
    async fn gather(&mut self, bytes: u64) {
        while self.bytes < bytes {
            match self.source.next().await {
                Some(Ok(piece)) => {
                    self.bytes += piece.len() as u64;
                    self.pieces.push(piece);
                }
                Some(Err(error)) => {
                    self.error = Some(error);
                    return;
                }
                None => {
                    self.is_over = true;
                    return;
                }
            }
        }
    }

    fn take(&mut self) -> PutPayload {
        self.bytes = 0;
        std::mem::take(&mut self.pieces).into_iter().collect()
    }
}
