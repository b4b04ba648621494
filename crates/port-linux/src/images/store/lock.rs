//! Locks between processes: `flock`ed files. Whoever dies lets go.

use super::disk::{DiskFile, Open};
use super::{Inner, StoreError};

/// The file that edits lock.
pub(super) const LOCK_FILE: &str = "lock";
/// Times that a file may be removed by others just before it is locked.
const ATTEMPTS_MAX: u32 = 10_000;

/// The store's lock is held until this is dropped.
pub(super) struct Held {
    _file: Box<dyn DiskFile>,
}

impl Inner {
    /// Waits until nobody else edits the store.
    pub(super) fn lock(&self) -> Result<Held, StoreError> {
        let file = self.lock_file(LOCK_FILE)?;
        Ok(Held { _file: file })
    }

    /// Opens or makes a file, and waits for its lock. It has its name when this returns, unless somebody takes it away
    /// who does not have the lock.
    pub(super) fn lock_file(&self, path: &str) -> Result<Box<dyn DiskFile>, StoreError> {
        for _ in 0..ATTEMPTS_MAX {
            let file = self
                .disk
                .open(path, Open::Make)
                .map_err(self.fault("open", path))?;
            file.lock().map_err(self.fault("lock", path))?;
            let named = self.disk.entry(path).map_err(self.fault("look up", path))?;
            let own = file.entry().map_err(self.fault("look up", path))?;
            if named.is_some_and(|named| named.identity == own.identity) {
                return Ok(file);
            }
        }
        Err(StoreError::TooMany {
            what: "attempts to lock a file that others remove",
            max: ATTEMPTS_MAX.into(),
        })
    }
}
