//! The loop for Thumb-2 in assembly (ARMv7-M and later), with the portable loop for what is rare.
//!
//! `thumb/frame.s` says how it works. Here are the tables of handlers, made from the opcodes' own description.

use core::ffi::c_void;
use core::mem::offset_of;

use super::assembly::{self, IS_PREEMPTED, IS_RETURNED};
use super::registers::Registers;
use super::{Called, Calls, Halt};
use crate::instance::Instance;
use crate::opcode::code;
use crate::table::{Branch, Function};

/// Runs until something stops the guest.
pub(super) fn run(
    instance: &mut Instance,
    registers: &mut Registers,
    calls: &mut dyn Calls,
) -> Option<Halt> {
    assembly::run(instance, registers, calls, |registers, bridge| {
        // SAFETY: the registers are those of a machine that runs, bound to where everything is; the tables hold a handler
        // for each byte.
        unsafe { thimble_inplace_run(registers, bridge, NARROW.as_ptr().cast(), WIDE.as_ptr()) }
    })
}

type Handler = unsafe extern "C" fn();

unsafe extern "C" {
    fn thimble_inplace_run(
        registers: *mut Registers,
        bridge: *mut c_void,
        narrow: *const Handler,
        wide: *const Handler,
    ) -> u32;
}

/// A table with a handler for each opcode.
const fn table<const N: usize>(otherwise: Handler, handlers: [(u8, Handler); N]) -> [Handler; 256] {
    let mut table = [otherwise; 256];
    let mut at = 0;
    while at < N {
        let (code, handler) = handlers[at];
        table[code as usize] = handler;
        at += 1;
    }
    table
}

/// Declares the handlers of a state, by the names of their opcodes, and makes a table of them.
macro_rules! state {
    ($state:ident $prefix:literal $portable:literal: $($name:ident)*; with_float $($float:ident)*) => {
        mod $state {
            #![allow(non_snake_case, reason = "the names of opcodes")]
            use super::{Handler, code, table};

            unsafe extern "C" {
                #[link_name = $portable]
                fn otherwise();
                $(#[link_name = concat!($prefix, stringify!($name))]
                fn $name();)*
            }

            #[cfg(target_abi = "eabihf")]
            unsafe extern "C" {
                $(#[link_name = concat!($prefix, stringify!($float))]
                fn $float();)*
            }

            #[cfg(target_abi = "eabihf")]
            pub(super) static TABLE: [Handler; 256] =
                table(otherwise, [$((code::$name, $name as Handler),)* $((code::$float, $float as Handler),)*]);

            #[cfg(not(target_abi = "eabihf"))]
            pub(super) static TABLE: [Handler; 256] = table(otherwise, [$((code::$name, $name as Handler),)*]);
        }
    };
}

/// The three states of narrow functions.
macro_rules! narrow {
    ($state:ident $prefix:literal $portable:literal) => {
        state! { $state $prefix $portable:
            Nop Block Loop If Else End Br BrIf BrTable Return Call CallIndirect Drop Select
            LocalGet LocalSet LocalTee GlobalGet GlobalSet I32Const F32Const
            I32Load F32Load I32Load8S I32Load8U I32Load16S I32Load16U I32Store F32Store I32Store8 I32Store16
            I32Eqz I32Eq I32Ne I32LtS I32LtU I32GtS I32GtU I32LeS I32LeU I32GeS I32GeU
            I32Clz I32Ctz I32Add I32Sub I32Mul I32DivS I32DivU I32RemS I32RemU
            I32And I32Or I32Xor I32Shl I32ShrS I32ShrU I32Rotl I32Rotr
            I32Extend8S I32Extend16S I32ReinterpretF32 F32ReinterpretI32;
            with_float
            F32Add F32Sub F32Mul F32Div F32Sqrt F32Abs F32Neg F32ConvertI32S F32ConvertI32U
            F32Eq F32Ne F32Lt F32Le F32Gt F32Ge
        }
    };
}
narrow!(n0 "thimble_n0_" "thimble_n0_portable");
narrow!(n1 "thimble_n1_" "thimble_n1_portable");
narrow!(n2 "thimble_n2_" "thimble_n2_portable");
state! { w0 "thimble_w0_" "thimble_n0_portable":
    Nop Block Loop If Else End Br BrIf BrTable Return Call CallIndirect Drop Select
    LocalGet LocalSet LocalTee GlobalGet GlobalSet I32Const I64Const F32Const F64Const
    I32Load I64Load F32Load F64Load I32Load8S I32Load8U I32Load16S I32Load16U
    I64Load8S I64Load8U I64Load16S I64Load16U I64Load32S I64Load32U
    I32Store I64Store F32Store F64Store I32Store8 I32Store16 I64Store8 I64Store16 I64Store32
    I32Eqz I32Eq I32Ne I32LtS I32LtU I32GtS I32GtU I32LeS I32LeU I32GeS I32GeU
    I64Eqz I64Eq I64Ne I64LtS I64LtU I64GtS I64GtU I64LeS I64LeU I64GeS I64GeU
    I32Add I32Sub I32Mul I32And I32Or I32Xor I32Shl I32ShrS I32ShrU I32Rotl I32Rotr
    I64Add I64Sub I64Mul I64And I64Or I64Xor I64Shl I64ShrS I64ShrU
    I32WrapI64 I64ExtendI32S I64ExtendI32U
    F64Add F64Sub F64Mul F64Div F64Eq F64Ne F64Lt F64Le F64Gt F64Ge;
    with_float
    F32Add F32Sub F32Mul F32Div F32Sqrt F32Abs F32Neg F32ConvertI32S F32ConvertI32U
    F32Eq F32Ne F32Lt F32Le F32Gt F32Ge
}

/// The handlers for none, one and two operands in registers, one table behind the other.
static NARROW: [[Handler; 256]; 3] = [n0::TABLE, n1::TABLE, n2::TABLE];
static WIDE: [Handler; 256] = w0::TABLE;

// What the assembly knows by its numbers.
const _: () = assert!(offset_of!(Registers, code) == 0 && offset_of!(Registers, top) == 4);
const _: () = assert!(offset_of!(Registers, locals) == 8 && offset_of!(Registers, branch) == 12);
const _: () =
    assert!(offset_of!(Registers, memory) == 16 && offset_of!(Registers, memory_bytes) == 20);

macro_rules! assembly {
    ($($file:literal)*) => {
        core::arch::global_asm!(
            $(include_str!($file),)*
            fuel = const offset_of!(Registers, fuel),
            function = const offset_of!(Registers, function),
            frame = const offset_of!(Registers, frame),
            end = const offset_of!(Registers, end),
            top = const offset_of!(Registers, top),
            functions = const offset_of!(Registers, functions),
            module = const offset_of!(Registers, module),
            function_count = const offset_of!(Registers, function_count),
            types = const offset_of!(Registers, types),
            elements = const offset_of!(Registers, elements),
            element_count = const offset_of!(Registers, element_count),
            branches = const offset_of!(Registers, branches),
            stack_end = const offset_of!(Registers, stack_end),
            globals = const offset_of!(Registers, globals),
            narrow_and_short = const Function::NARROW | Function::SMALL | Function::SHORT | Function::ONE_BYTE,
            imported_bit = const Function::IMPORTED.trailing_zeros(),
            elsewhere = const Branch::ELSEWHERE,
            is_preempted = const IS_PREEMPTED,
            is_returned = const IS_RETURNED,
            metered = const (!cfg!(feature = "unmetered")) as u32,
            host_call_fuel = const super::calls::HOST_CALL_FUEL,
            done = const Called::Done as u32,
            interrupted = const Called::DoneAndInterrupted as u32,
            call_fuel = const super::calls::CALL_FUEL,
            br_if = const code::BrIf,
            call_indirect = const code::CallIndirect,
        );
    };
}

#[cfg(target_abi = "eabihf")]
assembly! { "thumb/frame.s" "thumb/narrow.s" "thumb/wide.s" "thumb/float.s" }

#[cfg(not(target_abi = "eabihf"))]
assembly! { "thumb/frame.s" "thumb/narrow.s" "thumb/wide.s" }
