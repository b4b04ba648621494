//! Takes a side table, straight into the extent of its image.

use thimble_port_mcu::images::{ImageStore, ImageStoreError};

use crate::programs::{SinkFull, TableSink};

/// Writes a side table behind what was written of an image.
pub(super) struct ExtentSink<'a> {
    store: &'a mut dyn ImageStore,
    /// Where the table begins in the extent.
    base: u32,
    /// Bytes that were written or left out.
    end: u32,
    /// What was left out at the beginning: from here …
    gap_start: u32,
    /// … to here.
    gap_end: u32,
    failure: Option<ImageStoreError>,
}

impl<'a> ExtentSink<'a> {
    pub(super) fn new(store: &'a mut dyn ImageStore, base: u32) -> Self {
        Self {
            store,
            base,
            end: 0,
            gap_start: 0,
            gap_end: 0,
            failure: None,
        }
    }

    /// Bytes of the table, if it is whole.
    ///
    /// # Errors
    /// Why it is not.
    pub(super) fn finish(self) -> Result<u32, Option<ImageStoreError>> {
        match self.failure {
            Some(failure) => Err(Some(failure)),
            None if self.gap_start < self.gap_end => Err(None),
            None => Ok(self.end),
        }
    }

    fn put(&mut self, offset: u32, bytes: &[u8]) -> Result<(), ImageStoreError> {
        let length = u32::try_from(bytes.len()).map_err(|_| ImageStoreError::Device)?;
        if self.end == 0 && offset > 0 {
            self.store.skip(offset)?;
            self.gap_end = offset;
            self.end = offset;
        }
        if offset == self.end {
            self.store.append(bytes)?;
            self.end = self.end.saturating_add(length);
            return Ok(());
        }
        let behind = offset.saturating_add(length);
        if offset == self.gap_start && behind <= self.gap_end {
            self.store.fill(self.base.saturating_add(offset), bytes)?;
            self.gap_start = behind;
            return Ok(());
        }
        // Nothing that flash could take: the engine broke the contract.
        Err(ImageStoreError::Device)
    }
}

impl TableSink for ExtentSink<'_> {
    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), SinkFull> {
        if self.failure.is_some() {
            return Err(SinkFull);
        }
        if bytes.is_empty() {
            return Ok(());
        }
        self.put(offset, bytes).map_err(|error| {
            self.failure = Some(error);
            SinkFull
        })
    }
}
