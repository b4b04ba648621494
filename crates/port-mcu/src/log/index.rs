//! Where the live records lie, in the order of their keys: four bytes of memory each. Keys are read from flash.

use alloc::vec::Vec;
use core::cmp::Ordering;

use crate::flash::{FlashError, Region, span};
use crate::records::RecordsError;

use super::frame::{FRAME_HEADER_BYTES, KEY_BYTES_MAX};

/// Bytes of keys that are compared at once.
const COMPARE_BYTES: usize = 32;

/// Offsets that are made room for at once.
const GROWTH: usize = 16;

/// Offsets of frames, in the order of their keys.
#[derive(Default)]
pub(super) struct Index {
    /// The offsets.
    pub(super) offsets: Vec<u32>,
}

impl Index {
    /// Where a key stands, or else where it would.
    pub(super) fn find(
        &self,
        region: &Region,
        key: &[u8],
    ) -> Result<Result<usize, usize>, FlashError> {
        let (mut low, mut high) = (0, self.offsets.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            let Some(at) = self.offsets.get(middle) else {
                break;
            };
            match compare(region, *at, key)? {
                Ordering::Less => low = middle + 1,
                Ordering::Greater => high = middle,
                Ordering::Equal => return Ok(Ok(middle)),
            }
        }
        Ok(Err(low))
    }

    /// Makes room for so many more. It grows by little: memory is scarce, and records are few.
    pub(super) fn reserve(&mut self, count: usize) -> Result<(), RecordsError> {
        if self.offsets.capacity() - self.offsets.len() >= count {
            return Ok(());
        }
        self.offsets
            .try_reserve_exact(count.max(GROWTH))
            .map_err(|_| RecordsError::NoMemory)
    }

    /// The offset at a place.
    pub(super) fn at(&self, place: usize) -> Option<u32> {
        self.offsets.get(place).copied()
    }
}

/// Bytes of the key and of the value of a frame that was found whole.
pub(super) fn lengths(region: &Region, at: u32) -> Result<(usize, usize), FlashError> {
    let mut lead = [0; 4];
    region.read(at, &mut lead)?;
    let [_, key_bytes, low, high] = lead;
    Ok((
        usize::from(key_bytes),
        usize::from(u16::from_le_bytes([low, high])),
    ))
}

/// Compares the key of a frame that was found whole with another.
fn compare(region: &Region, at: u32, key: &[u8]) -> Result<Ordering, FlashError> {
    let (key_bytes, _) = lengths(region, at)?;
    let mut buffer = [0; COMPARE_BYTES];
    let mut done = 0;
    while done < key_bytes {
        let length = (key_bytes - done).min(COMPARE_BYTES);
        let piece = buffer.get_mut(..length).unwrap_or_default();
        region.read(at + FRAME_HEADER_BYTES + span(done), piece)?;
        let rest = key.get(done..).unwrap_or_default();
        let same = rest.get(..length).unwrap_or(rest);
        match (*piece).cmp(same) {
            Ordering::Equal => done += length,
            unequal => return Ok(unequal),
        }
    }
    Ok(key_bytes.cmp(&key.len()))
}

/// Reads a frame's key into a buffer.
pub(super) fn read_key<'a>(
    region: &Region,
    at: u32,
    buffer: &'a mut [u8; KEY_BYTES_MAX],
) -> Result<&'a [u8], FlashError> {
    let (key_bytes, _) = lengths(region, at)?;
    let key = buffer.get_mut(..key_bytes).unwrap_or_default();
    region.read(at + FRAME_HEADER_BYTES, key)?;
    Ok(key)
}

/// The value's place and length.
pub(super) fn value(region: &Region, at: u32) -> Result<(u32, usize), FlashError> {
    let (key_bytes, value_bytes) = lengths(region, at)?;
    Ok((at + FRAME_HEADER_BYTES + span(key_bytes), value_bytes))
}

/// Reads part of a value; how long all of it is.
pub(super) fn read_value(
    region: &Region,
    at: u32,
    offset: usize,
    buffer: &mut [u8],
) -> Result<usize, FlashError> {
    let (value_at, value_bytes) = value(region, at)?;
    let length = value_bytes.saturating_sub(offset).min(buffer.len());
    if let (Some(part), true) = (buffer.get_mut(..length), length > 0) {
        region.read(value_at + span(offset), part)?;
    }
    Ok(value_bytes)
}
