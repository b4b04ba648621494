//! The types on a function's stack, and the blocks around the place where the validator is.
//!
//! Source: WebAssembly core specification 2.0, appendix A.3.

use alloc::vec::Vec;

use super::branches::NO_DRAFT;
use super::context::{push, too_many};
use crate::error::Reason;
use crate::types::{self, ANY};

/// What kind of block it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Function,
    Block,
    Loop,
    /// Up to its `else`, with the branch there.
    If(u32),
    Else,
}

/// A block that is open.
#[derive(Clone, Copy)]
pub(super) struct Block<'m> {
    pub(super) kind: Kind,
    pub(super) parameters: &'m [u8],
    pub(super) results: &'m [u8],
    /// Operands below its own.
    pub(super) height: u32,
    /// What comes next is never reached.
    pub(super) unreachable: bool,
    /// Branches to it that wait for its end, as a chain; of a loop, its first branch.
    pub(super) drafts: u32,
    /// Of a loop: where it begins.
    pub(super) start: u32,
}

impl<'m> Block<'m> {
    /// The types that a branch to it takes along.
    pub(super) const fn label(&self) -> &'m [u8] {
        match self.kind {
            Kind::Loop => self.parameters,
            _ => self.results,
        }
    }
}

/// Both stacks.
pub(super) struct Operands<'m> {
    types: Vec<u8>,
    blocks: Vec<Block<'m>>,
    /// The most operands so far where code is reached.
    highest: u32,
    operands_max: u32,
    nesting_max: u32,
    /// All values so far have 32 bits.
    pub(super) is_narrow: bool,
}

impl<'m> Operands<'m> {
    pub(super) const fn new(operands_max: u32, nesting_max: u32) -> Self {
        Self {
            types: Vec::new(),
            blocks: Vec::new(),
            highest: 0,
            operands_max,
            nesting_max,
            is_narrow: true,
        }
    }

    pub(super) fn clear(&mut self) {
        self.types.clear();
        self.blocks.clear();
        self.highest = 0;
        self.is_narrow = true;
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.types.capacity() + self.blocks.capacity() * size_of::<Block<'_>>()
    }

    pub(super) const fn highest(&self) -> u32 {
        self.highest
    }

    pub(super) fn height(&self) -> u32 {
        u32::try_from(self.types.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn push(&mut self, ty: u8) -> Result<(), Reason> {
        let height = self.height().saturating_add(1);
        if height > self.operands_max {
            return Err(too_many(
                "values on the stack of a function",
                self.operands_max,
            ));
        }
        push(&mut self.types, ty)?;
        self.highest = self.highest.max(height);
        self.is_narrow &= !types::is_wide(ty);
        Ok(())
    }

    pub(super) fn push_all(&mut self, types: &[u8]) -> Result<(), Reason> {
        types.iter().try_for_each(|ty| self.push(*ty))
    }

    /// Takes a value of any type.
    pub(super) fn pop_any(&mut self) -> Result<u8, Reason> {
        let block = self.block()?;
        if self.height() == block.height {
            if block.unreachable {
                return Ok(ANY);
            }
            return Err(Reason::NothingOnTheStack { expected: ANY });
        }
        Ok(self.types.pop().unwrap_or(ANY))
    }

    /// Takes a value of a type.
    pub(super) fn pop(&mut self, expected: u8) -> Result<u8, Reason> {
        let found = match self.pop_any() {
            Err(Reason::NothingOnTheStack { .. }) => {
                return Err(Reason::NothingOnTheStack { expected });
            }
            other => other?,
        };
        if found == expected || found == ANY || expected == ANY {
            return Ok(if found == ANY { expected } else { found });
        }
        Err(Reason::TypeMismatch { expected, found })
    }

    pub(super) fn pop_all(&mut self, types: &[u8]) -> Result<(), Reason> {
        types
            .iter()
            .rev()
            .try_for_each(|ty| self.pop(*ty).map(drop))
    }

    /// Checks the values that a branch takes along, and leaves them as they are.
    pub(super) fn check_top(&mut self, expected: &[u8]) -> Result<(), Reason> {
        let block = *self.block()?;
        let mut height = self.height();
        for expected in expected.iter().rev() {
            if height == block.height {
                if block.unreachable {
                    return Ok(());
                }
                return Err(Reason::NothingOnTheStack {
                    expected: *expected,
                });
            }
            height -= 1;
            let found = usize::try_from(height)
                .ok()
                .and_then(|at| self.types.get(at));
            match found {
                Some(found) if found == expected || *found == ANY => {}
                found => {
                    return Err(Reason::TypeMismatch {
                        expected: *expected,
                        found: found.copied().unwrap_or(ANY),
                    });
                }
            }
        }
        Ok(())
    }

    pub(super) fn block(&self) -> Result<&Block<'m>, Reason> {
        self.blocks.last().ok_or(Reason::Malformed(
            "operators remaining after the end of the function",
        ))
    }

    /// The block that a label of a depth names, and where it is.
    pub(super) fn label(&self, depth: u32) -> Result<(usize, Block<'m>), Reason> {
        let unknown = Reason::Invalid("unknown label");
        let depth = usize::try_from(depth).map_err(|_| unknown)?;
        let place = self
            .blocks
            .len()
            .checked_sub(1)
            .and_then(|last| last.checked_sub(depth))
            .ok_or(unknown)?;
        let block = self.blocks.get(place).ok_or(unknown)?;
        Ok((place, *block))
    }

    pub(super) fn block_at(&mut self, place: usize) -> Option<&mut Block<'m>> {
        self.blocks.get_mut(place)
    }

    pub(super) fn is_reachable(&self) -> bool {
        self.blocks.last().is_some_and(|block| !block.unreachable)
    }

    /// How many blocks there are around the innermost one.
    pub(super) fn depth(&self) -> u32 {
        u32::try_from(self.blocks.len())
            .unwrap_or(u32::MAX)
            .saturating_sub(1)
    }

    pub(super) fn innermost(&mut self) -> Option<&mut Block<'m>> {
        self.blocks.last_mut()
    }

    pub(super) fn is_open(&self) -> bool {
        !self.blocks.is_empty()
    }

    /// Opens a block, whose parameters were taken.
    pub(super) fn open(
        &mut self,
        kind: Kind,
        parameters: &'m [u8],
        results: &'m [u8],
        start: u32,
    ) -> Result<(), Reason> {
        let depth = u32::try_from(self.blocks.len()).unwrap_or(u32::MAX);
        if depth >= self.nesting_max {
            return Err(too_many("blocks inside each other", self.nesting_max));
        }
        let block = Block {
            kind,
            parameters,
            results,
            height: self.height(),
            unreachable: false,
            drafts: NO_DRAFT,
            start,
        };
        push(&mut self.blocks, block)?;
        self.push_all(parameters)
    }

    /// Closes the innermost block, whose results must be there, and nothing else.
    pub(super) fn close(&mut self) -> Result<Block<'m>, Reason> {
        let block = *self.block()?;
        self.pop_all(block.results)?;
        if self.height() != block.height {
            return Err(Reason::Invalid(
                "type mismatch: values remain on the stack at the end of a block",
            ));
        }
        self.blocks.pop();
        Ok(block)
    }

    /// What follows is never reached.
    pub(super) fn set_unreachable(&mut self) {
        if let Some(block) = self.blocks.last_mut() {
            block.unreachable = true;
            let height = usize::try_from(block.height).unwrap_or(usize::MAX);
            self.types.truncate(height);
        }
    }
}
