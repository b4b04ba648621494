//! The loop in Rust: for every target without a loop in assembly, for fuzzing, and the handlers of rare instructions
//! everywhere.

use thimble_runtime::engine::TrapKind;

use super::calls::{Went, call_host, enter};
use super::registers::{Registers, is_true};
use super::{Calls, Halt, Stop};
use crate::instance::Instance;
use crate::number::float::{self, F32_SIGN, F64_SIGN};
use crate::number::integer;
use crate::opcode::{PREFIX, code, instructions};
use crate::profile;

/// The type of Rust with which a value of WebAssembly is computed.
macro_rules! rust_type {
    (i32) => {
        u32
    };
    (i64) => {
        u64
    };
    (f32) => {
        f32
    };
    (f64) => {
        f64
    };
}

/// Takes the parameters off the stack, the last one first, and runs a body with them.
macro_rules! with_parameters {
    ($r:ident, ($a:ident: $ta:ident), $body:expr) => {{
        let $a: rust_type!($ta) = $r.pop();
        $body
    }};
    ($r:ident, ($a:ident: $ta:ident, $b:ident: $tb:ident), $body:expr) => {{
        let $b: rust_type!($tb) = $r.pop();
        let $a: rust_type!($ta) = $r.pop();
        $body
    }};
}

/// Makes the loop of the description; the instructions that are special stand below.
macro_rules! looped {
    (
        pure { $($pc:literal $pn:ident $pt:literal ($($pa:ident: $pty:ident),*) -> $pr:ident $pe:block)* }
        trapping { $($tc:literal $tn:ident $tt:literal ($($ta:ident: $tty:ident),*) -> $tr:ident $te:block)* }
        saturating { $($sc:literal $sn:ident $st:literal ($($sa:ident: $sty:ident),*) -> $sr:ident $se:block)* }
        loads { $($lc:literal $ln:ident $lt:literal $lty:ident ($lm:ident as $lw:ident))* }
        stores { $($wc:literal $wn:ident $wt:literal $wty:ident ($wm:ident))* }
        special { $($special:tt)* }
        bulk { $($bulk:tt)* }
    ) => {
        /// Runs until something stops the guest, or, unless `FOREVER`, one instruction: then there may be no halt. At a trap the place in the code is that of its instruction.
        #[expect(clippy::too_many_lines, reason = "one arm for each instruction")]
        #[allow(
            clippy::cast_possible_truncation, clippy::cast_precision_loss, clippy::cast_lossless, clippy::cast_sign_loss,
            clippy::float_cmp, reason = "these are the instructions' definitions"
        )]
        pub(super) fn run<const FOREVER: bool>(
            instance: &mut Instance,
            registers: &mut Registers,
            calls: &mut dyn Calls,
        ) -> Option<Halt> {
            let mut own = *registers;
            let r = if FOREVER { &mut own } else { &mut *registers };
            let mut is_over = false;
            let (halt, at) = loop {
                let at = r.code;
                if !FOREVER && core::mem::replace(&mut is_over, true) {
                    break (None, at);
                }
                profile::executed(r.offset());
                let went: Went = match r.u8() {
                    $($pc => {
                        let value = with_parameters!(r, ($($pa: $pty),*), $pe);
                        r.push(value);
                        continue;
                    })*
                    $($tc => {
                        let value = with_parameters!(r, ($($ta: $tty),*), $te);
                        match value {
                            Ok(value) => {
                                r.push(value);
                                continue;
                            }
                            Err(kind) => Err(Halt::Trap(kind)),
                        }
                    })*
                    $($lc => {
                        r.skip_number();
                        let offset = r.u32();
                        let base: u32 = r.pop();
                        match r.load::<$lm>(base, offset) {
                            Ok(value) => {
                                r.push($lm::from_le(value) as $lw);
                                continue;
                            }
                            Err(kind) => Err(Halt::Trap(kind)),
                        }
                    })*
                    $($wc => {
                        r.skip_number();
                        let offset = r.u32();
                        let value: u64 = r.pop();
                        let base: u32 = r.pop();
                        match r.store(base, offset, (value as $wm).to_le()) {
                            Ok(()) => continue,
                            Err(kind) => Err(Halt::Trap(kind)),
                        }
                    })*
                    code::LocalGet => {
                        let index = r.u32();
                        let value = r.local_value(index);
                        r.push(value);
                        continue;
                    }
                    code::LocalSet => {
                        let index = r.u32();
                        let value = r.pop();
                        r.set_local(index, value);
                        continue;
                    }
                    code::LocalTee => {
                        let index = r.u32();
                        let value = r.peek(0);
                        r.set_local(index, value);
                        continue;
                    }
                    code::I32Const => {
                        let value = r.i32();
                        r.push(value);
                        continue;
                    }
                    code::I64Const => {
                        let value = r.i64();
                        r.push(value);
                        continue;
                    }
                    code::Br => proceed(r.take_branch(0)),
                    code::BrIf => {
                        if is_true(r.pop()) {
                            proceed(r.take_branch(0))
                        } else {
                            r.skip_number();
                            r.pass_branch();
                            continue;
                        }
                    }
                    code::BrTable => branch_table(r),
                    code::If => {
                        if is_true(r.pop()) {
                            r.skip_number();
                            r.pass_branch();
                            continue;
                        }
                        proceed(r.take_branch(0))
                    }
                    code::Else => proceed(r.take_branch(0)),
                    code::Block | code::Loop => {
                        r.skip_number();
                        continue;
                    }
                    code::Nop => continue,
                    code::End => {
                        if r.code != r.end {
                            continue;
                        }
                        leave(r)
                    }
                    code::Return => leave(r),
                    code::Call => {
                        let index = r.u32();
                        let entry = r.entry_of(index);
                        let function = Registers::function_at(entry);
                        if function.is_imported() {
                            aside::<FOREVER, _>(r, |r| call_host(r, calls, function, at, 0))
                        } else {
                            enter(r, entry, function)
                        }
                    }
                    code::CallIndirect => aside::<FOREVER, _>(r, |r| instance.call_indirect(r, calls, at)),
                    code::ReturnCall => aside::<FOREVER, _>(r, |r| instance.return_call(r, calls, at)),
                    code::ReturnCallIndirect => aside::<FOREVER, _>(r, |r| instance.return_call_indirect(r, calls, at)),
                    code::Drop => {
                        r.forget(1);
                        continue;
                    }
                    code::Select => {
                        select(r);
                        continue;
                    }
                    code::SelectTyped => {
                        r.skip_number();
                        r.skip_number();
                        select(r);
                        continue;
                    }
                    code::GlobalGet => {
                        let index = r.u32();
                        let value = r.global_value(index);
                        r.push(value);
                        continue;
                    }
                    code::GlobalSet => {
                        let index = r.u32();
                        let value = r.pop();
                        r.set_global(index, value);
                        continue;
                    }
                    code::F32Const => {
                        let bits = r.word();
                        r.push(bits);
                        continue;
                    }
                    code::F64Const => {
                        let (lower, upper) = (r.word(), r.word());
                        r.push(u64::from(upper) << 32 | u64::from(lower));
                        continue;
                    }
                    code::MemorySize => {
                        r.u8();
                        r.push(instance.memory.pages());
                        continue;
                    }
                    code::MemoryGrow => {
                        r.u8();
                        aside::<FOREVER, _>(r, |r| instance.memory_grow(r, calls));
                        continue;
                    }
                    code::TableGet => aside::<FOREVER, _>(r, |r| instance.table_get(r)),
                    code::TableSet => aside::<FOREVER, _>(r, |r| instance.table_set(r)),
                    code::RefNull => {
                        r.u8();
                        r.push(0_u32);
                        continue;
                    }
                    code::RefIsNull => {
                        let reference: u32 = r.pop();
                        r.push(reference == 0);
                        continue;
                    }
                    code::RefFunc => {
                        let function = r.u32();
                        r.push(function + 1);
                        continue;
                    }
                    code::Unreachable => Err(Halt::Trap(TrapKind::Unreachable)),
                    PREFIX => {
                        let number = r.u32();
                        match number {
                            $($sc => {
                                let value = with_parameters!(r, ($($sa: $sty),*), $se);
                                r.push(value);
                                continue;
                            })*
                            _ => aside::<FOREVER, _>(r, |r| instance.bulk(r, number, at)),
                        }
                    }
                    // Validated code has no other.
                    _ => Err(Halt::Trap(TrapKind::Engine)),
                };
                if let Err(halt) = went {
                    break (Some(halt), at);
                }
            };
            if matches!(halt, Some(Halt::Trap(_))) {
                r.code = at;
            }
            if FOREVER {
                *registers = own;
            }
            halt
        }
    };
}
instructions!(looped);

/// Does something with a copy of the registers. Those of the loop itself are never lent to code that is not part of it, so
/// that they can stay in the processor's.
#[inline(always)]
fn aside<const FOREVER: bool, T>(r: &mut Registers, act: impl FnOnce(&mut Registers) -> T) -> T {
    if !FOREVER {
        return act(r);
    }
    let mut copy = *r;
    let result = act(&mut copy);
    *r = copy;
    result
}

#[inline(always)]
const fn proceed(has_fuel: bool) -> Went {
    if has_fuel {
        Ok(())
    } else {
        Err(Halt::Stop(Stop::Preempted))
    }
}

#[inline(always)]
fn leave(r: &mut Registers) -> Went {
    let results = Registers::function_at(r.function).results;
    if r.leave(results.into()) {
        Ok(())
    } else {
        Err(Halt::Stop(Stop::Returned))
    }
}

fn branch_table(r: &mut Registers) -> Went {
    let which: u32 = r.pop();
    let base = r.code;
    let last = r.u32();
    r.code = base;
    proceed(r.take_branch(which.min(last) as usize))
}

#[inline(always)]
fn select(r: &mut Registers) {
    let condition = is_true(r.pop());
    let other: u64 = r.pop();
    if !condition {
        r.replace(0, other);
    }
}
