//! Blocks and branches: which way code goes.

use super::branches::{NO_DRAFT, Target};
use super::context::value_type;
use super::instructions::Checker;
use super::operands::{Block, Kind};
use crate::error::Reason;
use crate::opcode::code;
use crate::types::{FunctionType, I32};

impl<'m> Checker<'_, 'm> {
    pub(super) fn block_type(&mut self) -> Result<FunctionType<'m>, Reason> {
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

    pub(super) fn block(&mut self, opcode: u8) -> Result<(), Reason> {
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
    pub(super) fn draft(&mut self, keep: u32, drop: u32) -> Result<u32, Reason> {
        if !self.body.operands.is_reachable() {
            return Ok(NO_DRAFT);
        }
        self.body.branches.add(self.base, keep, drop)
    }

    pub(super) fn here(&self) -> Target {
        Target {
            code: self.reader.offset(),
            branch: self.body.branches.count(),
        }
    }

    pub(super) fn otherwise(&mut self) -> Result<(), Reason> {
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

    pub(super) fn end(&mut self) -> Result<(), Reason> {
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

    pub(super) fn branch(&mut self, is_conditional: bool) -> Result<(), Reason> {
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
    pub(super) fn branch_to(&mut self, place: usize, block: Block<'m>) -> Result<(), Reason> {
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

    pub(super) fn branch_table(&mut self) -> Result<(), Reason> {
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
