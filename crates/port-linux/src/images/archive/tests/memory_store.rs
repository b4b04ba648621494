//! A store in memory, which keeps the rules of the contract.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;

use thimble_image::store::{Admission, BlobStore, BlobWriter, CommitError};
use thimble_image::{Descriptor, Digest};

#[derive(Clone, Default)]
pub(super) struct MemoryStore(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    blobs: BTreeMap<Digest, Vec<u8>>,
    partial: BTreeMap<Digest, Vec<u8>>,
    media_types: BTreeMap<Digest, String>,
    fails: bool,
}

/// The store was told to fail, or has no such blob.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Failed;

pub(super) struct Writer {
    store: MemoryStore,
    blob: Descriptor,
    bytes: Vec<u8>,
}

impl MemoryStore {
    pub(super) fn put(&self, media_type: &str, content: &[u8]) -> Descriptor {
        let blob = Descriptor::of(media_type, content);
        self.0
            .borrow_mut()
            .blobs
            .insert(blob.digest, content.to_vec());
        blob
    }

    pub(super) fn remove(&self, digest: &Digest) {
        self.0.borrow_mut().blobs.remove(digest);
    }

    pub(super) fn digests(&self) -> Vec<Digest> {
        self.0.borrow().blobs.keys().copied().collect()
    }

    pub(super) fn content(&self, digest: &Digest) -> Vec<u8> {
        self.0.borrow().blobs[digest].clone()
    }

    /// The media type with which a blob was last asked for.
    pub(super) fn media_type(&self, digest: &Digest) -> Option<String> {
        self.0.borrow().media_types.get(digest).cloned()
    }

    /// Leaves bytes of an earlier attempt behind.
    pub(super) fn leave_partial(&self, digest: Digest, bytes: &[u8]) {
        self.0.borrow_mut().partial.insert(digest, bytes.to_vec());
    }

    pub(super) fn fail(&self) {
        self.0.borrow_mut().fails = true;
    }
}

impl BlobStore for MemoryStore {
    type Error = Failed;
    type Writer = Writer;

    fn admit(&self, blob: &Descriptor) -> Result<Admission<Writer>, Failed> {
        let mut state = self.0.borrow_mut();
        if state.fails {
            return Err(Failed);
        }
        state
            .media_types
            .insert(blob.digest, blob.media_type.clone());
        if state.blobs.contains_key(&blob.digest) {
            return Ok(Admission::Present);
        }
        let bytes = state.partial.remove(&blob.digest).unwrap_or_default();
        Ok(Admission::Wanted(Writer {
            store: self.clone(),
            blob: blob.clone(),
            bytes,
        }))
    }

    fn read(&self, digest: &Digest, offset: u64, buffer: &mut [u8]) -> Result<usize, Failed> {
        let state = self.0.borrow();
        let content = state
            .blobs
            .get(digest)
            .filter(|_| !state.fails)
            .ok_or(Failed)?;
        let rest = content
            .get(usize::try_from(offset).unwrap()..)
            .unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}

impl BlobWriter for Writer {
    type Error = Failed;

    fn offset(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failed> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn restart(&mut self) -> Result<(), Failed> {
        self.bytes.clear();
        Ok(())
    }

    fn commit(self) -> Result<(), CommitError<Failed>> {
        let found = self.bytes.len() as u64;
        if found != self.blob.size {
            return Err(CommitError::Length {
                expected: self.blob.size,
                found,
            });
        }
        let digest = Digest::of(&self.bytes);
        if digest != self.blob.digest {
            return Err(CommitError::Digest {
                expected: self.blob.digest,
                found: digest,
            });
        }
        self.store.0.borrow_mut().blobs.insert(digest, self.bytes);
        Ok(())
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the store failed")
    }
}

impl std::error::Error for Failed {}
