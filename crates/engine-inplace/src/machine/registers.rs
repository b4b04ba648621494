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

mod branches;
mod code;
mod frames;
mod memory;
mod operands;

use core::ptr;

use super::stack::Stack;
use crate::instance::Instance;
use crate::slot::low;
use crate::table::{BRANCH_WORDS, FUNCTION_WORDS, TableError};

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

/// What of the registers is kept while a guest does not run; the others tell where everything is.
#[derive(Clone, Copy)]
pub(super) struct Place {
    code: *const u8,
    top: *mut u64,
    locals: *mut u64,
    branch: *const u32,
    function: Entry,
    frame: *mut u64,
    end: *const u8,
}

// SAFETY: the pointers lead into what the machine owns, or into its program, which it shares and nobody changes.
unsafe impl Send for Place {}

impl Place {
    /// That of a machine that runs nothing and has run nothing.
    pub(super) const fn nowhere() -> Self {
        Self {
            code: ptr::null(),
            top: ptr::null_mut(),
            locals: ptr::null_mut(),
            branch: ptr::null(),
            function: ptr::null(),
            frame: ptr::null_mut(),
            end: ptr::null(),
        }
    }

    /// Whether there is a function that was begun and did not return.
    pub(super) const fn is_running(&self) -> bool {
        !self.function.is_null()
    }

    /// Forgets the function that was begun.
    pub(super) const fn forget(&mut self) {
        self.function = ptr::null();
    }

    /// Slots that are in use.
    pub(super) fn height(&self, stack: &Stack) -> usize {
        (self.top as usize).saturating_sub(stack.start() as usize) / size_of::<u64>()
    }
}

impl Registers {
    /// Those of a machine that is there.
    pub(super) fn at(
        place: Place,
        instance: &mut Instance,
        stack: &Stack,
    ) -> Result<Self, TableError> {
        let mut registers = Self::idle();
        registers.bind(instance, stack)?;
        let Place {
            code,
            top,
            locals,
            branch,
            function,
            frame,
            end,
        } = place;
        if !top.is_null() {
            registers.top = top;
        }
        Ok(Self {
            code,
            locals,
            branch,
            function,
            frame,
            end,
            ..registers
        })
    }

    /// Where they are.
    pub(super) const fn place(&self) -> Place {
        Place {
            code: self.code,
            top: self.top,
            locals: self.locals,
            branch: self.branch,
            function: self.function,
            frame: self.frame,
            end: self.end,
        }
    }

    /// Those of a machine that runs nothing.
    const fn idle() -> Self {
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

    /// Notes where everything is.
    fn bind(&mut self, instance: &mut Instance, stack: &Stack) -> Result<(), TableError> {
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
}

/// Whether a slot holds something else than zero, as a condition.
#[inline(always)]
pub(super) const fn is_true(slot: u64) -> bool {
    low(slot) != 0
}
