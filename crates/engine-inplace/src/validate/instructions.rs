//! One instruction after the other: what it takes and what it gives.

use super::body::Body;
use super::context::{Context, reference_type, value_type};
use crate::error::Reason;
use crate::opcode::{self, PREFIX, code, second};
use crate::reader::Reader;
use crate::types::{ANY, EXTERNREF, F32, F64, FUNCREF, FunctionType, I32, I64, is_number, is_wide};

/// One instruction in its surroundings.
pub(super) struct Checker<'a, 'm> {
    pub(super) body: &'a mut Body<'m>,
    pub(super) context: &'a mut Context<'m>,
    pub(super) reader: &'a mut Reader<'m>,
    /// Behind its opcode.
    pub(super) base: u32,
}

impl<'m> Checker<'_, 'm> {
    pub(super) fn instruction(&mut self) -> Result<(), Reason> {
        let opcode = self.reader.u8()?;
        self.base = self.reader.offset();
        if opcode == PREFIX {
            let number = self.reader.u32()?;
            return self.prefixed(number);
        }
        let Some(instruction) = opcode::plain(opcode) else {
            return Err(match opcode {
                0x06..=0x0a | 0x18 | 0x19 | 0x1f => Reason::Feature("exceptions"),
                0x14 | 0x15 | 0xd4..=0xd6 => Reason::Feature("typed function references"),
                0xd3 | 0xfb => Reason::Feature("GC instructions"),
                0xfd => Reason::Feature("SIMD"),
                0xfe => Reason::Feature("atomic instructions (threads)"),
                _ => Reason::UnknownOpcode {
                    code: opcode.into(),
                },
            });
        };
        let Some(signature) = instruction.signature else {
            return self.special(opcode);
        };
        if instruction.immediates == opcode::Immediates::MemoryArgument {
            self.memory_argument(opcode::natural_alignment(opcode))?;
        }
        self.body.operands.pop_all(signature.takes())?;
        signature
            .gives()
            .map_or(Ok(()), |ty| self.body.operands.push(ty))
    }

    pub(super) fn memory_argument(&mut self, natural: u32) -> Result<(), Reason> {
        let alignment = self.short_number()?;
        match alignment {
            0..32 => {}
            64..96 => return Err(Reason::Feature("multiple memories")),
            _ => return Err(Reason::Malformed("malformed memop flags")),
        }
        self.reader.u32()?;
        self.context.memory()?;
        if alignment > natural {
            return Err(Reason::Invalid("alignment must not be larger than natural"));
        }
        Ok(())
    }

    pub(super) fn special(&mut self, opcode: u8) -> Result<(), Reason> {
        match opcode {
            code::Nop => Ok(()),
            code::Unreachable => {
                self.body.operands.set_unreachable();
                Ok(())
            }
            code::Block | code::Loop | code::If => self.block(opcode),
            code::Else => self.otherwise(),
            code::End => self.end(),
            code::Br | code::BrIf => self.branch(opcode == code::BrIf),
            code::BrTable => self.branch_table(),
            code::Return => {
                let results = self.results()?;
                self.body.operands.pop_all(results)?;
                self.body.operands.set_unreachable();
                Ok(())
            }
            code::Call | code::ReturnCall => {
                let function = self.reader.u32()?;
                let ty = self.context.function_type(function)?;
                self.call(ty, opcode == code::ReturnCall)
            }
            code::CallIndirect | code::ReturnCallIndirect => {
                let index = self.reader.u32()?;
                let ty = self.context.ty(index)?;
                let table = self.reader.u32()?;
                self.table_of(table, FUNCREF)?;
                self.body.operands.pop(I32)?;
                self.call(ty, opcode == code::ReturnCallIndirect)
            }
            code::Drop => self.body.operands.pop_any().map(drop),
            code::Select => self.select(),
            code::SelectTyped => self.select_typed(),
            code::LocalGet | code::LocalSet | code::LocalTee => self.local(opcode),
            code::GlobalGet => {
                let (ty, _) = self.context.global(self.reader.u32()?)?;
                self.body.are_globals_small &= !is_wide(ty);
                self.body.operands.push(ty)
            }
            code::GlobalSet => {
                let (ty, is_mutable) = self.context.global(self.reader.u32()?)?;
                if !is_mutable {
                    return Err(Reason::Invalid("global is immutable"));
                }
                self.body.are_globals_small &= !is_wide(ty);
                self.body.operands.pop(ty).map(drop)
            }
            code::MemorySize => {
                self.memory_index()?;
                self.body.operands.push(I32)
            }
            code::MemoryGrow => {
                self.memory_index()?;
                self.turn(&[I32], I32)
            }
            _ => self.constant_or_reference(opcode),
        }
    }

    pub(super) fn constant_or_reference(&mut self, opcode: u8) -> Result<(), Reason> {
        let operands = &mut self.body.operands;
        match opcode {
            code::I32Const => {
                self.reader.i32()?;
                operands.push(I32)
            }
            code::I64Const => {
                self.reader.i64()?;
                operands.push(I64)
            }
            code::F32Const => {
                self.reader.skip(4)?;
                operands.push(F32)
            }
            code::F64Const => {
                self.reader.skip(8)?;
                operands.push(F64)
            }
            code::RefNull => {
                let ty = self.reader.u8()?;
                reference_type(ty)?;
                operands.push(ty)
            }
            code::RefIsNull => {
                let found = operands.pop_any()?;
                if !matches!(found, ANY | FUNCREF | EXTERNREF) {
                    return Err(Reason::TypeMismatch {
                        expected: FUNCREF,
                        found,
                    });
                }
                operands.push(I32)
            }
            code::RefFunc => {
                if !self.context.is_referenced(self.reader.u32()?)? {
                    return Err(Reason::Invalid("undeclared function reference"));
                }
                operands.push(FUNCREF)
            }
            code::TableGet => {
                let ty = self.context.table(self.reader.u32()?)?;
                self.turn(&[I32], ty)
            }
            code::TableSet => {
                let ty = self.context.table(self.reader.u32()?)?;
                operands.pop(ty)?;
                operands.pop(I32).map(drop)
            }
            _ => Err(Reason::UnknownOpcode {
                code: opcode.into(),
            }),
        }
    }

    pub(super) fn prefixed(&mut self, number: u32) -> Result<(), Reason> {
        let unknown = Reason::UnknownOpcode {
            code: u32::from(PREFIX) << 8 | number,
        };
        let instruction = opcode::after_prefix(number).ok_or(unknown)?;
        if let Some(signature) = instruction.signature {
            self.body.operands.pop_all(signature.takes())?;
            return signature
                .gives()
                .map_or(Ok(()), |ty| self.body.operands.push(ty));
        }
        let [_, number] = instruction.code.to_be_bytes();
        const THREE: [u8; 3] = [I32, I32, I32];
        match number {
            second::MemoryInit => {
                let segment = self.reader.u32()?;
                self.memory_index()?;
                self.context.data_segment(segment)?;
                self.body.operands.pop_all(&THREE)
            }
            second::DataDrop => {
                let segment = self.reader.u32()?;
                self.context.data_segment(segment)
            }
            second::MemoryCopy => {
                self.memory_index()?;
                self.memory_index()?;
                self.body.operands.pop_all(&THREE)
            }
            second::MemoryFill => {
                self.memory_index()?;
                self.body.operands.pop_all(&THREE)
            }
            second::TableInit => {
                let segment = self.reader.u32()?;
                let table = self.reader.u32()?;
                let ty = self.context.table(table)?;
                let found = self.context.element_segment(segment)?;
                same(ty, found)?;
                self.body.operands.pop_all(&THREE)
            }
            second::ElemDrop => {
                let segment = self.reader.u32()?;
                self.context.element_segment(segment).map(drop)
            }
            second::TableCopy => {
                let to = self.context.table(self.reader.u32()?)?;
                let from = self.context.table(self.reader.u32()?)?;
                same(to, from)?;
                self.body.operands.pop_all(&THREE)
            }
            second::TableGrow => {
                let ty = self.context.table(self.reader.u32()?)?;
                self.turn(&[ty, I32], I32)
            }
            second::TableSize => {
                self.context.table(self.reader.u32()?)?;
                self.body.operands.push(I32)
            }
            second::TableFill => {
                let ty = self.context.table(self.reader.u32()?)?;
                self.body.operands.pop_all(&[I32, ty, I32])
            }
            _ => Err(unknown),
        }
    }

    pub(super) fn turn(&mut self, takes: &[u8], gives: u8) -> Result<(), Reason> {
        self.body.operands.pop_all(takes)?;
        self.body.operands.push(gives)
    }

    pub(super) fn memory_index(&mut self) -> Result<(), Reason> {
        if self.reader.u8()? != 0 {
            return Err(Reason::Malformed("zero byte expected"));
        }
        self.context.memory()
    }

    pub(super) fn table_of(&self, index: u32, expected: u8) -> Result<(), Reason> {
        same(expected, self.context.table(index)?)
    }

    /// The results of the function.
    pub(super) fn results(&self) -> Result<&'m [u8], Reason> {
        let depth = self.body.operands.depth();
        Ok(self.body.operands.label(depth)?.1.results)
    }

    pub(super) fn call(&mut self, ty: FunctionType<'m>, returns: bool) -> Result<(), Reason> {
        let operands = &mut self.body.operands;
        operands.pop_all(ty.parameters)?;
        if !returns {
            return operands.push_all(ty.results);
        }
        if self.results()? != ty.results {
            return Err(Reason::Invalid(
                "type mismatch: a tail call gives other results",
            ));
        }
        // If the host is called, its results lie here before they become the function's own: there must be room.
        self.body.operands.push_all(ty.results)?;
        self.body.operands.set_unreachable();
        Ok(())
    }

    pub(super) fn select(&mut self) -> Result<(), Reason> {
        let operands = &mut self.body.operands;
        operands.pop(I32)?;
        let one = operands.pop_any()?;
        let other = operands.pop_any()?;
        for found in [one, other] {
            if found != ANY && !is_number(found) {
                return Err(Reason::Invalid(
                    "type mismatch: select without a type takes numbers",
                ));
            }
        }
        if one != other && one != ANY && other != ANY {
            return Err(Reason::TypeMismatch {
                expected: other,
                found: one,
            });
        }
        operands.push(if one == ANY { other } else { one })
    }

    pub(super) fn select_typed(&mut self) -> Result<(), Reason> {
        if self.reader.u32()? != 1 {
            return Err(Reason::Invalid("invalid result arity"));
        }
        let ty = self.reader.u8()?;
        value_type(ty)?;
        self.turn(&[ty, ty, I32], ty)
    }

    pub(super) fn local(&mut self, opcode: u8) -> Result<(), Reason> {
        let before = self.reader.offset();
        let index = self.reader.u32()?;
        self.body.is_short &= self.reader.offset() - before == 1;
        let ty = usize::try_from(index)
            .ok()
            .and_then(|index| self.body.locals.get(index).copied())
            .ok_or(Reason::Invalid("unknown local"))?;
        let operands = &mut self.body.operands;
        match opcode {
            code::LocalGet => operands.push(ty),
            code::LocalSet => operands.pop(ty).map(drop),
            _ => self.turn(&[ty], ty),
        }
    }

    /// A number that the loops in assembly read as one byte where all such numbers of a function are.
    pub(super) fn short_number(&mut self) -> Result<u32, Reason> {
        let before = self.reader.offset();
        let number = self.reader.u32()?;
        self.body.is_one_byte &= self.reader.offset() - before == 1;
        Ok(number)
    }
}

fn same(expected: u8, found: u8) -> Result<(), Reason> {
    if expected == found {
        return Ok(());
    }
    Err(Reason::TypeMismatch { expected, found })
}
