//! The machine: one guest's stack and place in its code, and what runs it.
//!
//! `registers` is the state that a loop keeps in the processor's registers and the only module that follows pointers;
//! `portable` is the loop in Rust; `calls` enters and leaves functions; `slow` does what takes long or goes outside.

#[cfg(any(assembly = "thumb", assembly = "riscv"))]
mod assembly;
mod calls;
mod portable;
mod registers;
#[cfg(assembly = "riscv")]
mod riscv;
mod slow;
mod stack;
#[cfg(assembly = "thumb")]
mod thumb;

use alloc::vec::Vec;

use thimble_runtime::engine::{Frame, Trap, TrapKind};

use crate::instance::Instance;
use crate::table::TableError;

use registers::{Place, Registers};

/// The fastest loop that there is for this target (`build.rs`).
#[cfg(assembly = "riscv")]
use riscv as fastest;
#[cfg(assembly = "thumb")]
use thumb as fastest;

#[cfg(not(any(assembly = "thumb", assembly = "riscv")))]
mod fastest {
    use super::registers::Registers;
    use super::{Calls, Halt, portable};
    use crate::instance::Instance;

    pub(super) fn run(
        instance: &mut Instance,
        registers: &mut Registers,
        calls: &mut dyn Calls,
    ) -> Option<Halt> {
        portable::run::<true>(instance, registers, calls)
    }
}

pub(crate) use stack::Stack;

/// Answers a guest's calls.
pub(crate) trait Calls {
    /// Answers an imported function. `slots` are its parameters, and as many more as it has more results; the results
    /// come in their place.
    fn call(&mut self, import: u32, slots: &mut [u64], memory: &mut [u8]) -> Called;

    /// How the guest ends, right after [`Called::Ended`].
    fn ending(&mut self) -> Stop;

    /// Hears that the memory did not grow because of the limit.
    fn memory_refused(&mut self, wanted_bytes: u64);
}

/// What became of a call. Small, because all calls bring it along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Called {
    /// Its results are there.
    Done,
    /// They are, and the slice is to end.
    DoneAndInterrupted,
    /// It waits, and is to be made again.
    Blocked,
    /// The guest ends: [`Calls::ending`].
    Ended,
}

/// Why a loop came back.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The function that was begun returned.
    Returned,
    /// There is no fuel left.
    Preempted,
    /// A call waits.
    Blocked,
    /// The guest ended itself.
    Exit(i32),
    /// It did something that it must not.
    Trap(Trap),
}

/// Something that a handler could not do.
#[derive(Debug)]
pub(crate) enum Halt {
    /// A trap of the instruction.
    Trap(TrapKind),
    /// Anything else.
    Stop(Stop),
}

impl From<TrapKind> for Halt {
    fn from(kind: TrapKind) -> Self {
        Self::Trap(kind)
    }
}

/// Frames that a backtrace has at most.
const BACKTRACE_FRAMES_MAX: usize = 64;

/// A guest with its stack.
pub(crate) struct Machine {
    pub(crate) instance: Instance,
    stack: Stack,
    place: Place,
}

impl Machine {
    pub(crate) fn new(instance: Instance, stack: Stack) -> Self {
        Self {
            instance,
            stack,
            place: Place::nowhere(),
        }
    }

    /// Begins a function with these arguments. [`Machine::run`] carries it out.
    pub(crate) fn begin(&mut self, function: u32, arguments: &[u64]) -> Result<(), TrapKind> {
        let mut registers = self.registers().map_err(|_| TrapKind::Engine)?;
        let begun = registers.begin(&mut self.stack, function, arguments);
        self.place = registers.place();
        begun
    }

    /// Runs on with so much fuel, which comes back less what it used.
    pub(crate) fn run(&mut self, calls: &mut dyn Calls, fuel: &mut i32) -> Stop {
        let Ok(mut registers) = self.registers() else {
            return Stop::Trap(Trap::new(TrapKind::Engine));
        };
        registers.fuel = *fuel;
        let halt = fastest::run(&mut self.instance, &mut registers, calls);
        *fuel = registers.fuel;
        self.place = registers.place();
        match halt {
            Some(Halt::Stop(Stop::Trap(mut trap))) => {
                if trap.backtrace.is_empty() {
                    trap.backtrace = self.backtrace(&registers);
                }
                Stop::Trap(trap)
            }
            Some(Halt::Stop(stop)) => stop,
            None => Stop::Trap(Trap::new(TrapKind::Engine)),
            Some(Halt::Trap(kind)) => {
                let mut trap = Trap::new(kind);
                trap.backtrace = self.backtrace(&registers);
                Stop::Trap(trap)
            }
        }
    }

    /// Whether a function was begun and has not ended.
    pub(crate) fn is_running(&self) -> bool {
        self.place.is_running()
    }

    /// Forgets the function that was begun.
    pub(crate) fn forget(&mut self) {
        self.place.forget();
    }

    /// The results of the function that returned.
    pub(crate) fn results(&self) -> &[u64] {
        self.stack.results(self.place.height(&self.stack))
    }

    /// The registers, which know where everything is now.
    fn registers(&mut self) -> Result<Registers, TableError> {
        Registers::at(self.place, &mut self.instance, &self.stack)
    }

    /// The frames, innermost first.
    fn backtrace(&self, registers: &Registers) -> Vec<Frame> {
        let program = &self.instance.program;
        let mut frames = Vec::new();
        for (function, offset) in registers.frames(&self.stack).take(BACKTRACE_FRAMES_MAX) {
            if frames.try_reserve(1).is_err() {
                break;
            }
            frames.push(Frame {
                function,
                name: program.function_name(function),
                module_offset: Some(offset),
            });
        }
        frames
    }
}
