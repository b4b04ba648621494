//! The code of functions, one after the other: their locals, their instructions, and what the table says of them.

use alloc::vec::Vec;

use super::Validator;
use super::branches::Branches;
use super::context::{Context, reserve, too_many, value_type};
use super::instructions::Checker;
use super::operands::{Kind, Operands};
use super::sections::slots;
use crate::error::Reason;
use crate::reader::Reader;
use crate::table::Function;
use crate::types::is_wide;

impl<'m> Validator<'m, '_, '_, '_> {
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
pub(super) struct Body<'m> {
    pub(super) operands: Operands<'m>,
    pub(super) branches: Branches,
    /// The types of parameters and locals.
    pub(super) locals: Vec<u8>,
    /// All globals that were read or written have 32 bits.
    pub(super) are_globals_small: bool,
    /// All indices of locals were one byte.
    pub(super) is_short: bool,
    /// All labels, types of blocks and alignments were one byte.
    pub(super) is_one_byte: bool,
    /// Where the instruction is that is checked, or the function's beginning.
    pub(super) at: u32,
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
