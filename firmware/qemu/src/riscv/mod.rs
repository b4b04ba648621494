//! QEMU's `virt` with a 32-bit processor. Source: QEMU's `hw/riscv/virt.c`, the RISC-V privileged architecture 1.12,
//! and the platform-level interrupt controller's specification 1.0.

pub(crate) mod medium;
mod start;
pub(crate) mod timer;
mod trap;
pub(crate) mod uart;
mod watchdog;

use core::arch::asm;

use crate::registers::Registers;

pub use watchdog::Watchdog;

/// The board: QEMU calls it `virt`.
pub(crate) const NAME: &str = "rv32";
/// Its processor.
pub(crate) const PROCESSOR: &str = "RV32IMAC";
/// The counter counts each instruction.
pub(crate) const INSTRUCTIONS_STEP: u64 = 1;

/// Ends or resets the board.
// SAFETY: SiFive's test device is there.
const TEST: Registers = unsafe { Registers::at(0x0010_0000) };
/// Resets it.
const TEST_RESET: u32 = 0x7777;

/// Instructions executed since the start.
pub(crate) fn instructions() -> u64 {
    riscv::register::minstret::read64()
}

/// Lets interrupts come.
pub(crate) fn interrupts_on() {
    trap::allow();
}

/// Resets the board.
pub(crate) fn reset() -> ! {
    loop {
        TEST.write(0, TEST_RESET);
    }
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
