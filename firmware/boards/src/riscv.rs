//! RISC-V: start-up, requests to QEMU, and its counter of retired instructions.

use core::arch::{asm, global_asm};

global_asm!(
    ".section .start, \"ax\"",
    ".global start",
    "start:",
    "la sp, __stack_top",
    "la t0, fault",
    "csrw mtvec, t0",
    "call firmware_main",
    ".balign 4",
    "fault:",
    "csrr a0, mcause",
    "csrr a1, mepc",
    "call firmware_fault",
);

/// The counter's resolution.
pub const COUNTER_STEP: u64 = 1;

/// The counter runs by itself.
pub(crate) fn begin() {}

/// Instructions executed since the start.
pub fn instructions() -> u64 {
    loop {
        let (high, low, again): (u32, u32, u32);
        // SAFETY: reading counters changes nothing.
        unsafe {
            asm!(
                "csrr {high}, minstreth", "csrr {low}, minstret", "csrr {again}, minstreth",
                high = out(reg) high, low = out(reg) low, again = out(reg) again,
            );
        }
        if high == again {
            return u64::from(high) << 32 | u64::from(low);
        }
    }
}

/// Where the stack is in use from.
#[inline(always)]
pub(crate) fn stack_pointer() -> usize {
    let place;
    // SAFETY: it only reads a register.
    unsafe { asm!("mv {place}, sp", place = out(reg) place, options(nomem, nostack)) };
    place
}

/// A request to QEMU.
///
/// # Safety
/// The argument must be what the operation takes.
pub(crate) unsafe fn request(operation: usize, argument: usize) -> usize {
    let mut result = operation;
    // SAFETY: the caller's; no other register changes. The three instructions may not lie on two pages.
    unsafe {
        asm!(
            ".balign 16", ".option push", ".option norvc",
            "slli x0, x0, 0x1f", "ebreak", "srai x0, x0, 7",
            ".option pop",
            inout("a0") result, in("a1") argument,
        );
    }
    result
}
