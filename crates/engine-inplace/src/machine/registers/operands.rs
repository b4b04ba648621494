//! Operands, locals and globals.

use super::{FRAME_SLOTS, Registers};
use crate::slot::Slot;

impl Registers {
    #[inline(always)]
    pub(in crate::machine) fn push(&mut self, value: impl Slot) {
        debug_assert!(
            (self.top as usize) < self.operands_end(),
            "over the operands"
        );
        // SAFETY: the function was entered with room for all of its operands.
        unsafe { *self.top = value.into_slot() };
        // SAFETY: at most one behind the stack.
        self.top = unsafe { self.top.add(1) };
    }

    #[inline(always)]
    pub(in crate::machine) fn pop<T: Slot>(&mut self) -> T {
        debug_assert!(
            self.top as usize > self.frame as usize + FRAME_SLOTS * 8,
            "no operand"
        );
        // SAFETY: validated code takes only what is there.
        self.top = unsafe { self.top.sub(1) };
        // SAFETY: it was pushed before.
        T::from_slot(unsafe { *self.top })
    }

    /// The operand so many below the topmost.
    #[inline(always)]
    pub(in crate::machine) fn peek<T: Slot>(&self, depth: usize) -> T {
        debug_assert!(
            self.top as usize > self.frame as usize + (FRAME_SLOTS + depth) * 8,
            "no operand"
        );
        // SAFETY: validated code asks only for what is there.
        let place = unsafe { self.top.sub(depth + 1) };
        // SAFETY: as above.
        T::from_slot(unsafe { *place })
    }

    /// Changes the operand so many below the topmost.
    #[inline(always)]
    pub(in crate::machine) fn replace(&mut self, depth: usize, value: impl Slot) {
        debug_assert!(
            self.top as usize > self.frame as usize + (FRAME_SLOTS + depth) * 8,
            "no operand"
        );
        // SAFETY: validated code asks only for what is there.
        let place = unsafe { self.top.sub(depth + 1) };
        // SAFETY: as above.
        unsafe { *place = value.into_slot() };
    }

    /// Takes so many operands away.
    #[inline(always)]
    pub(in crate::machine) fn forget(&mut self, count: usize) {
        debug_assert!(self.has_operands(count), "no operand");
        // SAFETY: validated code takes only what is there.
        self.top = unsafe { self.top.sub(count) };
    }

    /// Adds so many operands that are there already.
    #[inline(always)]
    pub(in crate::machine) fn keep(&mut self, count: usize) {
        debug_assert!(
            self.top as usize + count * size_of::<u64>() <= self.operands_end(),
            "over the operands"
        );
        // SAFETY: the function was entered with room for all of its operands.
        self.top = unsafe { self.top.add(count) };
    }

    /// So many slots from the lowest of the topmost `below` on, and all of the memory.
    pub(in crate::machine) fn slots_and_memory(
        &mut self,
        below: usize,
        count: usize,
    ) -> (&mut [u64], &mut [u8]) {
        // SAFETY: validated code takes only what is there.
        let start = unsafe { self.top.sub(below) };
        debug_assert!(
            start as usize + count * size_of::<u64>() <= self.operands_end(),
            "over the operands"
        );
        // SAFETY: results have room as operands have; all slots were initialized with the stack.
        let slots = unsafe { core::slice::from_raw_parts_mut(start, count) };
        if self.memory_bytes == 0 {
            return (slots, &mut []);
        }
        // SAFETY: as many bytes are there, apart from the stack, and nobody else has them while the machine runs.
        let memory = unsafe { core::slice::from_raw_parts_mut(self.memory, self.memory_bytes) };
        (slots, memory)
    }

    /// Whether the function has so many operands now. For debug assertions.
    pub(super) fn has_operands(&self, count: usize) -> bool {
        self.top as usize >= self.frame as usize + (FRAME_SLOTS + count) * size_of::<u64>()
    }

    /// Where the room for operands ends that the validator found the function to need. For debug assertions.
    pub(super) fn operands_end(&self) -> usize {
        if !self.is_running() {
            return self.stack_end as usize;
        }
        let operands = Self::function_at(self.function).operands as usize;
        let end = self.frame as usize + (FRAME_SLOTS + operands) * size_of::<u64>();
        end.min(self.stack_end as usize)
    }

    #[inline(always)]
    pub(super) fn local(&self, index: u32) -> *mut u64 {
        debug_assert!(
            self.locals as usize + (index as usize) * 8 < self.frame as usize,
            "no such local"
        );
        // SAFETY: the validator knows how many locals there are.
        unsafe { self.locals.add(index as usize) }
    }

    #[inline(always)]
    pub(in crate::machine) fn local_value(&self, index: u32) -> u64 {
        // SAFETY: in the frame.
        unsafe { *self.local(index) }
    }

    #[inline(always)]
    pub(in crate::machine) fn set_local(&mut self, index: u32, value: u64) {
        // SAFETY: in the frame.
        unsafe { *self.local(index) = value };
    }

    #[inline(always)]
    pub(super) fn global(&self, index: u32) -> *mut u64 {
        debug_assert!(index < self.global_count, "no such global");
        // SAFETY: the validator knows how many globals there are.
        unsafe { self.globals.add(index as usize) }
    }

    #[inline(always)]
    pub(in crate::machine) fn global_value(&self, index: u32) -> u64 {
        // SAFETY: there is one.
        unsafe { *self.global(index) }
    }

    #[inline(always)]
    pub(in crate::machine) fn set_global(&mut self, index: u32, value: u64) {
        // SAFETY: there is one.
        unsafe { *self.global(index) = value };
    }
}
