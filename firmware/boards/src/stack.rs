//! How deep the processor's stack gets.

use core::ptr;

use crate::processor;

/// What unused stack is filled with.
const UNUSED: u32 = 0x5afe_57ac;
/// Bytes below the stack's pointer that are left alone: they are this module's own.
const OWN_BYTES: usize = 256;

unsafe extern "C" {
    static mut __stack_end: u32;
}

/// From here on, the depth is noted.
pub struct Depth {
    from: usize,
}

impl Depth {
    /// Fills what is unused.
    #[inline(never)]
    #[must_use]
    pub fn begin() -> Self {
        let from = processor::stack_pointer() - OWN_BYTES;
        let mut place = &raw mut __stack_end;
        while (place as usize) < from {
            // SAFETY: between the stack's end and what is in use of it.
            unsafe { ptr::write_volatile(place, UNUSED) };
            place = place.wrapping_add(1);
        }
        Self { from }
    }

    /// The most bytes that were used since, within [`OWN_BYTES`].
    #[must_use]
    pub fn bytes(&self) -> usize {
        let mut place = (&raw const __stack_end).cast::<u32>();
        // SAFETY: within the stack, all of it is initialized.
        while (place as usize) < self.from && unsafe { ptr::read_volatile(place) } == UNUSED {
            place = place.wrapping_add(1);
        }
        self.from + OWN_BYTES - place as usize
    }
}
