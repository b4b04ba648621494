//! Flash in memory.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
};
use thimble_port_mcu::flash::SharedFlash;

/// Bytes of a block.
pub(super) const BLOCK_BYTES: usize = 512;
/// Bytes in all.
pub(super) const BYTES: usize = 4 * BLOCK_BYTES;

/// What every flash over it shares.
#[derive(Clone)]
pub(super) struct Memory(Arc<Mutex<State>>);

struct State {
    bytes: Vec<u8>,
    written: Vec<bool>,
    twice: bool,
}

impl Default for Memory {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(State {
            bytes: vec![0xff; BYTES],
            written: vec![false; BYTES],
            twice: false,
        })))
    }
}

impl Memory {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A flash that writes so many bytes together.
    pub(super) fn share<const WRITE: usize>(&self) -> SharedFlash {
        SharedFlash::new(Flash::<WRITE>(self.clone()))
    }

    /// Puts bytes there, as far as there is room.
    pub(super) fn overwrite(&self, offset: usize, bytes: &[u8]) {
        for (place, byte) in bytes.iter().enumerate() {
            self.flip(offset + place, byte ^ 0xff);
        }
    }

    /// Turns bits of a byte over.
    pub(super) fn flip(&self, offset: usize, bits: u8) {
        let mut state = self.state();
        let place = offset % BYTES;
        if let Some(byte) = state.bytes.get_mut(place) {
            *byte ^= bits;
        }
    }

    /// Whether a byte was written that had been written since it was erased.
    pub(super) fn wrote_twice(&self) -> bool {
        self.state().twice
    }
}

struct Flash<const WRITE: usize>(Memory);

impl<const WRITE: usize> ErrorType for Flash<WRITE> {
    type Error = NorFlashErrorKind;
}

impl<const WRITE: usize> ReadNorFlash for Flash<WRITE> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NorFlashErrorKind> {
        check_read(self, offset, bytes.len())?;
        let state = self.0.state();
        let from = state.bytes.iter().skip(offset as usize);
        for (to, from) in bytes.iter_mut().zip(from) {
            *to = *from;
        }
        Ok(())
    }

    fn capacity(&self) -> usize {
        BYTES
    }
}

impl<const WRITE: usize> NorFlash for Flash<WRITE> {
    const WRITE_SIZE: usize = WRITE;
    const ERASE_SIZE: usize = BLOCK_BYTES;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), NorFlashErrorKind> {
        check_erase(self, from, to)?;
        let mut state = self.0.state();
        let range = from as usize..to as usize;
        if let Some(bytes) = state.bytes.get_mut(range.clone()) {
            bytes.fill(0xff);
        }
        if let Some(written) = state.written.get_mut(range) {
            written.fill(false);
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NorFlashErrorKind> {
        check_write(self, offset, bytes.len())?;
        let mut state = self.0.state();
        let State {
            bytes: stored,
            written,
            twice,
        } = &mut *state;
        let places = stored.iter_mut().zip(written).skip(offset as usize);
        for (from, (to, written)) in bytes.iter().zip(places) {
            // What damage left there counts too, unless it undid itself.
            *twice |= *written || *to != 0xff;
            *written = true;
            *to &= from;
        }
        Ok(())
    }
}
