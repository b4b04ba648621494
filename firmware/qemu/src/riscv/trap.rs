//! Traps: interrupts of the timer and the console, and faults.
//!
//! A trap runs on a stack of its own, which `mscratch` holds while the program runs, and is not interrupted.

use core::arch::global_asm;

use firmware_parts::{FaultKind, Trapped};
use riscv::register::{mepc, mie, mtval};

use super::{timer, uart};
use crate::console;
use crate::registers::Registers;

// SAFETY: the interrupt controller is there.
const CONTROLLER: Registers = unsafe { Registers::at(0x0c00_0000) };
/// Offsets for the first processor's machine mode.
const ENABLES: usize = 0x2000;
const THRESHOLD: usize = 0x20_0000;
const CLAIM: usize = 0x20_0004;

/// Causes: the highest bit tells interrupts.
const TIMER: u32 = 1 << 31 | 7;
const EXTERNAL: u32 = 1 << 31 | 11;

global_asm!(
    ".section .text.trap, \"ax\"",
    ".balign 4",
    ".global trap",
    "trap:",
    "csrrw sp, mscratch, sp",
    "addi sp, sp, -80",
    "sw ra, 0(sp)",
    "sw t0, 4(sp)",
    "sw t1, 8(sp)",
    "sw t2, 12(sp)",
    "sw t3, 16(sp)",
    "sw t4, 20(sp)",
    "sw t5, 24(sp)",
    "sw t6, 28(sp)",
    "sw a0, 32(sp)",
    "sw a1, 36(sp)",
    "sw a2, 40(sp)",
    "sw a3, 44(sp)",
    "sw a4, 48(sp)",
    "sw a5, 52(sp)",
    "sw a6, 56(sp)",
    "sw a7, 60(sp)",
    "mv a0, ra",
    "csrr a1, mscratch",
    "csrr a2, mcause",
    "call on_trap",
    "lw ra, 0(sp)",
    "lw t0, 4(sp)",
    "lw t1, 8(sp)",
    "lw t2, 12(sp)",
    "lw t3, 16(sp)",
    "lw t4, 20(sp)",
    "lw t5, 24(sp)",
    "lw t6, 28(sp)",
    "lw a0, 32(sp)",
    "lw a1, 36(sp)",
    "lw a2, 40(sp)",
    "lw a3, 44(sp)",
    "lw a4, 48(sp)",
    "lw a5, 52(sp)",
    "lw a6, 56(sp)",
    "lw a7, 60(sp)",
    "addi sp, sp, 80",
    "csrrw sp, mscratch, sp",
    "mret",
);

/// Called by the assembly above, with registers of what it interrupts.
#[unsafe(no_mangle)]
extern "C" fn on_trap(lr: u32, sp: u32, cause: u32) {
    let trapped = Trapped {
        pc: u32::try_from(mepc::read()).unwrap_or(0),
        lr,
        sp,
        cause,
        address: u32::try_from(mtval::read()).unwrap_or(0),
    };
    match cause {
        TIMER => timer::rings(&trapped),
        EXTERNAL => external(),
        _ if cause & 1 << 31 != 0 => trapped.end(FaultKind::Interrupt),
        _ => trapped.end(FaultKind::Hard),
    }
}

fn external() {
    let number = CONTROLLER.read(CLAIM);
    if number == uart::INTERRUPT {
        uart::acknowledge();
        console::serve();
    }
    CONTROLLER.write(CLAIM, number);
}

/// Lets interrupts come.
pub(super) fn allow() {
    // The priority of each is at four times its number.
    CONTROLLER.write(uart::INTERRUPT as usize * 4, 1);
    CONTROLLER.write(ENABLES, 1 << uart::INTERRUPT);
    CONTROLLER.write(THRESHOLD, 0);
    // SAFETY: traps are handled.
    unsafe { mie::set_mtimer() };
    // SAFETY: traps are handled.
    unsafe { mie::set_mext() };
    // SAFETY: this is not within a critical section.
    unsafe { riscv::interrupt::enable() };
}
