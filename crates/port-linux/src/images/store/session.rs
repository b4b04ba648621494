//! Sessions: one user of the store, whose blobs are not removed while it lives.

use std::sync::Arc;

use parking_lot::Mutex;
use thimble_image::document::DOCUMENT_BYTES_MAX;
use thimble_image::layout::blob_path;
use thimble_image::store::{Admission, BlobStore, BlobWriter, CommitError};
use thimble_image::{Descriptor, Digest, media_type};

use super::blobs::Presence;
use super::disk::{self, DiskFile};
use super::ingest::Writer;
use super::lease::Lease;
use super::{ImageStore, StoreError};

/// Uses the store's blobs; they are kept until the last clone and the last writer of it are dropped.
#[derive(Clone)]
pub struct Session {
    store: ImageStore,
    lease: Arc<Lease>,
    trust: Trust,
    /// The blob that was read last, so that reading one in pieces opens it once.
    open: Arc<Mutex<Option<OpenBlob>>>,
}

type OpenBlob = (Digest, Box<dyn DiskFile>);

/// When a blob that is here already counts as undamaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// If its content has the right digest: the blob is read.
    Digest,
    /// If it has the right length. Documents are read all the same.
    Size,
}

impl Session {
    pub(super) fn begin(store: &ImageStore) -> Result<Self, StoreError> {
        Ok(Self {
            store: store.clone(),
            lease: Arc::new(Lease::begin(&store.inner)?),
            trust: Trust::Digest,
            open: Arc::default(),
        })
    }

    /// The same session, trusting what is here already that far. Without this, [`Trust::Digest`]: a damaged blob is
    /// wanted again when it is admitted.
    #[must_use]
    pub fn with_trust(self, trust: Trust) -> Self {
        Self { trust, ..self }
    }

    /// The store.
    #[must_use]
    pub const fn store(&self) -> &ImageStore {
        &self.store
    }

    /// Keeps a blob, and what it names if it is a document, while the session lives.
    ///
    /// # Errors
    /// If it is not here, or the disk fails or is full.
    pub fn keep(&self, digest: &Digest) -> Result<(), StoreError> {
        self.lease.add(&[*digest])?;
        self.store.inner.open_blob(digest).map(|_| ())
    }

    /// Keeps an image with everything that it needs and that is here, while the session lives.
    ///
    /// # Errors
    /// If something that it needs is missing or damaged, or the disk fails or is full.
    pub fn keep_image(&self, root: &Descriptor) -> Result<(), StoreError> {
        // From here on what it names is safe; the rest is listed one by one, should the document be damaged later.
        self.lease.add(&[root.digest])?;
        let needed = self.store.inner.require_complete(root)?;
        self.lease.add(&needed)
    }

    /// Stores some content, durably.
    ///
    /// # Errors
    /// If the disk fails or is full.
    pub fn write(&self, media_type: &str, content: &[u8]) -> Result<Descriptor, StoreError> {
        let blob = Descriptor::of(media_type, content);
        let Admission::Wanted(mut writer) = self.admit(&blob)? else {
            return Ok(blob);
        };
        if writer.offset() > 0 {
            writer.restart()?;
        }
        writer.write(content)?;
        match writer.commit() {
            Ok(()) => Ok(blob),
            Err(CommitError::Device(error)) => Err(error),
            Err(CommitError::Length { .. } | CommitError::Digest { .. }) => {
                Err(StoreError::Damaged {
                    digest: blob.digest,
                })
            }
        }
    }
}

impl BlobStore for Session {
    type Error = StoreError;
    type Writer = Writer;

    /// As the trait says. Waits for the disk and for other writers of the blob, so that whoever admits a blob that the
    /// same thread is writing waits for ever.
    fn admit(&self, blob: &Descriptor) -> Result<Admission<Writer>, StoreError> {
        self.lease.add(&[blob.digest])?;
        let inner = &self.store.inner;
        if inner.presence(blob, self.trust)? != Presence::Good
            && let Some(writer) = Writer::begin(&self.lease, blob, self.trust)?
        {
            return Ok(Admission::Wanted(writer));
        }
        // Others may have stored it as something else, or without our notes.
        if media_type::is_document(&blob.media_type) && blob.size <= DOCUMENT_BYTES_MAX {
            let content = inner.read_verified(&blob.digest, blob.size)?;
            let held = inner.lock()?;
            inner.note_subject(&held, &blob.digest, &content)?;
        }
        Ok(Admission::Present)
    }

    fn read(&self, digest: &Digest, offset: u64, buffer: &mut [u8]) -> Result<usize, StoreError> {
        self.lease.add(&[*digest])?;
        let mut open = self.open.lock();
        let file = match open.take() {
            // From its beginning it is opened again: it may have been repaired.
            Some((own, file)) if own == *digest && offset > 0 => file,
            _ => self.store.inner.open_blob(digest)?,
        };
        let read = disk::read_full(&*file, offset, buffer)
            .map_err(self.store.inner.fault("read", &blob_path(digest)))?;
        *open = Some((*digest, file));
        Ok(read)
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Session")
            .field("trust", &self.trust)
            .finish_non_exhaustive()
    }
}
