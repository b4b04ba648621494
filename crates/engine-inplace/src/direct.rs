//! Functions of a program called one by one, with values: for tests and measurements of the engine itself, and for
//! firmware that needs no containers.

use alloc::boxed::Box;
use alloc::sync::Arc;

use thimble_runtime::engine::{Trap, TrapKind};

use crate::instance::{Instance, NoInstance, Surroundings};
use crate::machine::{Called, Calls, Machine, Stack, Stop};
use crate::memory::Buffers;
use crate::program::Program;

/// What an instance gets.
#[derive(Clone, Copy)]
pub struct Room<'a> {
    /// Where its memory comes from.
    pub buffers: &'a dyn Buffers,
    /// Linear memory it may have, in bytes.
    pub memory_bytes_max: u64,
    /// Elements its tables may have, over all of them.
    pub table_elements_max: u32,
    /// Bytes of operands and frames.
    pub stack_bytes: usize,
    /// Values of its imported globals, in order, as slots.
    pub globals: &'a [u64],
}

/// There is no room for an instance, or its side table is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoRoom;

impl core::fmt::Display for NoRoom {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter
            .write_str("the instance needs more memory, stack or table elements than it may have")
    }
}

impl core::error::Error for NoRoom {}

impl From<NoInstance> for NoRoom {
    fn from(_: NoInstance) -> Self {
        Self
    }
}

/// Answers imported functions. `slots` holds the parameters as 64-bit slots, whose upper half may hold anything where
/// the value is a small one; results come in their place.
pub trait Answer {
    /// Answers the import of this number, counted among functions.
    ///
    /// # Errors
    /// A trap ends the function that was begun.
    fn answer(
        &mut self,
        import: u32,
        slots: &mut [u64],
        memory: &mut [u8],
    ) -> Result<(), Box<Trap>>;
}

impl<F: FnMut(u32, &mut [u64], &mut [u8]) -> Result<(), Box<Trap>>> Answer for F {
    fn answer(
        &mut self,
        import: u32,
        slots: &mut [u64],
        memory: &mut [u8],
    ) -> Result<(), Box<Trap>> {
        self(import, slots, memory)
    }
}

/// How far a function came.
#[derive(Debug, PartialEq, Eq)]
pub enum Run {
    /// It returned: [`Direct::results`].
    Returned,
    /// The fuel was used up; it goes on with the next [`Direct::run`].
    Preempted,
    /// It trapped.
    Trapped(Trap),
}

/// One instance.
pub struct Direct {
    machine: Machine,
}

impl Direct {
    /// Makes an instance, whose segments are not in place yet.
    ///
    /// # Errors
    /// [`NoRoom`]
    pub fn new(program: Arc<Program>, room: &Room<'_>) -> Result<Self, NoRoom> {
        let surroundings = Surroundings {
            buffers: room.buffers,
            memory_bytes_max: room.memory_bytes_max,
            table_elements_max: room.table_elements_max,
            more_pages: 0,
            globals: room.globals,
        };
        let instance = Instance::new(program, &surroundings)?;
        let stack = Stack::new(room.stack_bytes).ok_or(NoRoom)?;
        Ok(Self {
            machine: Machine::new(instance, stack),
        })
    }

    /// Puts active segments in place. The start function is the caller's to run.
    ///
    /// # Errors
    /// The trap, where one does not fit.
    pub fn initialize(&mut self) -> Result<(), TrapKind> {
        self.machine.instance.initialize()
    }

    /// Begins a function of the module's own with as many arguments as it takes. What was begun before is forgotten.
    ///
    /// # Errors
    /// [`TrapKind::StackOverflow`]; [`TrapKind::Engine`] if there is no such function or it takes other arguments.
    pub fn begin(&mut self, function: u32, arguments: &[u64]) -> Result<(), TrapKind> {
        let program = &self.machine.instance.program;
        let table = program.table().map_err(|_| TrapKind::Engine)?;
        let is_own = (table.head.import_count..table.head.function_count).contains(&function);
        let entry = table.function(function);
        if !is_own || usize::from(entry.parameters) != arguments.len() {
            return Err(TrapKind::Engine);
        }
        self.machine.begin(function, arguments)
    }

    /// Runs on with so much fuel, which comes back less what was used. Without a function that was begun and has not
    /// ended, it says that one returned.
    pub fn run(&mut self, answer: &mut dyn Answer, fuel: &mut i32) -> Run {
        if !self.machine.is_running() {
            return Run::Returned;
        }
        match self.machine.run(&mut Answers { answer, trap: None }, fuel) {
            Stop::Returned => Run::Returned,
            Stop::Preempted => Run::Preempted,
            Stop::Trap(trap) => {
                self.machine.forget();
                Run::Trapped(trap)
            }
            // No answer waits or exits.
            Stop::Blocked | Stop::Exit(_) => Run::Trapped(Trap::new(TrapKind::Engine)),
        }
    }

    /// The results of the function that returned, as slots.
    #[must_use]
    pub fn results(&self) -> &[u64] {
        self.machine.results()
    }

    /// The value of a global, as a slot.
    #[must_use]
    pub fn global(&self, index: u32) -> Option<u64> {
        self.machine.instance.globals.get(index as usize).copied()
    }

    /// The linear memory, empty if there is none.
    pub fn memory(&mut self) -> &mut [u8] {
        self.machine.instance.memory.slice()
    }
}

struct Answers<'a> {
    answer: &'a mut dyn Answer,
    trap: Option<Box<Trap>>,
}

impl Calls for Answers<'_> {
    fn call(&mut self, import: u32, slots: &mut [u64], memory: &mut [u8]) -> Called {
        match self.answer.answer(import, slots, memory) {
            Ok(()) => Called::Done,
            Err(trap) => {
                self.trap = Some(trap);
                Called::Ended
            }
        }
    }

    fn ending(&mut self) -> Stop {
        let trap = self.trap.take();
        Stop::Trap(trap.map_or_else(|| Trap::new(TrapKind::Engine), |trap| *trap))
    }

    fn memory_refused(&mut self, _: u64) {}
}
