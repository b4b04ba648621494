//! The loop for RISC-V in assembly (RV32IMC), with the portable loop for what is rare.
//!
//! `riscv/frame.s` says how it works. The names of opcodes come to the assembly from their own description.

use core::ffi::c_void;
use core::mem::offset_of;

use super::assembly::{self, IS_PREEMPTED, IS_RETURNED};
use super::registers::Registers;
use super::{Called, Calls, Halt};
use crate::instance::Instance;
use crate::opcode::{PREFIX, instructions};
use crate::table::{Branch, Function};

/// Runs until something stops the guest.
pub(super) fn run(
    instance: &mut Instance,
    registers: &mut Registers,
    calls: &mut dyn Calls,
) -> Option<Halt> {
    assembly::run(instance, registers, calls, |registers, bridge| {
        // SAFETY: the registers are those of a machine that runs, bound to where everything is.
        unsafe { thimble_inplace_run(registers, bridge) }
    })
}

/// Functions that the loop calls for floating point, with bits in integer registers whatever the calling convention is.
macro_rules! arithmetic {
    ($($name:ident $float:ident $bits:ident $operator:tt)*) => {
        $(#[unsafe(no_mangle)]
        extern "C" fn $name(a: $bits, b: $bits) -> $bits {
            ($float::from_bits(a) $operator $float::from_bits(b)).to_bits()
        })*
    };
}
arithmetic! {
    thimble_inplace_f32_add f32 u32 +
    thimble_inplace_f32_sub f32 u32 -
    thimble_inplace_f32_mul f32 u32 *
    thimble_inplace_f32_div f32 u32 /
    thimble_inplace_f64_add f64 u64 +
    thimble_inplace_f64_sub f64 u64 -
    thimble_inplace_f64_mul f64 u64 *
    thimble_inplace_f64_div f64 u64 /
}

unsafe extern "C" {
    fn thimble_inplace_run(registers: *mut Registers, bridge: *mut c_void) -> u32;
}

// A function that has the others but not the last of these flags is told by one comparison.
const _: () = assert!(Function::ONE_BYTE > Function::SMALL + Function::SHORT);

/// Assembles the loop, which knows an opcode as `OP_` and its name.
macro_rules! assembly {
    (
        pure { $($pc:literal $pn:ident $pt:literal ($($pa:ident: $pty:ident),*) -> $pr:ident $pe:block)* }
        trapping { $($tc:literal $tn:ident $tt:literal ($($ta:ident: $tty:ident),*) -> $tr:ident $te:block)* }
        saturating { $($saturating:tt)* }
        loads { $($lc:literal $ln:ident $lt:literal $lty:ident ($lm:ident as $lw:ident))* }
        stores { $($wc:literal $wn:ident $wt:literal $wty:ident ($wm:ident))* }
        special { $($xc:literal $xn:ident $xt:literal $xi:ident)* }
        bulk { $($bulk:tt)* }
    ) => {
        core::arch::global_asm!(
            $(concat!(".equ OP_", stringify!($pn), ", ", $pc),)*
            $(concat!(".equ OP_", stringify!($tn), ", ", $tc),)*
            $(concat!(".equ OP_", stringify!($ln), ", ", $lc),)*
            $(concat!(".equ OP_", stringify!($wn), ", ", $wc),)*
            $(concat!(".equ OP_", stringify!($xn), ", ", $xc),)*
            include_str!("riscv/frame.s"),
            include_str!("riscv/slots.s"),
            include_str!("riscv/stacked.s"),
            code = const offset_of!(Registers, code),
            top = const offset_of!(Registers, top),
            locals = const offset_of!(Registers, locals),
            branch = const offset_of!(Registers, branch),
            memory = const offset_of!(Registers, memory),
            memory_bytes = const offset_of!(Registers, memory_bytes),
            fuel = const offset_of!(Registers, fuel),
            function = const offset_of!(Registers, function),
            frame = const offset_of!(Registers, frame),
            end = const offset_of!(Registers, end),
            functions = const offset_of!(Registers, functions),
            module = const offset_of!(Registers, module),
            function_count = const offset_of!(Registers, function_count),
            types = const offset_of!(Registers, types),
            elements = const offset_of!(Registers, elements),
            element_count = const offset_of!(Registers, element_count),
            branches = const offset_of!(Registers, branches),
            stack_end = const offset_of!(Registers, stack_end),
            globals = const offset_of!(Registers, globals),
            imported = const Function::IMPORTED,
            quick = const Function::SMALL | Function::SHORT | Function::ONE_BYTE,
            one_byte = const Function::ONE_BYTE,
            elsewhere = const Branch::ELSEWHERE,
            is_preempted = const IS_PREEMPTED,
            is_returned = const IS_RETURNED,
            metered = const (!cfg!(feature = "unmetered")) as u32,
            host_call_fuel = const super::calls::HOST_CALL_FUEL,
            done = const Called::Done as u32,
            interrupted = const Called::DoneAndInterrupted as u32,
            call_fuel = const super::calls::CALL_FUEL,
            prefix = const PREFIX,
        );
    };
}
instructions!(assembly);
