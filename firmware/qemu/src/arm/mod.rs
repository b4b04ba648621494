//! Cortex-M boards: MPS2 with the FPGA images AN386 and AN505, which differ in addresses only.

mod interrupts;
pub(crate) mod medium;
pub(crate) mod timer;
pub(crate) mod uart;
mod watchdog;

use core::arch::asm;

pub use watchdog::Watchdog;

#[cfg_attr(board = "mps2_an386", path = "an386.rs")]
#[cfg_attr(board = "mps2_an505", path = "an505.rs")]
mod map;

pub(crate) use map::{NAME, PROCESSOR};

/// Executed instructions of a step of the timer, with `-icount shift=0`: a nanosecond each.
pub(crate) const INSTRUCTIONS_STEP: u64 = 1_000_000_000 / map::CLOCK_HZ as u64;

/// Instructions executed since the start.
pub(crate) fn instructions() -> u64 {
    timer::steps() * INSTRUCTIONS_STEP
}

/// Lets interrupts come.
pub(crate) fn interrupts_on() {
    // They are off nowhere else but in critical sections: after a reset they are on.
}

/// Resets the board.
pub(crate) fn reset() -> ! {
    cortex_m::peripheral::SCB::sys_reset()
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
