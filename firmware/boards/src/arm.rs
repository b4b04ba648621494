//! Cortex-M: start-up, requests to QEMU, and a timer that counts instructions.

use core::arch::{asm, global_asm};
use core::ptr;

global_asm!(
    ".section .start, \"a\"",
    ".word __stack_top",
    ".word start",
    ".rept 14",
    ".word fault",
    ".endr",
    ".section .text.start, \"ax\"",
    ".global start",
    ".thumb_func",
    "start:",
    // Coprocessors 10 and 11, the floating point unit, are off after a reset.
    "ldr r0, =0xe000ed88",
    "ldr r1, [r0]",
    "orr r1, r1, #0xf00000",
    "str r1, [r0]",
    "dsb",
    "isb",
    "bl firmware_main",
    ".thumb_func",
    "fault:",
    // The number of the exception, and where it happened.
    "mrs r0, ipsr",
    "ldr r1, [sp, #24]",
    "bl firmware_fault",
);

/// TIMER0 of the CMSDK, 32 bits that count down, and the instructions of one of its steps.
#[cfg(board = "mps2_an386")]
const TIMER: (usize, u64) = (0x4000_0000, 40);
#[cfg(board = "mps2_an505")]
const TIMER: (usize, u64) = (0x5000_0000, 50);

/// The counter's resolution.
pub const COUNTER_STEP: u64 = TIMER.1;

const CONTROL: usize = 0;
const VALUE: usize = 4;
const RELOAD: usize = 8;

/// Starts the timer.
pub(crate) fn begin() {
    for (register, value) in [(RELOAD, u32::MAX), (VALUE, u32::MAX), (CONTROL, 1)] {
        // SAFETY: these are the timer's registers on this board.
        unsafe { ptr::write_volatile((TIMER.0 + register) as *mut u32, value) };
    }
}

/// Instructions executed since the start: a nanosecond each, and the timer counts 25 or 20 in a microsecond.
pub fn instructions() -> u64 {
    // SAFETY: this is the timer's register on this board.
    let left = unsafe { ptr::read_volatile((TIMER.0 + VALUE) as *const u32) };
    u64::from(u32::MAX - left) * TIMER.1
}

/// Where the stack is in use from.
#[inline(always)]
pub(crate) fn stack_pointer() -> usize {
    let place;
    // SAFETY: it only reads a register.
    unsafe { asm!("mov {place}, sp", place = out(reg) place, options(nomem, nostack)) };
    place
}

/// A request to QEMU.
///
/// # Safety
/// The argument must be what the operation takes.
pub(crate) unsafe fn request(operation: usize, argument: usize) -> usize {
    let mut result = operation;
    // SAFETY: the caller's; no other register changes.
    unsafe { asm!("bkpt 0xab", inout("r0") result, in("r1") argument) };
    result
}
