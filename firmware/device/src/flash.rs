//! The board's flash as the stores use it.

use core::ptr::NonNull;

use embedded_storage::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use firmware_parts::MappedFlash;
use thimble_port_mcu::flash::Mapped;

/// A board's flash, which is read where it lies.
pub(crate) struct BoardFlash<F: MappedFlash>(pub(crate) F);

// SAFETY: a board vouches for its flash with `MappedFlash`: all of it can be read at its address while nothing writes, and
// only its driver writes.
unsafe impl<F: MappedFlash> Mapped for BoardFlash<F> {
    fn base(&self) -> NonNull<u8> {
        NonNull::new(self.0.address() as *mut u8).unwrap_or(NonNull::dangling())
    }
}

impl<F: MappedFlash> ErrorType for BoardFlash<F> {
    type Error = F::Error;
}

impl<F: MappedFlash> ReadNorFlash for BoardFlash<F> {
    const READ_SIZE: usize = F::READ_SIZE;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        self.0.read(offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.0.capacity()
    }
}

impl<F: MappedFlash> NorFlash for BoardFlash<F> {
    const WRITE_SIZE: usize = F::WRITE_SIZE;
    const ERASE_SIZE: usize = F::ERASE_SIZE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Self::Error> {
        self.0.erase(from, to)
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        self.0.write(offset, bytes)
    }
}
