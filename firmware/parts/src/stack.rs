//! The program's stack: where it is, and how deep it got. Handlers have one of their own.

use core::ptr;

use crate::processor;

/// What unused stack is filled with.
const UNUSED: u32 = 0x5afe_57ac;
/// Bytes below the stack's pointer that are left alone while painting: they are this module's own.
const OWN_BYTES: usize = 256;

unsafe extern "C" {
    static mut __stack_bottom: u32;
    static mut __stack_top: u32;
}

/// How the stack is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StackUse {
    /// The most bytes that were in use since the start.
    pub peak_bytes: usize,
    /// Bytes in all.
    pub total_bytes: usize,
}

fn bottom() -> *mut u32 {
    &raw mut __stack_bottom
}

/// Where the program's stack ends, downwards.
#[cfg(target_arch = "riscv32")]
pub(crate) fn bottom_address() -> usize {
    bottom() as usize
}

pub(crate) fn top() -> *mut u32 {
    &raw mut __stack_top
}

/// Whether a stack pointer is one of the program's stack.
pub(crate) fn holds(address: usize) -> bool {
    (bottom() as usize..=top() as usize).contains(&address)
}

/// Fills what is unused.
#[inline(never)]
pub(crate) fn paint() {
    let pointer = processor::stack_pointer();
    let end = match holds(pointer) {
        true => pointer - OWN_BYTES,
        // The handlers' stack is in use: all of the program's is free.
        false => top() as usize,
    };
    let mut place = bottom();
    while (place as usize) < end {
        // SAFETY: between the stack's end and what is in use of it.
        unsafe { ptr::write_volatile(place, UNUSED) };
        place = place.wrapping_add(1);
    }
}

/// How deep the stack got.
#[must_use]
pub fn usage() -> StackUse {
    let total_bytes = top() as usize - bottom() as usize;
    let mut place: *const u32 = bottom();
    // SAFETY: within the stack, all of it is initialized.
    while place < top().cast_const() && unsafe { ptr::read_volatile(place) } == UNUSED {
        place = place.wrapping_add(1);
    }
    StackUse {
        peak_bytes: top() as usize - place as usize,
        total_bytes,
    }
}

/// Goes on with a function on the program's stack, all of which is given up. What is on the stack in use is lost.
///
/// # Safety
/// Nothing on the program's stack is used any more.
pub unsafe fn enter(main: extern "C" fn() -> !) -> ! {
    // SAFETY: the caller's; the addresses are those of the linker script.
    unsafe { processor::enter(main, bottom() as usize, top() as usize) }
}
