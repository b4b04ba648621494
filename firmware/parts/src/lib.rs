//! What a board hands to the program on it, and what all boards share: heap, stacks, scheduler, and the record of
//! faults that survives a reset.
//!
//! A chip's package implements [`Chip`], calls [`begin`] first of all, and then hands [`Parts`] to the program. Which
//! chip it is, the program never needs to know. Never: a wait that does not sleep, or an interrupt that nobody asked
//! for.

#![no_std]

mod chip;
pub mod fault;
pub mod heap;
pub mod provoke;
mod region;
pub mod scheduler;
pub mod stack;
mod words;

#[cfg_attr(target_arch = "arm", path = "arm.rs")]
#[cfg_attr(target_arch = "riscv32", path = "riscv.rs")]
mod processor;

use core::ops::Range;

pub use chip::{Chip, ClockFacts, MappedFlash, Parts, Pause, Watchdog};
pub use fault::{Fault, FaultKind, Left, StartedBy};
#[cfg(target_arch = "riscv32")]
pub use processor::Trapped;
pub use region::{Region, RegionError};
pub use words::Words;

/// What a chip gives at the very beginning.
pub struct Beginning {
    /// The memory that becomes the heap, by address.
    pub heap: Range<usize>,
    /// Resets the chip, without a word.
    pub reset: fn() -> !,
}

/// Makes heap and fault record ready, and paints the stack. What the last run left behind.
///
/// # Safety
/// It is called once, before anything is allocated, and the heap's memory is in nobody's use.
pub unsafe fn begin(beginning: Beginning) -> Left {
    fault::set_reset(beginning.reset);
    stack::paint();
    // SAFETY: the caller says that the memory is free and that this happens once.
    unsafe { heap::begin(beginning.heap) };
    fault::take()
}
