//! Functions: entering them, leaving them, and who called whom.

use core::ptr;

use thimble_runtime::engine::TrapKind;

use super::{Caller, ENTRY, Entry, FRAME_SLOTS, Registers};
use crate::machine::stack::Stack;
use crate::table::{FUNCTION_WORDS, Function};

impl Registers {
    /// The entry of the function of an index.
    #[inline(always)]
    pub(in crate::machine) fn entry_of(&self, index: u32) -> Entry {
        debug_assert!(index < self.function_count, "no such function");
        // SAFETY: the validator wrote an entry for each function.
        unsafe { self.functions.add(index as usize) }
    }

    /// The first type that is the same as the one of an index.
    pub(in crate::machine) fn same_type(&self, index: u32) -> u32 {
        // SAFETY: the validator wrote a word for each type, and knows how many there are.
        let first = unsafe { self.types.add(index as usize) };
        // SAFETY: as above.
        u32::from_le(unsafe { *first })
    }

    /// What an entry says.
    #[inline(always)]
    pub(in crate::machine) fn function_at(entry: Entry) -> Function {
        // SAFETY: entries are those of the table, which are all there.
        let words = unsafe { *entry };
        Function::from_words(words.map(u32::from_le))
    }

    /// The index of a function.
    pub(super) fn index_of(&self, entry: Entry) -> u32 {
        let bytes = (entry as usize).wrapping_sub(self.functions as usize);
        u32::try_from(bytes / size_of::<[u32; FUNCTION_WORDS as usize]>()).unwrap_or(u32::MAX)
    }

    /// Whether there is a function that was begun and did not return.
    pub(in crate::machine) const fn is_running(&self) -> bool {
        !self.function.is_null()
    }

    /// Begins the function, with its arguments in the lowest slots.
    pub(in crate::machine) fn begin(
        &mut self,
        stack: &mut Stack,
        index: u32,
        arguments: &[u64],
    ) -> Result<(), TrapKind> {
        self.top = stack.start();
        self.function = ptr::null();
        self.locals = self.top;
        self.frame = self.top;
        self.code = self.module;
        self.branch = self.branches;
        if arguments.len() + FRAME_SLOTS > self.room() {
            return Err(TrapKind::StackOverflow);
        }
        for argument in arguments {
            self.push(*argument);
        }
        let entry = self.entry_of(index);
        self.enter(entry, Self::function_at(entry))
    }

    /// Slots left.
    pub(super) fn room(&self) -> usize {
        (self.stack_end as usize).saturating_sub(self.top as usize) / size_of::<u64>()
    }

    /// Enters a function, whose arguments are the topmost operands.
    #[inline(always)]
    pub(in crate::machine) fn enter(
        &mut self,
        entry: Entry,
        function: Function,
    ) -> Result<(), TrapKind> {
        let caller = Caller {
            function: self.function,
            code: self.code,
            locals: self.locals,
            branch: self.branch,
        };
        debug_assert!(
            !self.is_running() || self.has_operands(function.parameters.into()),
            "no argument"
        );
        // SAFETY: validated code has pushed the arguments.
        let locals = unsafe { self.top.sub(function.parameters as usize) };
        self.make_frame(entry, function, locals, caller)
    }

    /// Enters a function in the place of the one that is left.
    pub(in crate::machine) fn enter_instead(
        &mut self,
        entry: Entry,
        function: Function,
    ) -> Result<(), TrapKind> {
        let caller = self.caller();
        let count = usize::from(function.parameters);
        debug_assert!(self.has_operands(count), "no argument");
        let room = (self.stack_end as usize - self.locals as usize) / size_of::<u64>();
        if Self::slots_of(function) > room {
            return Err(TrapKind::StackOverflow);
        }
        // SAFETY: validated code has pushed the arguments.
        let from = unsafe { self.top.sub(count) };
        // SAFETY: both ranges are on the stack.
        unsafe { ptr::copy(from, self.locals, count) };
        self.make_frame(entry, function, self.locals, caller)
    }

    pub(super) const fn slots_of(function: Function) -> usize {
        function.locals as usize + FRAME_SLOTS + function.operands as usize
    }

    #[inline(always)]
    pub(super) fn make_frame(
        &mut self,
        entry: Entry,
        function: Function,
        locals: *mut u64,
        caller: Caller,
    ) -> Result<(), TrapKind> {
        let room = (self.stack_end as usize - locals as usize) / size_of::<u64>();
        if Self::slots_of(function) > room {
            return Err(TrapKind::StackOverflow);
        }
        let (parameters, all) = (
            usize::from(function.parameters),
            usize::from(function.locals),
        );
        // SAFETY: within the room that was just checked.
        let first = unsafe { locals.add(parameters) };
        // SAFETY: as above.
        unsafe { ptr::write_bytes(first, 0, all - parameters) };
        // SAFETY: as above.
        let frame = unsafe { locals.add(all) };
        // SAFETY: as above; a slot is aligned for words.
        unsafe { frame.cast::<Caller>().write(caller) };
        self.locals = locals;
        self.frame = frame;
        // SAFETY: as above.
        self.top = unsafe { frame.add(FRAME_SLOTS) };
        self.function = entry;
        // SAFETY: the offset of an instruction.
        self.code = unsafe { self.module.add(function.code as usize) };
        // SAFETY: at most behind the module.
        self.end = unsafe { self.module.add(function.end as usize) };
        // SAFETY: the function's first branch, or behind the last one of all.
        self.branch = unsafe { self.branches.add(function.branch as usize * ENTRY) };
        Ok(())
    }

    /// What the frame says of the caller.
    #[inline(always)]
    pub(super) fn caller(&self) -> Caller {
        // SAFETY: the frame was written when the function was entered.
        unsafe { self.frame.cast::<Caller>().read() }
    }

    /// Goes back to a caller, if there is one.
    #[inline(always)]
    pub(super) fn go_back(&mut self, caller: Caller) -> bool {
        self.function = caller.function;
        if !self.is_running() {
            return false;
        }
        let function = Self::function_at(caller.function);
        self.locals = caller.locals;
        // SAFETY: where it was when the function was called.
        self.frame = unsafe { self.locals.add(function.locals as usize) };
        self.code = caller.code;
        self.branch = caller.branch;
        // SAFETY: at most behind the module.
        self.end = unsafe { self.module.add(function.end as usize) };
        true
    }

    /// Leaves the function with so many results. Whether there is a caller.
    #[inline(always)]
    #[must_use]
    pub(in crate::machine) fn leave(&mut self, results: usize) -> bool {
        debug_assert!(self.has_operands(results), "no result");
        let caller = self.caller();
        // SAFETY: validated code has pushed the results.
        let from = unsafe { self.top.sub(results) };
        // SAFETY: a function has room for its results where its parameters were, or above, which is free now.
        unsafe { ptr::copy(from, self.locals, results) };
        // SAFETY: as above.
        self.top = unsafe { self.locals.add(results) };
        self.go_back(caller)
    }

    /// The place in the code as an offset into the module.
    pub(in crate::machine) fn offset(&self) -> u32 {
        u32::try_from(self.offset_of(self.code)).unwrap_or(u32::MAX)
    }

    /// The functions that were entered and the places in them, innermost first.
    pub(in crate::machine) fn frames<'a>(
        &'a self,
        _: &'a Stack,
    ) -> impl Iterator<Item = (u32, u32)> + 'a {
        let mut walker = *self;
        let mut is_first = true;
        core::iter::from_fn(move || {
            if !walker.is_running() {
                return None;
            }
            // A caller stands behind its call.
            let offset = walker.offset().saturating_sub(u32::from(!is_first));
            let item = (walker.index_of(walker.function), offset);
            is_first = false;
            let caller = walker.caller();
            walker.go_back(caller);
            Some(item)
        })
    }
}
