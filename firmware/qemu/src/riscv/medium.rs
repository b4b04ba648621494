//! What the flash is made of: the second of the board's two CFI flash chips, which keeps its contents in the file that
//! QEMU's `-drive if=pflash,unit=1,format=raw,file=PATH` names, 32 MiB long.
//!
//! Source: JEDEC's common flash interface with Intel's command set. The chip erases 256 KiB at a time, which is more
//! than records want. QEMU's also sets bits by programming, as no real chip does: sectors of 4 KiB are erased so.

use core::ptr;
use core::slice;

use firmware_parts::{StartedBy, Words};

use crate::semihosting::Refused;

const ADDRESS: usize = 0x2200_0000;
/// Bytes that the chip has.
const CHIP_BYTES: u32 = 32 * 1024 * 1024;
/// Bytes that the chip erases at a time.
const CHIP_SECTOR_BYTES: usize = 256 * 1024;
/// Bytes that can be written at a time, aligned.
const BUFFER_BYTES: usize = 2048;
const WORD_BYTES: usize = 4;

/// Commands, for both halves of the bus.
const READ: u32 = 0x00ff_00ff;
const ERASE: u32 = 0x0020_0020;
const WRITE_BUFFER: u32 = 0x00e8_00e8;
const CONFIRM: u32 = 0x00d0_00d0;
const CLEAR_STATUS: u32 = 0x0050_0050;
/// In the status: ready, and the errors.
const READY: u32 = 0x0080_0080;
const ERRORS: u32 = 0x0030_0030;

/// The chip.
pub(crate) struct Medium {
    bytes: usize,
}

impl Medium {
    /// The medium that the words describe, with this many bytes or as many as there can be.
    ///
    /// # Panics
    /// If the chip cannot be erased when it is used for the first time.
    pub(crate) fn begin(_words: Words, bytes: u32, _started_by: StartedBy) -> Self {
        let mut medium = Self {
            bytes: bytes.min(CHIP_BYTES) as usize,
        };
        command(0, READ);
        // No chip comes so: it is a file that was just made, or no file at all.
        if medium.bytes().iter().all(|byte| *byte == 0) && medium.erase().is_err() {
            panic!("the flash cannot be erased");
        }
        medium
    }

    /// Where it begins.
    pub(crate) fn address(&self) -> usize {
        ADDRESS
    }

    /// All of it.
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: the chip is there, and shows its contents except within a method that borrows all of this.
        unsafe { slice::from_raw_parts(ADDRESS as *const u8, self.bytes) }
    }

    /// Makes the bytes at an offset these, whatever they were; whole words.
    pub(crate) fn put(&mut self, offset: usize, bytes: &[u8]) -> Result<(), Refused> {
        let end = offset.checked_add(bytes.len()).ok_or(Refused)?;
        if end > self.bytes {
            return Err(Refused);
        }
        let (mut offset, mut left) = (offset, bytes);
        while !left.is_empty() {
            let room = BUFFER_BYTES - offset % BUFFER_BYTES;
            let (now, later) = left.split_at(room.min(left.len()));
            program(offset, now)?;
            offset += now.len();
            left = later;
        }
        Ok(())
    }

    /// Erases everything.
    fn erase(&mut self) -> Result<(), Refused> {
        (0..self.bytes)
            .step_by(CHIP_SECTOR_BYTES)
            .try_for_each(|offset| {
                command(offset, ERASE);
                command(offset, CONFIRM);
                finish(offset)
            })
    }
}

/// Writes words within one buffer.
fn program(offset: usize, bytes: &[u8]) -> Result<(), Refused> {
    let words = u32::try_from(bytes.len() / WORD_BYTES).map_err(|_| Refused)?;
    let count = words.checked_sub(1).ok_or(Refused)?;
    command(offset, WRITE_BUFFER);
    command(offset, count | count << 16);
    for (index, word) in bytes.chunks_exact(WORD_BYTES).enumerate() {
        let mut value = [0; WORD_BYTES];
        value.copy_from_slice(word);
        command(offset + index * WORD_BYTES, u32::from_le_bytes(value));
    }
    command(offset, CONFIRM);
    finish(offset)
}

/// Waits for the chip, and lets it show its contents again.
fn finish(offset: usize) -> Result<(), Refused> {
    let status = loop {
        // SAFETY: the chip is there.
        let status = unsafe { ptr::read_volatile((ADDRESS + offset) as *const u32) };
        if status & READY == READY {
            break status;
        }
    };
    if status & ERRORS != 0 {
        command(offset, CLEAR_STATUS);
    }
    command(offset, READ);
    match status & ERRORS {
        0 => Ok(()),
        _ => Err(Refused),
    }
}

fn command(offset: usize, value: u32) {
    // SAFETY: the chip is there, and takes commands at every address.
    unsafe { ptr::write_volatile((ADDRESS + offset) as *mut u32, value) };
}
