//! A store of blobs in memory, which keeps every rule of the contract and does what a test tells it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use thimble_image::store::{Admission, BlobStore, BlobWriter, CommitError};
use thimble_image::{Descriptor, Digest};

/// A store in memory. Its copies are the same store.
#[derive(Clone, Default)]
pub struct MemoryStore(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Told when a writer is gone.
    freed: Condvar,
}

#[derive(Default)]
struct State {
    blobs: BTreeMap<Digest, Vec<u8>>,
    committed: Vec<Digest>,
    /// What writers left behind that did not finish.
    partial: BTreeMap<Digest, Vec<u8>>,
    /// What somebody is writing.
    busy: BTreeSet<Digest>,
    media_types: BTreeMap<Digest, String>,
    fails: bool,
}

/// Why the store does not do what it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemoryError {
    /// It has no such blob.
    Missing,
    /// It was told to fail.
    Failed,
}

/// Writes one blob of a [`MemoryStore`].
pub struct MemoryWriter {
    store: MemoryStore,
    blob: Descriptor,
    bytes: Vec<u8>,
}

impl MemoryStore {
    /// Adds a blob.
    pub fn add(&self, media_type: &str, bytes: &[u8]) -> Descriptor {
        let blob = Descriptor::of(media_type, bytes);
        self.state().blobs.insert(blob.digest, bytes.to_vec());
        blob
    }

    /// Leaves bytes behind as an attempt would that did not finish.
    pub fn add_partial(&self, digest: Digest, bytes: &[u8]) {
        self.state().partial.insert(digest, bytes.to_vec());
    }

    /// Puts other bytes in the place of a blob, as a worn disk would.
    pub fn damage(&self, digest: Digest, bytes: &[u8]) {
        self.state().blobs.insert(digest, bytes.to_vec());
    }

    /// Removes a blob.
    pub fn remove(&self, digest: &Digest) {
        self.state().blobs.remove(digest);
    }

    /// Fails from now on, whatever is asked.
    pub fn fail(&self) {
        self.state().fails = true;
    }

    /// Returns whether a blob is here, complete.
    #[must_use]
    pub fn has(&self, digest: &Digest) -> bool {
        self.state().blobs.contains_key(digest)
    }

    /// Returns a blob.
    #[must_use]
    pub fn content(&self, digest: &Digest) -> Option<Vec<u8>> {
        self.state().blobs.get(digest).cloned()
    }

    /// Lists all blobs.
    #[must_use]
    pub fn digests(&self) -> Vec<Digest> {
        self.state().blobs.keys().copied().collect()
    }

    /// Lists what came through writers, in the order in which it was committed.
    #[must_use]
    pub fn committed(&self) -> Vec<Digest> {
        self.state().committed.clone()
    }

    /// Returns how long all blobs are together.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let state = self.state();
        state.blobs.values().map(|blob| blob.len() as u64).sum()
    }

    /// Returns the media type with which a blob was last asked for.
    #[must_use]
    pub fn media_type(&self, digest: &Digest) -> Option<String> {
        self.state().media_types.get(digest).cloned()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap()
    }
}

impl State {
    fn check(&self) -> Result<(), MemoryError> {
        if self.fails {
            return Err(MemoryError::Failed);
        }
        Ok(())
    }
}

impl BlobStore for MemoryStore {
    type Error = MemoryError;
    type Writer = MemoryWriter;

    fn admit(&self, blob: &Descriptor) -> Result<Admission<MemoryWriter>, MemoryError> {
        let state = self.state();
        let mut state = self
            .0
            .freed
            .wait_while(state, |state| state.busy.contains(&blob.digest))
            .unwrap();
        state.check()?;
        let media_type = blob.media_type.clone();
        state.media_types.insert(blob.digest, media_type);
        if state.blobs.contains_key(&blob.digest) {
            return Ok(Admission::Present);
        }
        state.busy.insert(blob.digest);
        Ok(Admission::Wanted(MemoryWriter {
            store: self.clone(),
            blob: blob.clone(),
            bytes: state.partial.remove(&blob.digest).unwrap_or_default(),
        }))
    }

    fn read(&self, digest: &Digest, offset: u64, buffer: &mut [u8]) -> Result<usize, MemoryError> {
        let state = self.state();
        state.check()?;
        let blob = state.blobs.get(digest).ok_or(MemoryError::Missing)?;
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let rest = blob.get(offset..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}

impl BlobWriter for MemoryWriter {
    type Error = MemoryError;

    fn offset(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), MemoryError> {
        self.store.state().check()?;
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn restart(&mut self) -> Result<(), MemoryError> {
        self.store.state().check()?;
        self.bytes.clear();
        Ok(())
    }

    fn commit(mut self) -> Result<(), CommitError<MemoryError>> {
        self.store.state().check().map_err(CommitError::Device)?;
        // Dropped without bytes, it leaves none behind.
        let bytes = std::mem::take(&mut self.bytes);
        let (expected, found) = (self.blob.size, bytes.len() as u64);
        if expected != found {
            return Err(CommitError::Length { expected, found });
        }
        let (expected, found) = (self.blob.digest, Digest::of(&bytes));
        if expected != found {
            return Err(CommitError::Digest { expected, found });
        }
        let mut state = self.store.state();
        state.blobs.insert(expected, bytes);
        state.committed.push(expected);
        Ok(())
    }
}

impl Drop for MemoryWriter {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        let mut state = self.store.state();
        state.busy.remove(&self.blob.digest);
        if !bytes.is_empty() {
            state.partial.insert(self.blob.digest, bytes);
        }
        self.store.0.freed.notify_all();
    }
}

impl fmt::Display for MemoryError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Missing => "the store has no such blob",
            Self::Failed => "the store failed",
        })
    }
}

impl std::error::Error for MemoryError {}

#[cfg(test)]
mod tests;
