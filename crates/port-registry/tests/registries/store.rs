//! A store in memory, with all that the contract asks for.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Condvar, Mutex};

use thimble_image::store::{Admission, BlobStore, BlobWriter, CommitError};
use thimble_image::{Descriptor, Digest};

#[derive(Clone, Default)]
pub(crate) struct MemoryStore(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
pub(crate) struct State {
    pub(crate) blobs: BTreeMap<Digest, Vec<u8>>,
    pub(crate) order: Vec<Digest>,
    parts: BTreeMap<Digest, Vec<u8>>,
    busy: BTreeSet<Digest>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Missing;

impl fmt::Display for Missing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the store has no such blob")
    }
}

impl std::error::Error for Missing {}

pub(crate) struct Writer {
    store: MemoryStore,
    blob: Descriptor,
    bytes: Vec<u8>,
}

impl fmt::Debug for Writer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Writer")
    }
}

impl MemoryStore {
    pub(crate) fn state<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.0.0.lock().unwrap())
    }

    pub(crate) fn add(&self, media_type: &str, bytes: &[u8]) -> Descriptor {
        let descriptor = Descriptor::of(media_type, bytes);
        self.state(|state| state.blobs.insert(descriptor.digest, bytes.to_vec()));
        descriptor
    }

    pub(crate) fn add_part(&self, blob: &Descriptor, part: &[u8]) {
        self.state(|state| state.parts.insert(blob.digest, part.to_vec()));
    }

    pub(crate) fn has(&self, digest: &Digest) -> bool {
        self.state(|state| state.blobs.contains_key(digest))
    }
}

impl BlobStore for MemoryStore {
    type Error = Missing;
    type Writer = Writer;

    fn admit(&self, blob: &Descriptor) -> Result<Admission<Writer>, Missing> {
        let mut state = self.0.0.lock().unwrap();
        while state.busy.contains(&blob.digest) {
            state = self.0.1.wait(state).unwrap();
        }
        if state.blobs.contains_key(&blob.digest) {
            return Ok(Admission::Present);
        }
        state.busy.insert(blob.digest);
        Ok(Admission::Wanted(Writer {
            store: self.clone(),
            blob: blob.clone(),
            bytes: state.parts.remove(&blob.digest).unwrap_or_default(),
        }))
    }

    fn read(&self, digest: &Digest, offset: u64, buffer: &mut [u8]) -> Result<usize, Missing> {
        self.state(|state| {
            let blob = state.blobs.get(digest).ok_or(Missing)?;
            let rest = &blob[usize::try_from(offset).unwrap().min(blob.len())..];
            let count = rest.len().min(buffer.len());
            buffer[..count].copy_from_slice(&rest[..count]);
            Ok(count)
        })
    }
}

impl BlobWriter for Writer {
    type Error = Missing;

    fn offset(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Missing> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn restart(&mut self) -> Result<(), Missing> {
        self.bytes.clear();
        Ok(())
    }

    fn commit(mut self) -> Result<(), CommitError<Missing>> {
        let bytes = std::mem::take(&mut self.bytes);
        let (expected, found) = (self.blob.size, bytes.len() as u64);
        if expected != found {
            return Err(CommitError::Length { expected, found });
        }
        let (expected, found) = (self.blob.digest, Digest::of(&bytes));
        if expected != found {
            return Err(CommitError::Digest { expected, found });
        }
        self.store.state(|state| {
            state.blobs.insert(expected, bytes);
            state.order.push(expected);
        });
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        self.store.state(|state| {
            state.busy.remove(&self.blob.digest);
            if !bytes.is_empty() {
                state.parts.insert(self.blob.digest, bytes);
            }
        });
        self.store.0.1.notify_all();
    }
}
