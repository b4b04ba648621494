//! The state of a running guest, as pointers, and every access through them.
//!
//! The methods here are safe to call in the order in which validated code calls them, and in no other; they are private
//! to the machine. What each relies on stands in `docs/inplace-safety.md`: the place in the code is always that of an
//! instruction or an immediate that the validator read; the stack has room for all operands of the function, which was
//! checked when it was entered; the next branch is that of the next branching instruction. Debug builds check all of it.
//!
//! A frame on the stack, from the lower end:
//!
//! ```text
//! parameters and locals | about the caller | operands
//! ^ locals              ^ frame            ^            ^ top
//! ```
//!
//! About the caller there are four words of the processor's: its function, or null, the place in the code where it
//! goes on, its locals, and its next branch.

use core::ptr;

use thimble_runtime::engine::TrapKind;

use super::stack::Stack;
use crate::instance::Instance;
use crate::slot::{Slot, low};
use crate::table::{BRANCH_WORDS, Branch, FUNCTION_WORDS, Function, TableError};

/// A function, by the place of its entry; null in the place of the caller of the function that was begun.
pub(super) type Entry = *const [u32; FUNCTION_WORDS as usize];

/// What a frame says of the caller. The order is known to the loops in assembly.
#[derive(Clone, Copy)]
#[repr(C)]
struct Caller {
    function: Entry,
    /// Where it goes on.
    code: *const u8,
    locals: *mut u64,
    branch: *const u32,
}

/// Slots between locals and operands.
pub(super) const FRAME_SLOTS: usize = size_of::<Caller>() / size_of::<u64>();
/// Words of a branch's entry.
const ENTRY: usize = BRANCH_WORDS as usize;

/// The registers of the machine. The order is known to the loops in assembly.
#[derive(Clone, Copy)]
#[repr(C)]
pub(super) struct Registers {
    /// The next byte of code.
    pub(super) code: *const u8,
    /// The first free slot.
    pub(super) top: *mut u64,
    /// The first local.
    pub(super) locals: *mut u64,
    /// The next branch's entry.
    pub(super) branch: *const u32,
    /// Linear memory.
    pub(super) memory: *mut u8,
    /// Its length.
    pub(super) memory_bytes: usize,
    /// What may still be used.
    pub(super) fuel: i32,
    /// How many functions there are.
    pub(super) function_count: u32,
    /// The function it is in, or null.
    pub(super) function: Entry,
    /// What is known of the caller.
    pub(super) frame: *mut u64,
    /// Behind the last instruction of the function.
    pub(super) end: *const u8,
    /// The module's bytes.
    pub(super) module: *const u8,
    /// The stack.
    stack: *mut u64,
    /// Behind the stack.
    pub(super) stack_end: *mut u64,
    /// The functions' entries.
    pub(super) functions: Entry,
    /// The branches' entries.
    pub(super) branches: *const u32,
    /// The globals.
    pub(super) globals: *mut u64,
    /// For each type the first one that is the same.
    pub(super) types: *const u32,
    /// The elements of the first table.
    pub(super) elements: *const u32,
    /// How many they are.
    pub(super) element_count: usize,
    /// For debug assertions.
    module_bytes: usize,
    branch_words: usize,
    global_count: u32,
}

// SAFETY: the pointers lead into what the machine owns, or into its program, which it shares and nobody changes.
unsafe impl Send for Registers {}

impl Registers {
    /// Those of a machine that runs nothing.
    pub(super) const fn idle() -> Self {
        Self {
            code: ptr::null(),
            top: ptr::null_mut(),
            locals: ptr::null_mut(),
            branch: ptr::null(),
            memory: ptr::null_mut(),
            memory_bytes: 0,
            fuel: 0,
            function: ptr::null(),
            frame: ptr::null_mut(),
            end: ptr::null(),
            module: ptr::null(),
            stack: ptr::null_mut(),
            stack_end: ptr::null_mut(),
            functions: ptr::null(),
            branches: ptr::null(),
            globals: ptr::null_mut(),
            types: ptr::null(),
            elements: ptr::null(),
            element_count: 0,
            module_bytes: 0,
            branch_words: 0,
            function_count: 0,
            global_count: 0,
        }
    }

    /// Notes where everything is that may have moved. The program and the stack never do.
    pub(super) fn bind(
        &mut self,
        instance: &mut Instance,
        stack: &Stack,
    ) -> Result<(), TableError> {
        if self.module.is_null() {
            let program = &instance.program;
            let table = program.table()?;
            self.module = program.bytes().as_ptr();
            self.module_bytes = program.bytes().len();
            self.functions = table.functions().as_ptr().cast();
            self.function_count = table.head.function_count;
            self.types = table.types().as_ptr();
            self.branches = table.branches().as_ptr();
            self.branch_words = table.branches().len();
            self.stack = stack.start();
            self.stack_end = stack.end();
            self.top = self.stack;
        }
        self.bind_memory(instance);
        self.bind_tables(instance);
        self.globals = instance.globals.as_mut_ptr();
        self.global_count = u32::try_from(instance.globals.len()).unwrap_or(u32::MAX);
        Ok(())
    }

    pub(super) fn bind_memory(&mut self, instance: &mut Instance) {
        let memory = instance.memory.slice();
        self.memory = memory.as_mut_ptr();
        self.memory_bytes = memory.len();
    }

    /// After a table grew.
    pub(super) fn bind_tables(&mut self, instance: &Instance) {
        let first = instance.tables.first();
        let elements = first.map_or(&[][..], |table| table.elements.as_slice());
        self.elements = elements.as_ptr();
        self.element_count = elements.len();
    }

    // The code.

    /// The next byte.
    #[inline(always)]
    pub(super) fn u8(&mut self) -> u8 {
        debug_assert!(
            self.offset_of(self.code) < self.module_bytes,
            "beyond the code"
        );
        // SAFETY: within the function's code, which ends with an instruction that returns.
        let byte = unsafe { *self.code };
        // SAFETY: at most one behind the module.
        self.code = unsafe { self.code.add(1) };
        byte
    }

    /// The next unsigned number.
    #[inline(always)]
    pub(super) fn u32(&mut self) -> u32 {
        let byte = self.u8();
        if byte < 0x80 {
            return byte.into();
        }
        low(self.long_number(byte).0)
    }

    /// The next signed number of 32 bits.
    #[inline(always)]
    pub(super) fn i32(&mut self) -> i32 {
        i32::from_slot(self.i64().cast_unsigned())
    }

    /// The next signed number of 64 bits.
    #[inline(always)]
    pub(super) fn i64(&mut self) -> i64 {
        let byte = self.u8();
        if byte < 0x80 {
            return i64::from((byte << 1).cast_signed() >> 1);
        }
        let (value, bits) = self.long_number(byte);
        let unused = 64_u32.saturating_sub(bits);
        (value << unused).cast_signed() >> unused
    }

    /// The rest of a number of several bytes, and how many bits they hold.
    #[inline(always)]
    fn long_number(&mut self, first: u8) -> (u64, u32) {
        let (value, bits, code) = long_number(self.code, first);
        self.code = code;
        (value, bits)
    }

    /// Leaves out one number.
    #[inline(always)]
    pub(super) fn skip_number(&mut self) {
        while self.u8() >= 0x80 {}
    }

    /// The next four bytes.
    #[inline(always)]
    pub(super) fn word(&mut self) -> u32 {
        debug_assert!(
            self.offset_of(self.code) + 4 <= self.module_bytes,
            "beyond the code"
        );
        // SAFETY: the validator read four bytes here.
        let word = unsafe { self.code.cast::<u32>().read_unaligned() };
        // SAFETY: as above.
        self.code = unsafe { self.code.add(4) };
        u32::from_le(word)
    }

    fn offset_of(&self, code: *const u8) -> usize {
        (code as usize).wrapping_sub(self.module as usize)
    }

    // Operands.

    #[inline(always)]
    pub(super) fn push(&mut self, value: impl Slot) {
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
    pub(super) fn pop<T: Slot>(&mut self) -> T {
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
    pub(super) fn peek<T: Slot>(&self, depth: usize) -> T {
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
    pub(super) fn replace(&mut self, depth: usize, value: impl Slot) {
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
    pub(super) fn forget(&mut self, count: usize) {
        debug_assert!(self.has_operands(count), "no operand");
        // SAFETY: validated code takes only what is there.
        self.top = unsafe { self.top.sub(count) };
    }

    /// Adds so many operands that are there already.
    #[inline(always)]
    pub(super) fn keep(&mut self, count: usize) {
        debug_assert!(
            self.top as usize + count * size_of::<u64>() <= self.operands_end(),
            "over the operands"
        );
        // SAFETY: the function was entered with room for all of its operands.
        self.top = unsafe { self.top.add(count) };
    }

    /// So many slots from the lowest of the topmost `below` on, and all of the memory.
    pub(super) fn slots_and_memory(
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
    fn has_operands(&self, count: usize) -> bool {
        self.top as usize >= self.frame as usize + (FRAME_SLOTS + count) * size_of::<u64>()
    }

    /// Where the room for operands ends that the validator found the function to need. For debug assertions.
    fn operands_end(&self) -> usize {
        if !self.is_running() {
            return self.stack_end as usize;
        }
        let operands = Self::function_at(self.function).operands as usize;
        let end = self.frame as usize + (FRAME_SLOTS + operands) * size_of::<u64>();
        end.min(self.stack_end as usize)
    }

    // Locals and globals.

    #[inline(always)]
    fn local(&self, index: u32) -> *mut u64 {
        debug_assert!(
            self.locals as usize + (index as usize) * 8 < self.frame as usize,
            "no such local"
        );
        // SAFETY: the validator knows how many locals there are.
        unsafe { self.locals.add(index as usize) }
    }

    #[inline(always)]
    pub(super) fn local_value(&self, index: u32) -> u64 {
        // SAFETY: in the frame.
        unsafe { *self.local(index) }
    }

    #[inline(always)]
    pub(super) fn set_local(&mut self, index: u32, value: u64) {
        // SAFETY: in the frame.
        unsafe { *self.local(index) = value };
    }

    #[inline(always)]
    fn global(&self, index: u32) -> *mut u64 {
        debug_assert!(index < self.global_count, "no such global");
        // SAFETY: the validator knows how many globals there are.
        unsafe { self.globals.add(index as usize) }
    }

    #[inline(always)]
    pub(super) fn global_value(&self, index: u32) -> u64 {
        // SAFETY: there is one.
        unsafe { *self.global(index) }
    }

    #[inline(always)]
    pub(super) fn set_global(&mut self, index: u32, value: u64) {
        // SAFETY: there is one.
        unsafe { *self.global(index) = value };
    }

    // Memory.

    /// Where an access of so many bytes begins, if all of it is within the memory.
    #[inline(always)]
    fn address(&self, base: u32, offset: u32, bytes: usize) -> Result<*mut u8, TrapKind> {
        let start = u64::from(base) + u64::from(offset);
        if start + bytes as u64 > self.memory_bytes as u64 {
            return Err(TrapKind::MemoryOutOfBounds);
        }
        // SAFETY: within the memory, which was just checked; so it fits into a `usize`, too.
        #[expect(clippy::cast_possible_truncation, reason = "less than `memory_bytes`")]
        Ok(unsafe { self.memory.add(start as usize) })
    }

    #[inline(always)]
    pub(super) fn load<T: Copy>(&self, base: u32, offset: u32) -> Result<T, TrapKind> {
        let place = self.address(base, offset, size_of::<T>())?;
        // SAFETY: as many bytes are there; every pattern of bits is a value of the numbers it is used with.
        Ok(unsafe { place.cast::<T>().read_unaligned() })
    }

    #[inline(always)]
    pub(super) fn store<T: Copy>(
        &mut self,
        base: u32,
        offset: u32,
        value: T,
    ) -> Result<(), TrapKind> {
        let place = self.address(base, offset, size_of::<T>())?;
        // SAFETY: as many bytes are there.
        unsafe { place.cast::<T>().write_unaligned(value) };
        Ok(())
    }

    // Branches.

    #[inline(always)]
    fn entry(&self, at: *const u32) -> [u32; ENTRY] {
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
    pub(super) fn pass_branch(&mut self) {
        // SAFETY: at most behind the last one.
        self.branch = unsafe { self.branch.add(ENTRY) };
    }

    /// Takes the branch so many after the next one. The place in the code is behind the opcode. Whether there is fuel
    /// to go on.
    #[inline(always)]
    #[must_use]
    pub(super) fn take_branch(&mut self, which: usize) -> bool {
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
    fn long_branch(&self, at: *const u32, further: u32) -> Branch {
        // SAFETY: the validator wrote two entries there.
        let at = unsafe { at.add(further as usize * ENTRY) };
        // SAFETY: as above.
        let next = unsafe { at.add(ENTRY) };
        let ([code, branch], [keep, drop]) = (self.entry(at), self.entry(next));
        Branch::from_long_words([code, branch, keep, drop])
    }

    /// Takes away operands below the topmost ones.
    #[inline(always)]
    fn drop_below(&mut self, keep: usize, drop: usize) {
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
    fn is_in_function(&self) -> bool {
        let function = Self::function_at(self.function);
        (function.code as usize..=function.end as usize).contains(&self.offset_of(self.code))
    }

    // Functions and frames.

    /// The entry of the function of an index.
    #[inline(always)]
    pub(super) fn entry_of(&self, index: u32) -> Entry {
        debug_assert!(index < self.function_count, "no such function");
        // SAFETY: the validator wrote an entry for each function.
        unsafe { self.functions.add(index as usize) }
    }

    /// What an entry says.
    #[inline(always)]
    pub(super) fn function_at(entry: Entry) -> Function {
        // SAFETY: entries are those of the table, which are all there.
        let words = unsafe { *entry };
        Function::from_words(words.map(u32::from_le))
    }

    /// The index of a function.
    fn index_of(&self, entry: Entry) -> u32 {
        let bytes = (entry as usize).wrapping_sub(self.functions as usize);
        u32::try_from(bytes / size_of::<[u32; FUNCTION_WORDS as usize]>()).unwrap_or(u32::MAX)
    }

    /// Whether there is a function that was begun and did not return.
    pub(super) const fn is_running(&self) -> bool {
        !self.function.is_null()
    }

    /// Begins the function, with its arguments in the lowest slots.
    pub(super) fn begin(
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
    fn room(&self) -> usize {
        (self.stack_end as usize).saturating_sub(self.top as usize) / size_of::<u64>()
    }

    /// Enters a function, whose arguments are the topmost operands.
    #[inline(always)]
    pub(super) fn enter(&mut self, entry: Entry, function: Function) -> Result<(), TrapKind> {
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
    pub(super) fn enter_instead(
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

    const fn slots_of(function: Function) -> usize {
        function.locals as usize + FRAME_SLOTS + function.operands as usize
    }

    #[inline(always)]
    fn make_frame(
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
    fn caller(&self) -> Caller {
        // SAFETY: the frame was written when the function was entered.
        unsafe { self.frame.cast::<Caller>().read() }
    }

    /// Goes back to a caller, if there is one.
    #[inline(always)]
    fn go_back(&mut self, caller: Caller) -> bool {
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
    pub(super) fn leave(&mut self, results: usize) -> bool {
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
    pub(super) fn offset(&self) -> u32 {
        u32::try_from(self.offset_of(self.code)).unwrap_or(u32::MAX)
    }

    /// How many slots are in use.
    pub(super) fn height(&self, stack: &Stack) -> usize {
        (self.top as usize).saturating_sub(stack.start() as usize) / size_of::<u64>()
    }

    /// The functions that were entered and the places in them, innermost first.
    pub(super) fn frames<'a>(&'a self, _: &'a Stack) -> impl Iterator<Item = (u32, u32)> + 'a {
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

/// Reads on where a number's first byte is not its last one. Apart from the registers: they are never lent.
#[inline(never)]
fn long_number(code: *const u8, first: u8) -> (u64, u32, *const u8) {
    let mut value = u64::from(first & 0x7f);
    let mut bits = 7;
    let mut code = code;
    loop {
        // SAFETY: the validator read a whole number here.
        let byte = unsafe { *code };
        // SAFETY: at most one behind it.
        code = unsafe { code.add(1) };
        value |= u64::from(byte & 0x7f) << bits;
        bits += 7;
        if byte < 0x80 {
            return (value, bits, code);
        }
    }
}

/// Whether a slot holds something else than zero, as a condition.
#[inline(always)]
pub(super) const fn is_true(slot: u64) -> bool {
    low(slot) != 0
}
