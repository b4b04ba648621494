//! From the reset to `main`: stacks, memory protection, data.
//!
//! Not `riscv-rt`: there a trap goes on with the stack that it interrupts, so that one that is full cannot be told.

use core::arch::global_asm;

global_asm!(
    ".section .start, \"ax\"",
    ".global start",
    "start:",
    "csrw mie, zero",
    "la sp, __stack_top",
    // What a trap runs on; see trap.rs.
    "la t0, __handler_stack_top",
    "csrw mscratch, t0",
    "la t0, trap",
    "csrw mtvec, t0",
    // Flash, which lies below the stack, cannot be written: the first region of memory protection, locked, a power of
    // two of 4 MiB, to be read and executed.
    "li t0, (0x80000000 >> 2) | ((0x400000 >> 3) - 1)",
    "csrw pmpaddr0, t0",
    "li t0, 0x9d",
    "csrw pmpcfg0, t0",
    // Data that begins with values.
    "la t0, __sdata",
    "la t1, __edata",
    "la t2, __sidata",
    "0: bgeu t0, t1, 1f",
    "lw t3, 0(t2)",
    "sw t3, 0(t0)",
    "addi t0, t0, 4",
    "addi t2, t2, 4",
    "j 0b",
    // Data that begins with zeros.
    "1: la t0, __sbss",
    "la t1, __ebss",
    "2: bgeu t0, t1, 3f",
    "sw zero, 0(t0)",
    "addi t0, t0, 4",
    "j 2b",
    "3: j main",
);
