//! Constant expressions: checked here, evaluated when a guest is made (`instance`).

use alloc::vec::Vec;

use super::context::{Context, push, reference_type};
use crate::error::Reason;
use crate::opcode::code;
use crate::reader::Reader;
use crate::types;

/// Values that a constant expression may have at once.
pub(crate) const OPERANDS_MAX: usize = 32;

/// Checks an expression that gives one value of a type, up to and with its end.
pub(super) fn check(
    context: &mut Context<'_>,
    reader: &mut Reader<'_>,
    expected: u8,
) -> Result<(), Reason> {
    let mut operands: Vec<u8> = Vec::new();
    loop {
        let opcode = reader.u8()?;
        let ty = match opcode {
            code::End => break,
            code::I32Const => {
                reader.i32()?;
                types::I32
            }
            code::I64Const => {
                reader.i64()?;
                types::I64
            }
            code::F32Const => {
                reader.bytes(4)?;
                types::F32
            }
            code::F64Const => {
                reader.bytes(8)?;
                types::F64
            }
            code::GlobalGet => {
                let (ty, is_mutable) = context.global(reader.u32()?)?;
                if is_mutable {
                    return Err(Reason::Invalid(
                        "constant expression required: the global can change",
                    ));
                }
                ty
            }
            code::RefNull => {
                let ty = reader.u8()?;
                reference_type(ty)?;
                ty
            }
            code::RefFunc => {
                context.reference(reader.u32()?)?;
                types::FUNCREF
            }
            code::I32Add | code::I32Sub | code::I32Mul => both(&mut operands, types::I32)?,
            code::I64Add | code::I64Sub | code::I64Mul => both(&mut operands, types::I64)?,
            0xfd => return Err(Reason::Feature("SIMD")),
            0xfb => return Err(Reason::Feature("GC instructions")),
            _ if crate::opcode::plain(opcode).is_some() || opcode == crate::opcode::PREFIX => {
                return Err(Reason::Invalid("constant expression required"));
            }
            _ => {
                return Err(Reason::UnknownOpcode {
                    code: opcode.into(),
                });
            }
        };
        if operands.len() >= OPERANDS_MAX {
            return Err(super::context::too_many(
                "values in a constant expression",
                32,
            ));
        }
        push(&mut operands, ty)?;
    }
    match operands.as_slice() {
        [ty] if *ty == expected => Ok(()),
        [found] => Err(Reason::TypeMismatch {
            expected,
            found: *found,
        }),
        [] => Err(Reason::NothingOnTheStack { expected }),
        _ => Err(Reason::Invalid(
            "type mismatch: a constant expression gives one value",
        )),
    }
}

/// Takes two values of a type, and gives it.
fn both(operands: &mut Vec<u8>, expected: u8) -> Result<u8, Reason> {
    for _ in 0..2 {
        match operands.pop() {
            Some(found) if found == expected => {}
            Some(found) => return Err(Reason::TypeMismatch { expected, found }),
            None => return Err(Reason::NothingOnTheStack { expected }),
        }
    }
    Ok(expected)
}
