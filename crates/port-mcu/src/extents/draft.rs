//! An image that is being written.
//!
//! Flash is written in whole units, each of them once. A unit at the edge of a hole therefore waits in memory until the
//! hole is filled, or until the image is finished. So each unit that has bytes of a hole either lies in one hole entirely,
//! or waits, or is the one that is being filled.

use alloc::vec::Vec;
use core::ops::Range;

use crate::flash::{FlashError, Region, WRITE_BYTES_MAX, index, span};
use crate::images::ImageStoreError;
use crate::records::RecordsError;

use super::space::Span;
use super::unit_of;

/// Bytes of the largest unit.
const UNIT_BYTES_MAX: usize = WRITE_BYTES_MAX as usize;
/// Bytes compared at once.
const COMPARE_BYTES: usize = 64;
/// Holes at most, filled or not.
const HOLES_MAX: usize = 16;

/// Bytes that were left out.
struct Hole {
    range: Range<u32>,
    filled: bool,
}

/// A unit that waits for a hole.
struct Waiting {
    at: u32,
    bytes: [u8; UNIT_BYTES_MAX],
}

/// An image that is being written. Offsets count from its beginning.
pub(super) struct Draft {
    span: Span,
    unit: u32,
    /// Units before this were written, or wait, or lie in a hole.
    passed: u32,
    /// The unit that is being filled, and how far.
    buffer: [u8; UNIT_BYTES_MAX],
    filled: u32,
    holes: Vec<Hole>,
    waiting: Vec<Waiting>,
    blocks_erased: u32,
}

impl Draft {
    /// Begins in a row of free blocks.
    pub(super) fn new(region: &Region, span: Span) -> Self {
        Self {
            span,
            unit: region.write_bytes(),
            passed: 0,
            buffer: [0xff; UNIT_BYTES_MAX],
            filled: 0,
            holes: Vec::new(),
            waiting: Vec::new(),
            blocks_erased: 0,
        }
    }

    /// Its blocks.
    pub(super) fn span(&self) -> Span {
        self.span
    }

    /// How many of them were erased.
    pub(super) fn blocks_erased(&self) -> u32 {
        self.blocks_erased
    }

    fn length(&self) -> u32 {
        self.passed + self.filled
    }

    /// Adds bytes.
    pub(super) fn append(&mut self, region: &Region, bytes: &[u8]) -> Result<(), ImageStoreError> {
        self.check(region, span(bytes.len()))?;
        let mut rest = bytes;
        while let Some((first, others)) = rest.split_first() {
            if self.filled == 0 {
                let whole = rest.len() - rest.len() % unit_of(region);
                let (direct, left) = rest.split_at_checked(whole).unwrap_or((&[], rest));
                self.put(region, self.passed, direct)?;
                self.passed += span(whole);
                rest = left;
                if whole > 0 {
                    continue;
                }
            }
            self.push(region, *first)?;
            rest = others;
        }
        Ok(())
    }

    /// Leaves out bytes that come later.
    pub(super) fn skip(&mut self, region: &Region, bytes: u32) -> Result<(), ImageStoreError> {
        self.check(region, bytes)?;
        if bytes == 0 {
            return Ok(());
        }
        if self.holes.len() >= HOLES_MAX {
            return Err(ImageStoreError::NotBegun);
        }
        self.holes.try_reserve(1).map_err(no_memory)?;
        let end = self.length() + bytes;
        self.holes.push(Hole {
            range: self.length()..end,
            filled: false,
        });
        while !self.filled.is_multiple_of(self.unit) && self.length() < end {
            self.push(region, 0xff)?;
        }
        if self.length() < end {
            self.passed = end - end % self.unit;
            while self.length() < end {
                self.push(region, 0xff)?;
            }
        }
        Ok(())
    }

    /// Leaves out bytes that stay as erased flash reads.
    pub(super) fn align(&mut self, region: &Region, alignment: u32) -> Result<(), ImageStoreError> {
        let over = self.length().checked_rem(alignment).unwrap_or(0);
        if over == 0 {
            return Ok(());
        }
        let count = alignment - over;
        self.check(region, count)?;
        for _ in 0..count {
            self.push(region, 0xff)?;
        }
        Ok(())
    }

    /// Writes bytes into a hole.
    pub(super) fn fill(
        &mut self,
        region: &Region,
        offset: u32,
        bytes: &[u8],
    ) -> Result<(), ImageStoreError> {
        if bytes.is_empty() {
            return Ok(());
        }
        let end = offset.saturating_add(span(bytes.len()));
        let hole = self
            .holes
            .iter_mut()
            .find(|hole| !hole.filled && hole.range.start <= offset && end <= hole.range.end)
            .ok_or(ImageStoreError::NotBegun)?;
        hole.filled = true;
        let mut at = offset;
        let mut rest = bytes;
        while at < end {
            let unit_at = at - at % self.unit;
            let whole = end - end % self.unit;
            // Units that lie in the hole entirely are written at once.
            let until = if at == unit_at && at < whole {
                whole
            } else {
                (unit_at + self.unit).min(end)
            };
            let length = index(until - at);
            let (piece, left) = rest.split_at_checked(length).unwrap_or((rest, &[]));
            if until == whole && at == unit_at {
                self.put(region, at, piece)?;
            } else {
                self.place(region, unit_at, at - unit_at, piece)?;
            }
            at = until;
            rest = left;
        }
        self.write_waiting(region)
    }

    /// How many bytes there are, and how many of them are on flash.
    pub(super) fn written(&mut self, region: &Region) -> Result<(u32, u32), ImageStoreError> {
        self.erase(region, self.passed)?;
        Ok((self.length(), self.passed))
    }

    /// Writes what is left; how many bytes there are.
    pub(super) fn finish(&mut self, region: &Region) -> Result<u32, ImageStoreError> {
        let length = self.length();
        for hole in &mut self.holes {
            hole.filled = true;
        }
        self.write_waiting(region)?;
        while self.filled > 0 {
            self.push(region, 0xff)?;
        }
        self.erase(region, length)?;
        Ok(length)
    }

    /// Whether so many bytes more fit.
    fn check(&self, region: &Region, bytes: u32) -> Result<(), ImageStoreError> {
        let capacity = self.span.blocks * region.block_bytes();
        let needed_bytes = self.length().saturating_add(bytes);
        if needed_bytes > capacity {
            return Err(ImageStoreError::Full {
                needed_bytes,
                largest_free_bytes: capacity,
                free_bytes: capacity,
            });
        }
        Ok(())
    }

    /// Adds a byte to the unit that is being filled.
    fn push(&mut self, region: &Region, byte: u8) -> Result<(), ImageStoreError> {
        if let Some(place) = self.buffer.get_mut(index(self.filled)) {
            *place = byte;
        }
        self.filled += 1;
        if self.filled < self.unit {
            return Ok(());
        }
        let (at, bytes) = (self.passed, self.buffer);
        self.passed += self.unit;
        self.filled = 0;
        self.buffer = [0xff; UNIT_BYTES_MAX];
        if self.waits(at) {
            self.waiting.try_reserve(1).map_err(no_memory)?;
            self.waiting.push(Waiting { at, bytes });
            return Ok(());
        }
        self.put_unit(region, at, &bytes)
    }

    /// Whether a unit has bytes of a hole that is not filled.
    fn waits(&self, at: u32) -> bool {
        self.holes
            .iter()
            .any(|hole| !hole.filled && hole.range.start < at + self.unit && at < hole.range.end)
    }

    /// Puts bytes of a hole into the unit that has them.
    fn place(
        &mut self,
        region: &Region,
        unit_at: u32,
        offset: u32,
        piece: &[u8],
    ) -> Result<(), ImageStoreError> {
        let mut fresh = [0xff; UNIT_BYTES_MAX];
        let waiting = self.waiting.iter_mut().find(|unit| unit.at == unit_at);
        let (bytes, kept) = match waiting {
            Some(unit) => (&mut unit.bytes, true),
            None if unit_at == self.passed => (&mut self.buffer, true),
            None => (&mut fresh, false),
        };
        for (to, from) in bytes.iter_mut().skip(index(offset)).zip(piece) {
            *to = *from;
        }
        if kept {
            return Ok(());
        }
        self.put_unit(region, unit_at, &fresh)
    }

    /// Writes units that wait for nothing any more.
    fn write_waiting(&mut self, region: &Region) -> Result<(), ImageStoreError> {
        let mut place = 0;
        while let Some(unit) = self.waiting.get(place) {
            if self.waits(unit.at) {
                place += 1;
                continue;
            }
            let unit = self.waiting.swap_remove(place);
            self.put_unit(region, unit.at, &unit.bytes)?;
        }
        Ok(())
    }

    fn put_unit(
        &mut self,
        region: &Region,
        at: u32,
        bytes: &[u8; UNIT_BYTES_MAX],
    ) -> Result<(), ImageStoreError> {
        let unit = bytes.get(..index(self.unit)).unwrap_or_default();
        self.put(region, at, unit)
    }

    /// Writes whole units, and compares.
    fn put(&mut self, region: &Region, at: u32, bytes: &[u8]) -> Result<(), ImageStoreError> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.erase(region, at + span(bytes.len()))?;
        let place = self.span.start * region.block_bytes() + at;
        region.write(place, bytes).map_err(device)?;
        let mut buffer = [0; COMPARE_BYTES];
        let mut done = 0;
        for piece in bytes.chunks(COMPARE_BYTES) {
            let read = buffer.get_mut(..piece.len()).unwrap_or_default();
            region.read(place + done, read).map_err(device)?;
            if read != piece {
                return Err(ImageStoreError::Device);
            }
            done += span(piece.len());
        }
        Ok(())
    }

    /// Sees to it that all blocks up to an offset are erased.
    fn erase(&mut self, region: &Region, end: u32) -> Result<(), ImageStoreError> {
        let block_bytes = region.block_bytes();
        while self.blocks_erased * block_bytes < end {
            let start = (self.span.start + self.blocks_erased) * block_bytes;
            region.erase(start..start + block_bytes).map_err(device)?;
            self.blocks_erased += 1;
        }
        Ok(())
    }
}

fn device(_: FlashError) -> ImageStoreError {
    ImageStoreError::Device
}

fn no_memory<E>(_: E) -> ImageStoreError {
    ImageStoreError::Records(RecordsError::NoMemory)
}
