//! The engine contract: what the runtime asks of whatever executes WebAssembly.
//!
//! An engine loads a module once, makes guests from it, and runs one guest for one slice at a time. It
//! owns no schedule, no clock and no policy. A host call either completes at once or leaves the guest
//! suspended inside the call; the engine then asks the same question again when the guest is resumed
//! (the arguments are unchanged, and the [`Host`] remembers what it had begun). A guest that is suspended
//! can be dropped at any moment.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use thimble_abi::Call;

use crate::module::{Module, ModuleError};

/// An engine: turns a checked module into something that can be instantiated.
pub trait Engine: Send + Sync {
    /// The name by which users choose it.
    fn name(&self) -> &'static str;

    /// Prepares a module; whatever is slow happens here, never in [`LoadedModule::instantiate`].
    ///
    /// # Errors
    /// [`LoadError`] when the module is invalid, uses a feature this engine lacks, or cannot be prepared.
    fn load(&self, module: &Module) -> Result<Arc<dyn LoadedModule>, LoadError>;
}

/// A module that is ready to be instantiated any number of times.
pub trait LoadedModule: Send + Sync {
    /// Makes a guest. No code of the guest runs before the first [`Guest::resume`], the module's start
    /// function included.
    ///
    /// # Errors
    /// [`InstantiateError`] when the limits are too small for it or the engine has no room.
    fn instantiate(&self, spec: &InstanceSpec) -> Result<Box<dyn Guest>, InstantiateError>;
}

/// What a guest is allowed and where it begins.
#[derive(Clone, Debug)]
pub struct InstanceSpec {
    /// Linear memory it may have, in bytes, over all its memories.
    pub memory_bytes_max: u64,
    /// Elements its tables may have, over all its tables.
    pub table_elements_max: u32,
    /// Bytes of operands and frames it may have, in engines that give each guest a stack of its own; the engine's own
    /// measure if there is none. Others ignore it.
    pub stack_bytes: Option<u32>,
    /// Exported functions to call one after the other, without parameters. A module's own start
    /// function runs before them. A result of type `i32` of the last one is the exit code.
    pub entries: Vec<String>,
}

/// A guest: one instance, suspended whenever nobody is inside [`Guest::resume`].
pub trait Guest: Send {
    /// Runs the guest until it ends, waits, or has used its budget.
    ///
    /// May be called again after [`Yield::Preempted`] and [`Yield::Blocked`] only; after an end it
    /// reports [`TrapKind::Engine`].
    fn resume(&mut self, host: &mut dyn Host, budget: Budget) -> Yield;

    /// The bytes of linear memory it has now.
    fn memory_bytes(&self) -> u64;

    /// Changes how much linear memory it may have. Less than it has takes nothing away: it cannot grow then.
    fn set_memory_bytes_max(&mut self, memory_bytes_max: u64);

    /// A handle with which another thread, or an interrupt, ends the current slice early.
    fn interrupter(&self) -> Arc<dyn Interrupt>;
}

/// Ends a guest's running slice early, from anywhere.
pub trait Interrupt: Send + Sync {
    /// Makes the slice that is running now end soon with [`Yield::Preempted`]; without effect, or with
    /// one shorter slice, if the guest is not running.
    fn interrupt(&self);
}

/// How long a guest may run before it must give the processor back.
///
/// An engine that is interrupted by a timer uses `time`; one that counts uses `fuel`.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// The time it may take.
    pub time: Duration,
    /// The fuel it may burn; one unit is about one simple instruction.
    pub fuel: u64,
}

/// Why a guest came back.
#[derive(Debug)]
pub enum Yield {
    /// The budget is used up or it was interrupted; it wants to go on.
    Preempted,
    /// It waits inside a host call.
    Blocked,
    /// It ended by itself, with this exit code.
    Exited(i32),
    /// It did something that WebAssembly or the host does not allow.
    Trapped(Trap),
}

/// The host's side of a guest's calls.
pub trait Host {
    /// Carries out one call, or as much of it as is possible without waiting.
    ///
    /// `args` holds the parameters as 64-bit slots, 32-bit integers zero-extended, floats as their bits.
    /// `memory` is the guest's linear memory, empty if it has none.
    fn call(&mut self, call: Call, args: &[u64], memory: &mut [u8]) -> CallOutcome;

    /// Hears that the guest was refused memory because of its limit.
    fn memory_refused(&mut self, wanted_bytes: u64);
}

/// What became of a host call.
#[derive(Debug)]
pub enum CallOutcome {
    /// It is complete. The result as a 64-bit slot, ignored if the call has none.
    Done(u64),
    /// It waits: suspend the guest and make the same call again on the next resume.
    Blocked,
    /// The guest ends here, with this exit code.
    Exit(i32),
    /// The guest ends here, because of something it must not do.
    Trap(Trap),
}

/// The end of a guest that did not end by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trap {
    /// What happened.
    pub kind: TrapKind,
    /// Details beyond the kind, empty if there are none.
    pub detail: String,
    /// The guest's frames, innermost first; empty where an engine cannot tell.
    pub backtrace: Vec<Frame>,
}

impl Trap {
    /// A trap of this kind without details.
    #[must_use]
    pub const fn new(kind: TrapKind) -> Self {
        Self {
            kind,
            detail: String::new(),
            backtrace: Vec::new(),
        }
    }

    /// A trap of this kind with details.
    #[must_use]
    pub fn with_detail(kind: TrapKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            backtrace: Vec::new(),
        }
    }
}

impl fmt::Display for Trap {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.kind.text())?;
        if !self.detail.is_empty() {
            write!(formatter, ": {}", self.detail)?;
        }
        Ok(())
    }
}

/// What a guest did that ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TrapKind {
    /// The `unreachable` instruction: most languages' abort or panic.
    Unreachable,
    /// A load or store outside linear memory.
    MemoryOutOfBounds,
    /// An access outside a table.
    TableOutOfBounds,
    /// A call of a null function reference.
    IndirectCallToNull,
    /// A call through a table with another signature.
    BadSignature,
    /// An integer division by zero.
    IntegerDivisionByZero,
    /// An integer division whose result does not fit.
    IntegerOverflow,
    /// A conversion of a float that is not a number or out of range.
    BadConversionToInteger,
    /// The call stack is used up.
    StackOverflow,
    /// An exception or reference operation failed.
    Reference,
    /// The guest raised a signal against itself.
    Signal,
    /// The engine failed, or was used against its contract: our fault, not the guest's.
    Engine,
}

impl TrapKind {
    /// The words that users read.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable instruction executed",
            Self::MemoryOutOfBounds => "memory access out of bounds",
            Self::TableOutOfBounds => "table access out of bounds",
            Self::IndirectCallToNull => "indirect call to null",
            Self::BadSignature => "indirect call with another signature",
            Self::IntegerDivisionByZero => "integer divide by zero",
            Self::IntegerOverflow => "integer overflow",
            Self::BadConversionToInteger => "invalid conversion to integer",
            Self::StackOverflow => "call stack exhausted",
            Self::Reference => "invalid use of a reference",
            Self::Signal => "signal raised by the guest",
            Self::Engine => "engine failure",
        }
    }
}

/// One frame of a guest's call stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The function's index in the module, imports included.
    pub function: u32,
    /// The function's name, where the module's name section has one.
    pub name: Option<String>,
    /// The offset of the instruction from the beginning of the module's bytes, where it is known.
    pub module_offset: Option<u32>,
}

/// Why a module could not be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoadError {
    /// No container can be made from the module, whatever the engine: it is none, or imports what nothing answers.
    Module(ModuleError),
    /// The module breaks WebAssembly's rules or uses a feature that this engine does not have.
    Invalid {
        /// What and where, from the engine.
        reason: String,
    },
    /// The engine could not prepare a module that is valid: our fault or the device's.
    Failed {
        /// What went wrong.
        reason: String,
    },
}

impl fmt::Display for LoadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Module(error) => error.fmt(formatter),
            Self::Invalid { reason } => write!(formatter, "invalid WebAssembly: {reason}"),
            Self::Failed { reason } => write!(
                formatter,
                "the engine could not prepare the module: {reason}"
            ),
        }
    }
}

impl core::error::Error for LoadError {}

impl From<ModuleError> for LoadError {
    fn from(error: ModuleError) -> Self {
        Self::Module(error)
    }
}

/// Why a guest could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InstantiateError {
    /// The module's initial memory is larger than the container's limit.
    MemoryLimit {
        /// What the module begins with.
        needed_bytes: u64,
        /// What the container may have.
        limit_bytes: u64,
    },
    /// The module's initial tables are larger than the container's limit.
    TableLimit {
        /// Elements the module begins with.
        needed_elements: u64,
        /// Elements the container may have.
        limit_elements: u32,
    },
    /// An entry function is not exported.
    MissingEntry {
        /// Its name.
        name: String,
    },
    /// An entry function has parameters, or results other than one `i32`.
    WrongEntrySignature {
        /// Its name.
        name: String,
        /// The signature it has, as text.
        signature: String,
    },
    /// The engine has no room for another guest.
    NoRoom {
        /// What ran out.
        reason: String,
    },
    /// The engine failed: our fault or the device's.
    Failed {
        /// What went wrong.
        reason: String,
    },
}

impl fmt::Display for InstantiateError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MemoryLimit {
                needed_bytes,
                limit_bytes,
            } => {
                write!(
                    formatter,
                    "the module begins with {needed_bytes} bytes of memory, the limit is {limit_bytes}"
                )
            }
            Self::TableLimit {
                needed_elements,
                limit_elements,
            } => write!(
                formatter,
                "the module begins with {needed_elements} table elements, the limit is {limit_elements}"
            ),
            Self::MissingEntry { name } => write!(
                formatter,
                "the module does not export the function `{name}`"
            ),
            Self::WrongEntrySignature { name, signature } => write!(
                formatter,
                "the exported function `{name}` has the signature {signature}; an entry takes no parameters and returns nothing or one i32"
            ),
            Self::NoRoom { reason } => write!(formatter, "no room for another container: {reason}"),
            Self::Failed { reason } => {
                write!(formatter, "the engine could not make an instance: {reason}")
            }
        }
    }
}

impl core::error::Error for InstantiateError {}
