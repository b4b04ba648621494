//! Cortex-M: stacks, sleep, and the handlers of faults.

use core::arch::asm;

use cortex_m::peripheral::SCB;
use cortex_m_rt::{ExceptionFrame, exception};

use crate::fault::{self, Fault, FaultKind};
use crate::stack;

/// Registers that the processor puts on the stack for a handler, with and without those of the floating point unit.
const FRAME_BYTES: u32 = 32;

/// Where the stack is in use from.
#[inline(always)]
pub(crate) fn stack_pointer() -> usize {
    let place;
    // SAFETY: it only reads a register.
    unsafe { asm!("mov {place}, sp", place = out(reg) place, options(nomem, nostack)) };
    place
}

/// Waits until an interrupt is pending, whether interrupts are on or off.
pub(crate) fn sleep() {
    cortex_m::asm::dsb();
    cortex_m::asm::wfi();
}

/// Executes what no processor knows.
pub(crate) fn invalid_instruction() {
    cortex_m::asm::udf();
}

/// Goes on with a function on the process stack; the main stack is the handlers' from here on.
///
/// # Safety
/// The addresses are those of a stack that nobody uses.
pub(crate) unsafe fn enter(main: extern "C" fn() -> !, bottom: usize, top: usize) -> ! {
    #[cfg(armv8m_main)]
    // SAFETY: the main stack lies above the process stack, and the process stack between these addresses.
    unsafe {
        asm!(
            "msr msplim, {top}", "msr psplim, {bottom}",
            top = in(reg) top, bottom = in(reg) bottom, options(nomem, nostack),
        );
    }
    #[cfg(not(armv8m_main))]
    let _ = bottom;
    // SAFETY: the caller's. Bit 1 of CONTROL chooses the process stack for everything that is no handler.
    unsafe {
        asm!(
            "msr psp, {top}", "mrs {top}, control", "orr {top}, {top}, #2", "msr control, {top}", "isb", "bx {main}",
            top = in(reg) top, main = in(reg) main, options(noreturn),
        );
    }
}

/// What a handler can tell about the code that it interrupted.
pub(crate) fn interrupted(kind: FaultKind) -> Fault {
    let mut fault = Fault::new(kind);
    let pointer = cortex_m::register::psp::read();
    if stack::holds(pointer as usize) && stack::holds((pointer + FRAME_BYTES) as usize) {
        // SAFETY: the processor put its registers there.
        let frame = unsafe { &*(pointer as *const ExceptionFrame) };
        fault.pc = frame.pc();
        fault.lr = frame.lr();
    }
    fault.sp = pointer;
    fault
}

#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    let place = core::ptr::from_ref(frame) as usize;
    let mut fault = Fault::new(FaultKind::Hard);
    // What left the stack cannot be read; that it did is what there is to tell.
    match stack::holds(place) {
        true => {
            fault.pc = frame.pc();
            fault.lr = frame.lr();
        }
        false => fault.kind = FaultKind::StackOverflow,
    }
    fault.sp = u32::try_from(place).unwrap_or(0);
    // SAFETY: reading status registers changes nothing.
    let status = unsafe { &*SCB::PTR };
    fault.cause = status.cfsr.read();
    // Bit 20: a stack limit was reached (Armv8-M).
    if fault.cause & (1 << 20) != 0 {
        fault.kind = FaultKind::StackOverflow;
    }
    // Bits 7 and 15: the address of a memory or bus fault is valid.
    if fault.cause & (1 << 15) != 0 {
        fault.address = status.bfar.read();
    } else if fault.cause & (1 << 7) != 0 {
        fault.address = status.mmfar.read();
    }
    fault::end(&fault)
}

#[exception]
unsafe fn DefaultHandler(number: i16) -> ! {
    let mut fault = interrupted(FaultKind::Interrupt);
    fault.cause = u32::from(number.unsigned_abs());
    fault::end(&fault)
}
