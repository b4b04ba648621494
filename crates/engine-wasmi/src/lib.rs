//! Runs containers by interpreting them with wasmi: the engine that is at home everywhere, and the oracle
//! for the others.
//!
//! A guest is a wasmi store with one instance. It runs under fuel, in chunks between which an interrupt is
//! looked at; a host call that waits leaves it as a resumable call. Nothing of a guest lives on the
//! native stack while it is suspended.
//!
//! Each loaded module has a wasmi engine of its own, because a wasmi engine never gives back the code of a
//! module before it is dropped itself.
//!
//! Never: a guest's code outside of [`Guest::resume`](thimble_runtime::engine::Guest::resume), a reference
//! to the host beyond it, or a panic because of what a module does.

#![no_std]

extern crate alloc;

mod grow;
mod guest;
mod lend;
mod link;
mod load;
mod shim;
mod slice;
mod state;
mod trap;

use alloc::sync::Arc;

use thimble_runtime::engine::{Engine, LoadError, LoadedModule};
use thimble_runtime::module::Module;

/// What an interpreter may use, and how often it looks up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Bytes of operand stack a guest may use; it begins with a kilobyte and keeps what it once needed.
    pub stack_bytes_max: usize,
    /// Calls that may be open at once; each takes 24 to 32 bytes on top of its operands.
    pub call_depth_max: usize,
    /// Stacks kept for the next guest of the same module.
    pub stacks_kept: usize,
    /// Fuel between two looks at the interrupt.
    pub fuel_between_checks: u64,
    /// Fuel that stands for a microsecond where a budget has none of its own: [`Budget::fuel`] 0 or
    /// [`u64::MAX`].
    ///
    /// [`Budget::fuel`]: thimble_runtime::engine::Budget::fuel
    pub fuel_per_microsecond: u64,
}

impl Settings {
    /// For Linux: recursion as deep as native programs are used to, and a kill within 30 µs.
    #[must_use]
    pub const fn linux() -> Self {
        Self {
            stack_bytes_max: 1 << 20,
            call_depth_max: 16_384,
            stacks_kept: 1,
            fuel_between_checks: chunk(20_000),
            fuel_per_microsecond: 1_000,
        }
    }

    /// For microcontrollers: 16 KB of operands and 256 calls for a guest at most.
    #[must_use]
    pub const fn small() -> Self {
        Self {
            stack_bytes_max: 16 << 10,
            call_depth_max: 256,
            stacks_kept: 0,
            fuel_between_checks: chunk(10_000),
            fuel_per_microsecond: 10,
        }
    }
}

/// The fuel of a chunk, less where wasmi is built for debugging.
///
/// With debug assertions the optimizer does not turn the calls between wasmi's instructions into jumps: they
/// pile up on the native stack until the chunk ends.
const fn chunk(fuel: u64) -> u64 {
    if cfg!(debug_assertions) { 1_000 } else { fuel }
}

/// The interpreter.
#[derive(Clone, Copy, Debug)]
pub struct WasmiEngine {
    settings: Settings,
}

impl WasmiEngine {
    /// An interpreter with these settings.
    #[must_use]
    pub const fn new(settings: Settings) -> Self {
        Self { settings }
    }
}

impl Engine for WasmiEngine {
    fn name(&self) -> &'static str {
        "wasmi"
    }

    fn load(&self, module: &Module) -> Result<Arc<dyn LoadedModule>, LoadError> {
        Ok(Arc::new(load::load(module, self.settings)?))
    }
}
