//! Runs WebAssembly where its bytes lie: in flash, or in a file that is mapped, with a few kilobytes of memory.
//!
//! When a module is installed, [`prepare`] checks it and writes a side table: eight bytes for each branch, and what the
//! functions need; [`open_installed`] joins the two again at every start. Nothing is translated: guests execute the module's own bytes, and where a branch leads
//! stands in the table. What a guest has in memory is its linear memory, its globals and tables, and one buffer
//! for operands and frames. It is suspended between two instructions by leaving the loop, and goes on by entering it.
//!
//! Never: a side table that this device did not make, an allocation while a guest runs (but for growing memories and
//! tables), or a panic because of what a module does.

#![no_std]

extern crate alloc;

mod direct;
mod disassemble;
mod error;
mod guest;
mod installed;
mod instance;
mod load;
mod machine;
mod memory;
mod number;
pub mod opcode;
#[cfg(feature = "profile")]
pub mod profile;
#[cfg(not(feature = "profile"))]
#[path = "no_profile.rs"]
mod profile;
mod program;
mod reader;
#[cfg(feature = "replay")]
pub mod replay;
mod slot;
mod table;
mod types;
mod validate;

use alloc::sync::Arc;

use thimble_runtime::engine::{Budget, Engine, LoadError, LoadedModule};
use thimble_runtime::module::Module;

pub use direct::{Answer, Direct, NoRoom, Room, Run};
pub use disassemble::disassemble;
pub use error::{Reason, Refusal};
pub use installed::{open_installed, prepare};
pub use load::WordStore;
pub use memory::{Buffer, Buffers, HeapBuffers};
pub use program::{Bytes, Export, Import, ImportKind, Program, TableType, Words};
pub use table::{Digest, NotStored, Store, TableError};
pub use types::FunctionType;
pub use validate::{Limits, MemoryType, Validated, validate};

/// What guests get, and how often the engine looks up.
#[derive(Clone, Copy)]
pub struct Settings {
    /// What the validator may use.
    pub limits: Limits,
    /// Bytes of operands and frames that a guest has.
    pub stack_bytes: usize,
    /// Where memories come from.
    pub buffers: &'static dyn Buffers,
    /// Fuel between two looks at the interrupt. A unit is a byte of code that a loop goes back, about half an
    /// instruction.
    pub fuel_between_checks: u64,
    /// Fuel that stands for a microsecond where a budget has none of its own: [`Budget::fuel`] 0 or [`u64::MAX`].
    pub fuel_per_microsecond: u64,
}

impl Settings {
    /// For Linux: recursion as deep as native programs are used to.
    #[must_use]
    pub const fn linux() -> Self {
        Self {
            limits: Limits::linux(),
            stack_bytes: 1 << 20,
            buffers: &HeapBuffers,
            fuel_between_checks: 20_000,
            fuel_per_microsecond: 500,
        }
    }

    /// For microcontrollers: 8 KB of operands and frames.
    #[must_use]
    pub const fn small() -> Self {
        Self {
            limits: Limits::small(),
            stack_bytes: 8 << 10,
            buffers: &HeapBuffers,
            fuel_between_checks: 10_000,
            fuel_per_microsecond: 10,
        }
    }

    /// What of it each guest needs.
    fn pace(&self) -> Pace {
        Pace {
            fuel_between_checks: u32::try_from(self.fuel_between_checks).unwrap_or(u32::MAX),
            fuel_per_microsecond: u32::try_from(self.fuel_per_microsecond).unwrap_or(u32::MAX),
        }
    }
}

/// [`Settings`] about fuel.
#[derive(Clone, Copy)]
struct Pace {
    fuel_between_checks: u32,
    fuel_per_microsecond: u32,
}

impl Pace {
    /// The fuel of a budget.
    fn fuel(self, budget: Budget) -> u64 {
        if budget.fuel != 0 && budget.fuel != u64::MAX {
            return budget.fuel;
        }
        let micros = budget.time.as_secs().saturating_mul(1_000_000);
        let micros = micros.saturating_add(budget.time.subsec_micros().into());
        micros
            .saturating_mul(self.fuel_per_microsecond.into())
            .max(1)
    }
}

/// The engine.
#[derive(Clone, Copy)]
pub struct InplaceEngine {
    settings: Settings,
}

impl InplaceEngine {
    /// An engine with these settings.
    #[must_use]
    pub const fn new(settings: Settings) -> Self {
        Self { settings }
    }
}

impl Engine for InplaceEngine {
    fn name(&self) -> &'static str {
        "inplace"
    }

    fn load(&self, module: &Module) -> Result<Arc<dyn LoadedModule>, LoadError> {
        Ok(Arc::new(load::load(module, self.settings)?))
    }
}
