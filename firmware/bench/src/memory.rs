//! Memory that is not on the heap: what stands for flash, and what guests' linear memories lie in.

extern crate alloc;

use alloc::boxed::Box;
use core::cell::UnsafeCell;
use core::ptr;
use core::slice;

use thimble_engine_inplace::{Buffer, Buffers, NotStored, Store};

/// Words of a side table at most.
const FLASH_WORDS: usize = 32 << 10;
/// Bytes of a guest's memory at most.
const GUEST_BYTES: usize = 512 << 10;

struct Place<T>(UnsafeCell<T>);

// SAFETY: firmware has one thread.
unsafe impl<T> Sync for Place<T> {}

#[repr(align(16))]
struct GuestBytes(UnsafeCell<[u8; GUEST_BYTES]>);

// SAFETY: firmware has one thread.
unsafe impl Sync for GuestBytes {}

static FLASH: Place<[u32; FLASH_WORDS]> = Place(UnsafeCell::new([0; FLASH_WORDS]));
static GUEST: GuestBytes = GuestBytes(UnsafeCell::new([0; GUEST_BYTES]));

/// Stands for flash: where a side table is written once and then only read.
pub(crate) struct Flash(());

impl Flash {
    /// Ready to be written.
    pub(crate) fn erased() -> Self {
        Self(())
    }

    /// What was written, after the one that wrote it is gone.
    pub(crate) fn words() -> &'static [u32] {
        // SAFETY: the place is always there, and it is written only while a module is installed.
        unsafe { slice::from_raw_parts(FLASH.0.get().cast(), FLASH_WORDS) }
    }
}

impl Store for Flash {
    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NotStored> {
        let offset = offset as usize;
        let fits = offset
            .checked_add(bytes.len())
            .is_some_and(|end| end <= FLASH_WORDS * 4);
        if !fits {
            return Err(NotStored);
        }
        // SAFETY: the offset is within the place.
        let to = unsafe { FLASH.0.get().cast::<u8>().add(offset) };
        // SAFETY: as many bytes fit there, and nobody reads the table while it is written.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
        Ok(())
    }
}

/// Gives guests their memory, to one at a time.
pub(crate) struct Guests;

/// The one of them.
pub(crate) static GUESTS: Guests = Guests;

impl Buffers for Guests {
    fn buffer(&self, bytes: usize, _: usize) -> Option<Box<dyn Buffer>> {
        let mut buffer = GuestBuffer { length: 0 };
        buffer
            .grow(bytes)
            .then(|| Box::new(buffer) as Box<dyn Buffer>)
    }
}

struct GuestBuffer {
    length: usize,
}

// SAFETY: the place never moves.
unsafe impl Buffer for GuestBuffer {
    fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: there is one guest at a time, and `grow` looks that it fits.
        unsafe { slice::from_raw_parts_mut(GUEST.0.get().cast(), self.length) }
    }

    fn grow(&mut self, bytes: usize) -> bool {
        if bytes > GUEST_BYTES || bytes < self.length {
            return false;
        }
        // SAFETY: within the place.
        let new = unsafe { GUEST.0.get().cast::<u8>().add(self.length) };
        // SAFETY: as many bytes are left, and the guest does not have them yet.
        unsafe { ptr::write_bytes(new, 0, bytes - self.length) };
        self.length = bytes;
        true
    }
}
