//! RISC-V: stacks, sleep, and what a trap says.

use core::arch::asm;

use crate::fault::{self, Fault, FaultKind};
use crate::stack;

/// Bytes below the stack that are its own fault to touch.
const BELOW_BYTES: usize = 4096;

/// Where the stack is in use from.
#[inline(always)]
pub(crate) fn stack_pointer() -> usize {
    let place;
    // SAFETY: it only reads a register.
    unsafe { asm!("mv {place}, sp", place = out(reg) place, options(nomem, nostack)) };
    place
}

/// Waits until an interrupt is pending, whether interrupts are on or off.
pub(crate) fn sleep() {
    // SAFETY: it only waits.
    unsafe { asm!("wfi", options(nostack)) };
}

/// Executes what no processor knows.
pub(crate) fn invalid_instruction() {
    // SAFETY: the trap that it takes never comes back.
    unsafe { asm!("unimp", options(nomem, nostack)) };
}

/// Goes on with a function on the program's stack.
///
/// # Safety
/// The addresses are those of a stack that nobody uses.
pub(crate) unsafe fn enter(main: extern "C" fn() -> !, _bottom: usize, top: usize) -> ! {
    // SAFETY: the caller's.
    unsafe {
        asm!("mv sp, {top}", "jr {main}", top = in(reg) top, main = in(reg) main, options(noreturn))
    };
}

/// What was interrupted or trapped, as the trap's handler found it.
#[derive(Clone, Copy, Debug)]
pub struct Trapped {
    /// `mepc`
    pub pc: u32,
    /// `ra`
    pub lr: u32,
    /// `sp`
    pub sp: u32,
    /// `mcause`
    pub cause: u32,
    /// `mtval`
    pub address: u32,
}

impl Trapped {
    /// Records that this ended the run, and resets.
    pub fn end(&self, kind: FaultKind) -> ! {
        let mut fault = Fault::new(kind);
        fault.pc = self.pc;
        fault.lr = self.lr;
        fault.sp = self.sp;
        fault.cause = self.cause;
        fault.address = self.address;
        let bottom = stack::bottom_address();
        if kind == FaultKind::Hard
            && (bottom.saturating_sub(BELOW_BYTES)..bottom).contains(&(self.address as usize))
        {
            fault.kind = FaultKind::StackOverflow;
        }
        fault::end(&fault)
    }
}
