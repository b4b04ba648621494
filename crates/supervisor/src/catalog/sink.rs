//! Takes a side table, straight into the extent of its image.
//!
//! A table is written front to back, but some parts come later: its head last, and the entries of functions while
//! branches are written behind them. What is left out is cut into holes, each of which is filled in one piece when all
//! of it is known; until then, the part of it that came lies in memory.

use alloc::vec::Vec;

use thimble_port_mcu::images::{ImageStore, ImageStoreError};
use thimble_port_mcu::records::RecordsError;

use crate::programs::{SinkFull, TableSink};

/// Bytes of a hole at least, so that there are not many of them.
const HOLE_BYTES_MIN: u32 = 512;
/// Holes that are cut from what is left out in one place.
const HOLES: u32 = 8;

/// Writes a side table behind what was written of an image.
pub(super) struct ExtentSink<'a> {
    store: &'a mut dyn ImageStore,
    /// Where the table begins in the extent.
    base: u32,
    /// Bytes that were written or left out.
    end: u32,
    holes: Vec<Hole>,
    failure: Option<ImageStoreError>,
}

/// Bytes that were left out and are not written yet.
struct Hole {
    start: u32,
    length: u32,
    /// Bytes that have come.
    known: u32,
    /// There as soon as something has come.
    bytes: Vec<u8>,
}

impl<'a> ExtentSink<'a> {
    pub(super) fn new(store: &'a mut dyn ImageStore, base: u32) -> Self {
        Self {
            store,
            base,
            end: 0,
            holes: Vec::new(),
            failure: None,
        }
    }

    /// Bytes of the table, if it is whole.
    ///
    /// # Errors
    /// Why it is not: storage, or the engine, which left something out.
    pub(super) fn finish(self) -> Result<u32, Option<ImageStoreError>> {
        match self.failure {
            Some(failure) => Err(Some(failure)),
            None if !self.holes.is_empty() => Err(None),
            None => Ok(self.end),
        }
    }

    fn put(&mut self, offset: u32, bytes: &[u8]) -> Result<(), ImageStoreError> {
        if offset > self.end {
            self.leave_out(offset - self.end)?;
        }
        let before = usize::try_from(self.end - offset).map_err(|_| ImageStoreError::Device)?;
        let (into_holes, behind) = bytes.split_at(before.min(bytes.len()));
        self.fill(offset, into_holes)?;
        if !behind.is_empty() {
            self.store.append(behind)?;
            self.end = self.end.saturating_add(length(behind));
        }
        Ok(())
    }

    fn leave_out(&mut self, bytes: u32) -> Result<(), ImageStoreError> {
        let most = (bytes / HOLES).next_multiple_of(4).max(HOLE_BYTES_MIN);
        let mut left = bytes;
        while left > 0 {
            let length = left.min(most);
            self.store.skip(length)?;
            self.holes.try_reserve(1).map_err(no_memory)?;
            self.holes.push(Hole {
                start: self.end,
                length,
                known: 0,
                bytes: Vec::new(),
            });
            self.end = self.end.saturating_add(length);
            left -= length;
        }
        Ok(())
    }

    fn fill(&mut self, offset: u32, bytes: &[u8]) -> Result<(), ImageStoreError> {
        let (mut offset, mut rest) = (offset, bytes);
        while !rest.is_empty() {
            let is_here = |hole: &Hole| {
                hole.start <= offset && offset < hole.start.saturating_add(hole.length)
            };
            // Bytes that were written already: the engine broke the contract.
            let place = self.holes.iter().position(is_here);
            let place = place.ok_or(ImageStoreError::Device)?;
            let hole = self.holes.get_mut(place).ok_or(ImageStoreError::Device)?;
            let taken = hole.take(offset, rest)?;
            if hole.known >= hole.length {
                let hole = self.holes.swap_remove(place);
                self.store
                    .fill(self.base.saturating_add(hole.start), &hole.bytes)?;
            }
            let (piece, others) = rest.split_at(taken);
            offset = offset.saturating_add(length(piece));
            rest = others;
        }
        Ok(())
    }
}

impl Hole {
    /// Keeps the bytes that belong here; how many.
    fn take(&mut self, offset: u32, bytes: &[u8]) -> Result<usize, ImageStoreError> {
        let whole = usize::try_from(self.length).map_err(|_| ImageStoreError::Device)?;
        let start = usize::try_from(offset - self.start).map_err(|_| ImageStoreError::Device)?;
        if self.bytes.is_empty() {
            self.bytes.try_reserve_exact(whole).map_err(no_memory)?;
            self.bytes.resize(whole, 0xff);
        }
        let places = self.bytes.iter_mut().skip(start);
        let taken = bytes.len().min(whole.saturating_sub(start));
        places.zip(bytes).for_each(|(place, byte)| *place = *byte);
        self.known = self
            .known
            .saturating_add(u32::try_from(taken).unwrap_or(u32::MAX));
        Ok(taken)
    }
}

impl TableSink for ExtentSink<'_> {
    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), SinkFull> {
        if self.failure.is_some() {
            return Err(SinkFull);
        }
        self.put(offset, bytes).map_err(|error| {
            self.failure = Some(error);
            SinkFull
        })
    }
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

fn no_memory(_: alloc::collections::TryReserveError) -> ImageStoreError {
    ImageStoreError::Records(RecordsError::NoMemory)
}
