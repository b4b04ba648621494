//! A log that several parts of a device use, on one processor.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::machine::Lock;
use crate::records::{Change, Records, RecordsError, RecordsRoom};

use super::Log;

/// A log that can be handed to several users. None of them is ever in the middle of a call when another one calls.
#[derive(Clone)]
pub struct SharedLog(Arc<Lock<Log>>);

impl SharedLog {
    /// Shares a log.
    #[must_use]
    pub fn new(log: Log) -> Self {
        Self(Arc::new(Lock::new(log)))
    }

    /// Forgets everything, as [`Log::format`] does. Whoever has read from it before should start anew.
    ///
    /// # Errors
    /// As [`Log::format`].
    pub fn format(&self) -> Result<(), RecordsError> {
        self.with(Log::format)
    }

    fn with<R>(
        &self,
        use_log: impl FnOnce(&mut Log) -> Result<R, RecordsError>,
    ) -> Result<R, RecordsError> {
        let mut log = self.0.take().map_err(|_| RecordsError::Device)?;
        use_log(&mut log)
    }
}

impl Records for SharedLog {
    fn record_bytes_max(&self) -> usize {
        self.with(|log| Ok(log.record_bytes_max()))
            .unwrap_or_default()
    }

    fn read(
        &mut self,
        key: &[u8],
        offset: usize,
        buffer: &mut [u8],
    ) -> Result<Option<usize>, RecordsError> {
        self.with(|log| log.read(key, offset, buffer))
    }

    fn apply(&mut self, changes: &[Change<'_>]) -> Result<(), RecordsError> {
        self.with(|log| log.apply(changes))
    }

    fn next(
        &mut self,
        prefix: &[u8],
        after: &[u8],
        key: &mut Vec<u8>,
    ) -> Result<Option<usize>, RecordsError> {
        self.with(|log| log.next(prefix, after, key))
    }

    fn room(&self) -> RecordsRoom {
        self.with(|log| Ok(log.room())).unwrap_or_default()
    }
}
