//! Branches: where they lead, and what they keep of the stack.

use core::ptr;

use super::{ENTRY, Registers};
use crate::table::Branch;

impl Registers {
    #[inline(always)]
    pub(super) fn entry(&self, at: *const u32) -> [u32; ENTRY] {
        debug_assert!(
            (at as usize).wrapping_sub(self.branches as usize) / 4 + ENTRY <= self.branch_words,
            "no such branch"
        );
        // SAFETY: the validator wrote an entry for each branch.
        let entry = unsafe { at.cast::<[u32; ENTRY]>().read() };
        entry.map(u32::from_le)
    }

    /// Goes past the next branch, which is not taken.
    #[inline(always)]
    pub(in crate::machine) fn pass_branch(&mut self) {
        // SAFETY: at most behind the last one.
        self.branch = unsafe { self.branch.add(ENTRY) };
    }

    /// Takes the branch so many after the next one. The place in the code is behind the opcode. Whether there is fuel
    /// to go on.
    #[inline(always)]
    #[must_use]
    pub(in crate::machine) fn take_branch(&mut self, which: usize) -> bool {
        // SAFETY: a table has as many entries.
        let at = unsafe { self.branch.add(which * ENTRY) };
        let branch = Branch::from_words(self.entry(at))
            .unwrap_or_else(|further| self.long_branch(at, further));
        // SAFETY: the target is in the same function.
        self.code = unsafe { self.code.offset(branch.code_delta as isize) };
        debug_assert!(self.is_in_function(), "a branch out of the function");
        // SAFETY: the target's next branch is one of the function's, or behind the last one.
        self.branch = unsafe { at.offset(branch.branch_delta as isize * ENTRY as isize) };
        if branch.drop != 0 {
            self.drop_below(branch.keep as usize, branch.drop as usize);
        }
        if branch.code_delta >= 0 {
            return true;
        }
        self.fuel = self.fuel.wrapping_add(branch.code_delta);
        self.fuel >= 0
    }

    #[cold]
    pub(super) fn long_branch(&self, at: *const u32, further: u32) -> Branch {
        // SAFETY: the validator wrote two entries there.
        let at = unsafe { at.add(further as usize * ENTRY) };
        // SAFETY: as above.
        let next = unsafe { at.add(ENTRY) };
        let ([code, branch], [keep, drop]) = (self.entry(at), self.entry(next));
        Branch::from_long_words([code, branch, keep, drop])
    }

    /// Takes away operands below the topmost ones.
    #[inline(always)]
    pub(super) fn drop_below(&mut self, keep: usize, drop: usize) {
        debug_assert!(self.has_operands(keep + drop), "no operand");
        // SAFETY: the validator counted them.
        let from = unsafe { self.top.sub(keep) };
        // SAFETY: as above.
        let to = unsafe { from.sub(drop) };
        // SAFETY: both ranges are on the stack.
        unsafe { ptr::copy(from, to, keep) };
        self.forget(drop);
    }

    /// Whether the place in the code is in the function. For debug assertions.
    pub(super) fn is_in_function(&self) -> bool {
        let function = Self::function_at(self.function);
        (function.code as usize..=function.end as usize).contains(&self.offset_of(self.code))
    }
}
