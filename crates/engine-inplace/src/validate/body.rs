//! The code of functions: every instruction checked, every branch noted.

use alloc::vec::Vec;

use super::Validator;
use super::branches::{Branches, NO_DRAFT, Target};
use super::context::{Context, reference_type, reserve, too_many, value_type};
use super::operands::{Block, Kind, Operands};
use super::sections::slots;
use crate::error::Reason;
use crate::opcode::{self, PREFIX, code, second};
use crate::reader::Reader;
use crate::table::Function;
use crate::types::{ANY, EXTERNREF, F32, F64, FUNCREF, FunctionType, I32, I64, is_number, is_wide};

impl<'m> Validator<'m, '_> {
    pub(super) fn code(&mut self, section: &mut Reader<'m>) -> Result<(), Reason> {
        self.begin_branches()?;
        let imported = self.context.imported_functions;
        let own = self.context.function_count() - imported;
        if section.u32()? != own {
            return Err(Reason::Malformed(
                "function and code section have inconsistent lengths",
            ));
        }
        let limits = self.context.limits;
        let mut body = Body {
            operands: Operands::new(limits.operands, limits.nesting),
            branches: Branches::new(limits.branches),
            locals: Vec::new(),
            are_globals_small: true,
            is_short: true,
            is_one_byte: true,
            at: 0,
        };
        let mut branch = 0;
        for index in imported..imported + own {
            let length = section.u32()?;
            let mut reader = section.part(length)?;
            let mut function = Function {
                branch,
                ..Function::default()
            };
            let outcome = body.check(&mut self.context, &mut reader, index, &mut function);
            if outcome.is_err() {
                self.found = Some(body.at);
            }
            outcome?;
            let before = self.writer.end();
            body.branches.write(&mut self.writer)?;
            branch += (self.writer.end() - before) / 8;
            self.writer
                .put_function(self.head.functions, index, function)?;
            self.context.note_body_bytes(body.held_bytes());
        }
        self.code_count = own;
        Ok(())
    }
}

/// What is known while a function is checked; its memory is used for the next one again.
struct Body<'m> {
    operands: Operands<'m>,
    branches: Branches,
    /// The types of parameters and locals.
    locals: Vec<u8>,
    /// All globals that were read or written have 32 bits.
    are_globals_small: bool,
    /// All indices of locals were one byte.
    is_short: bool,
    /// All labels, types of blocks and alignments were one byte.
    is_one_byte: bool,
    /// Where the instruction is that is checked, or the function's beginning.
    at: u32,
}

impl<'m> Body<'m> {
    fn held_bytes(&self) -> usize {
        self.operands.held_bytes() + self.branches.held_bytes() + self.locals.capacity()
    }

    fn check(
        &mut self,
        context: &mut Context<'m>,
        reader: &mut Reader<'m>,
        index: u32,
        function: &mut Function,
    ) -> Result<(), Reason> {
        let index_of_type = context.function(index)?;
        let ty = context.ty(index_of_type)?;
        self.operands.clear();
        self.branches.clear();
        self.are_globals_small = true;
        self.is_short = true;
        self.is_one_byte = true;
        self.at = reader.offset();
        self.read_locals(context, reader, ty.parameters)?;
        function.code = reader.offset();
        self.operands.open(Kind::Function, &[], ty.results, 0)?;
        while self.operands.is_open() {
            self.at = reader.offset();
            if reader.is_at_end() {
                return Err(Reason::Malformed("END opcode expected"));
            }
            let mut checker = Checker {
                body: self,
                context,
                reader,
                base: 0,
            };
            checker.instruction()?;
        }
        function.end = reader.offset();
        if !reader.is_at_end() {
            return Err(Reason::Malformed(
                "operators remaining after the end of the function",
            ));
        }
        function.locals = slots(&self.locals)?;
        let highest = self.operands.highest();
        function.operands =
            u16::try_from(highest).map_err(|_| too_many("values on the stack", u16::MAX.into()))?;
        function.parameters = slots(ty.parameters)?;
        function.results = slots(ty.results)?;
        function.ty = context.same_type(index_of_type)?;
        function.flags |= self.flags();
        Ok(())
    }

    /// What is known of the function at its end.
    fn flags(&self) -> u16 {
        let mut flags = 0;
        if !self.locals.iter().any(|ty| is_wide(*ty)) {
            if self.are_globals_small {
                flags |= Function::SMALL;
            }
            if self.operands.is_narrow {
                // A wide global is only reached where no code is.
                flags |= Function::NARROW | Function::SMALL;
            }
        }
        if self.is_one_byte {
            flags |= Function::ONE_BYTE;
            if self.is_short {
                flags |= Function::SHORT;
            }
        }
        flags
    }

    fn read_locals(
        &mut self,
        context: &Context<'m>,
        reader: &mut Reader<'m>,
        parameters: &[u8],
    ) -> Result<(), Reason> {
        self.locals.clear();
        let most = context.limits.locals;
        check_count_of_locals(*reader)?;
        let mut add = |ty: u8, count: u32| {
            let have = u32::try_from(self.locals.len()).unwrap_or(u32::MAX);
            if have.checked_add(count).is_none_or(|all| all > most) {
                return Err(too_many("locals in a function", most));
            }
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            if self.locals.capacity() - self.locals.len() < count {
                reserve(&mut self.locals, count)?;
            }
            self.locals.resize(self.locals.len() + count, ty);
            Ok(())
        };
        for ty in parameters {
            add(*ty, 1)?;
        }
        for _ in 0..reader.u32()? {
            let count = reader.u32()?;
            let ty = reader.u8()?;
            value_type(ty)?;
            add(ty, count)?;
        }
        Ok(())
    }
}

/// One instruction in its surroundings.
struct Checker<'a, 'm> {
    body: &'a mut Body<'m>,
    context: &'a mut Context<'m>,
    reader: &'a mut Reader<'m>,
    /// Behind its opcode.
    base: u32,
}

impl<'m> Checker<'_, 'm> {
    fn instruction(&mut self) -> Result<(), Reason> {
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
        self.body.operands.pop_all(signature.takes)?;
        signature
            .gives
            .map_or(Ok(()), |ty| self.body.operands.push(ty))
    }

    fn memory_argument(&mut self, natural: u32) -> Result<(), Reason> {
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

    fn special(&mut self, opcode: u8) -> Result<(), Reason> {
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

    fn constant_or_reference(&mut self, opcode: u8) -> Result<(), Reason> {
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

    fn prefixed(&mut self, number: u32) -> Result<(), Reason> {
        let unknown = Reason::UnknownOpcode {
            code: u32::from(PREFIX) << 8 | number,
        };
        let instruction = opcode::after_prefix(number).ok_or(unknown)?;
        if let Some(signature) = instruction.signature {
            self.body.operands.pop_all(signature.takes)?;
            return signature
                .gives
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

    fn turn(&mut self, takes: &[u8], gives: u8) -> Result<(), Reason> {
        self.body.operands.pop_all(takes)?;
        self.body.operands.push(gives)
    }

    fn memory_index(&mut self) -> Result<(), Reason> {
        if self.reader.u8()? != 0 {
            return Err(Reason::Malformed("zero byte expected"));
        }
        self.context.memory()
    }

    fn table_of(&self, index: u32, expected: u8) -> Result<(), Reason> {
        same(expected, self.context.table(index)?)
    }

    /// The results of the function.
    fn results(&self) -> Result<&'m [u8], Reason> {
        let depth = self.body.operands.depth();
        Ok(self.body.operands.label(depth)?.1.results)
    }

    fn call(&mut self, ty: FunctionType<'m>, returns: bool) -> Result<(), Reason> {
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

    fn select(&mut self) -> Result<(), Reason> {
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

    fn select_typed(&mut self) -> Result<(), Reason> {
        if self.reader.u32()? != 1 {
            return Err(Reason::Invalid("invalid result arity"));
        }
        let ty = self.reader.u8()?;
        value_type(ty)?;
        self.turn(&[ty, ty, I32], ty)
    }

    fn local(&mut self, opcode: u8) -> Result<(), Reason> {
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
    fn short_number(&mut self) -> Result<u32, Reason> {
        let before = self.reader.offset();
        let number = self.reader.u32()?;
        self.body.is_one_byte &= self.reader.offset() - before == 1;
        Ok(number)
    }

    fn block_type(&mut self) -> Result<FunctionType<'m>, Reason> {
        let byte = self.reader.peek()?;
        let results = match byte {
            0x40 => &[],
            _ if byte & 0xc0 == 0x40 => {
                value_type(byte)?;
                let mut one = *self.reader;
                one.bytes(1)?
            }
            _ => {
                let before = self.reader.offset();
                let index = self.reader.s33()?;
                self.body.is_one_byte &= self.reader.offset() - before == 1;
                let index =
                    u32::try_from(index).map_err(|_| Reason::Malformed("malformed block type"))?;
                return self.context.ty(index);
            }
        };
        self.reader.skip(1)?;
        Ok(FunctionType {
            parameters: &[],
            results,
        })
    }

    fn block(&mut self, opcode: u8) -> Result<(), Reason> {
        let ty = self.block_type()?;
        let kind = match opcode {
            code::Block => Kind::Block,
            code::Loop => Kind::Loop,
            _ => {
                self.body.operands.pop(I32)?;
                Kind::If(self.draft(0, 0)?)
            }
        };
        self.body.operands.pop_all(ty.parameters)?;
        let start = self.reader.offset();
        let first = self.body.branches.count();
        self.body
            .operands
            .open(kind, ty.parameters, ty.results, start)?;
        if kind == Kind::Loop
            && let Some(block) = self.body.operands.innermost()
        {
            block.drafts = first;
        }
        Ok(())
    }

    /// A branch from here, if here is reached.
    fn draft(&mut self, keep: u32, drop: u32) -> Result<u32, Reason> {
        if !self.body.operands.is_reachable() {
            return Ok(NO_DRAFT);
        }
        self.body.branches.add(self.base, keep, drop)
    }

    fn here(&self) -> Target {
        Target {
            code: self.reader.offset(),
            branch: self.body.branches.count(),
        }
    }

    fn otherwise(&mut self) -> Result<(), Reason> {
        let Kind::If(condition) = self.body.operands.block()?.kind else {
            return Err(Reason::Malformed("else found outside of an if"));
        };
        let past = self.draft(0, 0)?;
        let block = self.body.operands.close()?;
        let target = self.here();
        self.body.branches.resolve(condition, target);
        self.body
            .operands
            .open(Kind::Else, block.parameters, block.results, target.code)?;
        let drafts = if past == NO_DRAFT {
            block.drafts
        } else {
            self.body.branches.chain(past, block.drafts)
        };
        if let Some(block) = self.body.operands.innermost() {
            block.drafts = drafts;
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Reason> {
        let block = self.body.operands.close()?;
        let mut target = self.here();
        match block.kind {
            Kind::If(condition) => {
                if block.parameters != block.results {
                    return Err(Reason::Invalid(
                        "type mismatch: an if without else gives what it takes",
                    ));
                }
                self.body.branches.resolve(condition, target);
                self.body.branches.resolve_chain(block.drafts, target);
            }
            Kind::Block | Kind::Else => self.body.branches.resolve_chain(block.drafts, target),
            Kind::Loop => {}
            Kind::Function => {
                // A branch out of the function leads to its last instruction, which returns.
                target.code = self.base - 1;
                self.body.branches.resolve_chain(block.drafts, target);
                return Ok(());
            }
        }
        self.body.operands.push_all(block.results)
    }

    fn branch(&mut self, is_conditional: bool) -> Result<(), Reason> {
        let depth = self.short_number()?;
        if is_conditional {
            self.body.operands.pop(I32)?;
        }
        let (place, block) = self.body.operands.label(depth)?;
        self.branch_to(place, block)?;
        self.body.operands.pop_all(block.label())?;
        if is_conditional {
            return self.body.operands.push_all(block.label());
        }
        self.body.operands.set_unreachable();
        Ok(())
    }

    /// Notes a branch to a block, with what it takes along on the stack.
    fn branch_to(&mut self, place: usize, block: Block<'m>) -> Result<(), Reason> {
        let keep = u32::try_from(block.label().len()).unwrap_or(u32::MAX);
        let height = self.body.operands.height();
        let number = self.draft(
            keep,
            height.saturating_sub(keep).saturating_sub(block.height),
        )?;
        if number == NO_DRAFT {
            return Ok(());
        }
        if block.kind == Kind::Loop {
            let target = Target {
                code: block.start,
                branch: block.drafts,
            };
            self.body.branches.resolve(number, target);
        } else {
            // The block may have got more branches since it was looked up.
            if let Some(block) = self.body.operands.block_at(place) {
                block.drafts = self.body.branches.chain(number, block.drafts);
            }
        }
        Ok(())
    }

    fn branch_table(&mut self) -> Result<(), Reason> {
        self.body.operands.pop(I32)?;
        let count = self.reader.u32()?;
        let mut arity = None;
        for position in 0..=count {
            let depth = self.reader.u32()?;
            let (place, block) = self.body.operands.label(depth)?;
            let label = block.label();
            if arity.is_some_and(|arity| arity != label.len()) {
                return Err(Reason::Invalid(
                    "type mismatch: the labels of a table take different values",
                ));
            }
            arity = Some(label.len());
            self.body.operands.check_top(label)?;
            self.branch_to(place, block)?;
            if position == count {
                self.body.operands.pop_all(label)?;
            }
        }
        self.body.operands.set_unreachable();
        Ok(())
    }
}

/// Checks that there are fewer than 2^32: more are malformed, before they are over any limit.
fn check_count_of_locals(mut reader: Reader<'_>) -> Result<(), Reason> {
    let mut all = 0_u32;
    for _ in 0..reader.u32()? {
        all = all
            .checked_add(reader.u32()?)
            .ok_or(Reason::Malformed("too many locals"))?;
        reader.u8()?;
    }
    Ok(())
}

fn same(expected: u8, found: u8) -> Result<(), Reason> {
    if expected == found {
        return Ok(());
    }
    Err(Reason::TypeMismatch { expected, found })
}
