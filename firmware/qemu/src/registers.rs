//! Registers of devices, by address.

use core::ptr;

/// A block of registers.
#[derive(Clone, Copy)]
pub(crate) struct Registers(usize);

impl Registers {
    /// The block at an address.
    ///
    /// # Safety
    /// A device is there, and offsets that are used are its registers'.
    pub(crate) const unsafe fn at(address: usize) -> Self {
        Self(address)
    }

    /// Reads a word.
    pub(crate) fn read(self, offset: usize) -> u32 {
        // SAFETY: whoever made this says that it is a register.
        unsafe { ptr::read_volatile((self.0 + offset) as *const u32) }
    }

    /// Writes a word.
    pub(crate) fn write(self, offset: usize, value: u32) {
        // SAFETY: whoever made this says that it is a register.
        unsafe { ptr::write_volatile((self.0 + offset) as *mut u32, value) };
    }

    /// Reads a byte.
    #[cfg(target_arch = "riscv32")]
    pub(crate) fn read_byte(self, offset: usize) -> u8 {
        // SAFETY: whoever made this says that it is a register.
        unsafe { ptr::read_volatile((self.0 + offset) as *const u8) }
    }

    /// Writes a byte.
    #[cfg(target_arch = "riscv32")]
    pub(crate) fn write_byte(self, offset: usize, value: u8) {
        // SAFETY: whoever made this says that it is a register.
        unsafe { ptr::write_volatile((self.0 + offset) as *mut u8, value) };
    }
}
