//! The branches of the function that is being checked, until all of their targets are known.

use alloc::vec::Vec;

use super::context::{push, too_many};
use crate::error::Reason;
use crate::table::{Branch, Writer};

/// No draft: the end of a chain.
pub(super) const NO_DRAFT: u32 = u32::MAX;

/// A branch to be.
#[derive(Clone, Copy)]
struct Draft {
    /// The place behind its opcode, from which it counts.
    base: u32,
    /// The place of the next instruction; while that is not known, the next draft of the chain.
    target: u32,
    /// The first branch from there on.
    branch: u32,
    keep: u16,
    drop: u16,
}

/// Where a branch leads, and what it does to the stack.
#[derive(Clone, Copy)]
pub(super) struct Target {
    pub(super) code: u32,
    /// The first branch from there on, among those of the function.
    pub(super) branch: u32,
}

/// All of a function's.
pub(super) struct Branches {
    drafts: Vec<Draft>,
    most: u32,
}

impl Branches {
    pub(super) const fn new(most: u32) -> Self {
        Self {
            drafts: Vec::new(),
            most,
        }
    }

    pub(super) fn clear(&mut self) {
        self.drafts.clear();
    }

    pub(super) fn held_bytes(&self) -> usize {
        self.drafts.capacity() * size_of::<Draft>()
    }

    pub(super) fn count(&self) -> u32 {
        u32::try_from(self.drafts.len()).unwrap_or(u32::MAX)
    }

    /// Adds a branch from behind the opcode at `base`, to be found again by its number.
    pub(super) fn add(&mut self, base: u32, keep: u32, drop: u32) -> Result<u32, Reason> {
        let number = self.count();
        if number >= self.most {
            return Err(too_many("branches in a function", self.most));
        }
        let limit = |_| too_many("values on the stack of a function", u16::MAX.into());
        let draft = Draft {
            base,
            target: NO_DRAFT,
            branch: 0,
            keep: u16::try_from(keep).map_err(limit)?,
            drop: u16::try_from(drop).map_err(limit)?,
        };
        push(&mut self.drafts, draft)?;
        Ok(number)
    }

    /// Has a branch wait in a chain; the chain's new head.
    pub(super) fn chain(&mut self, number: u32, head: u32) -> u32 {
        if let Some(draft) = self.draft(number) {
            draft.target = head;
        }
        number
    }

    /// Says where a branch leads.
    pub(super) fn resolve(&mut self, number: u32, target: Target) {
        if let Some(draft) = self.draft(number) {
            draft.target = target.code;
            draft.branch = target.branch;
        }
    }

    /// Says where all branches of a chain lead.
    pub(super) fn resolve_chain(&mut self, head: u32, target: Target) {
        let mut number = head;
        while let Some(draft) = self.draft(number) {
            number = draft.target;
            draft.target = target.code;
            draft.branch = target.branch;
        }
    }

    fn draft(&mut self, number: u32) -> Option<&mut Draft> {
        usize::try_from(number)
            .ok()
            .and_then(|number| self.drafts.get_mut(number))
    }

    /// Writes all of them, and behind them those that do not fit into an entry.
    pub(super) fn write(&self, writer: &mut Writer<'_>) -> Result<(), Reason> {
        let mut number = 0;
        let mut long = 0;
        for draft in &self.drafts {
            let branch = draft.branch(number);
            let words = branch.words().unwrap_or_else(|| {
                let place = self.count() + 2 * long;
                long += 1;
                Branch::elsewhere(place - number)
            });
            writer.append(&words)?;
            number += 1;
        }
        number = 0;
        for draft in &self.drafts {
            let branch = draft.branch(number);
            if branch.words().is_none() {
                writer.append(&branch.long_words())?;
            }
            number += 1;
        }
        Ok(())
    }
}

impl Draft {
    const fn branch(&self, number: u32) -> Branch {
        Branch {
            code_delta: self.target.wrapping_sub(self.base).cast_signed(),
            branch_delta: self.branch.wrapping_sub(number).cast_signed(),
            keep: self.keep as u32,
            drop: self.drop as u32,
        }
    }
}
