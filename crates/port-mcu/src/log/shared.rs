//! Records that several parts of a device use, on one processor.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::machine::Lock;
use crate::records::{Change, Records, RecordsError, RecordsRoom};

/// Records that can be handed to several users. None of them is ever in the middle of a call when another one calls.
#[derive(Clone)]
pub struct SharedRecords(Arc<Lock<Box<dyn Records>>>);

impl SharedRecords {
    /// Shares records.
    #[must_use]
    pub fn new(records: Box<dyn Records>) -> Self {
        Self(Arc::new(Lock::new(records)))
    }

    /// A handle of records that are shared already.
    #[must_use]
    pub const fn of(records: crate::shared::SharedRecords) -> Self {
        Self(records)
    }

    fn with<R>(
        &self,
        use_records: impl FnOnce(&mut dyn Records) -> Result<R, RecordsError>,
    ) -> Result<R, RecordsError> {
        let mut records = self.0.take().map_err(|_| RecordsError::Device)?;
        use_records(&mut **records)
    }
}

impl Records for SharedRecords {
    fn record_bytes_max(&self) -> usize {
        self.with(|records| Ok(records.record_bytes_max()))
            .unwrap_or_default()
    }

    fn read(
        &mut self,
        key: &[u8],
        offset: usize,
        buffer: &mut [u8],
    ) -> Result<Option<usize>, RecordsError> {
        self.with(|records| records.read(key, offset, buffer))
    }

    fn apply(&mut self, changes: &[Change<'_>]) -> Result<(), RecordsError> {
        self.with(|records| records.apply(changes))
    }

    fn next(
        &mut self,
        prefix: &[u8],
        after: &[u8],
        key: &mut Vec<u8>,
    ) -> Result<Option<usize>, RecordsError> {
        self.with(|records| records.next(prefix, after, key))
    }

    fn room(&self) -> RecordsRoom {
        self.with(|records| Ok(records.room())).unwrap_or_default()
    }
}
