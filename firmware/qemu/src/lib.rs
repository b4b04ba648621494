//! Drivers for the boards that QEMU plays, which are the first that Thimble runs on.
//!
//! The target chooses the board: `mps2-an386` for `thumbv7em`, `mps2-an505` for `thumbv8m.main`, `virt` for
//! `riscv32imac`. Words of `-semihosting-config arg=` choose the rest:
//!
//! | Word | Meaning | Without it |
//! |---|---|---|
//! | `ram=32K` | how much RAM there is: stacks, data and heap | 256K |
//! | `flash=PATH` | the file behind the flash; on `virt` it is QEMU's `-drive` instead | forgotten at the end |
//! | `flash_size=2M` | how large the flash is | 2M |
//! | `cut=N` | after N words written or sectors erased, the next one is torn and QEMU ends with status 99 | never |
//! | `seed=N` | how it is torn | 1 |
//!
//! A word cannot have a space in it.

#![no_std]

#[cfg_attr(target_arch = "arm", path = "arm/mod.rs")]
#[cfg_attr(target_arch = "riscv32", path = "riscv/mod.rs")]
mod processor;

mod board;
mod chip;
mod clock;
mod console;
mod flash;
mod registers;
mod semihosting;
mod start;

pub use chip::Qemu;
pub use console::{Input, Output};
pub use flash::{Flash, FlashError};
pub use processor::Watchdog;
pub use start::begin;

/// Makes a function the firmware's main one: it is given the spawner and the board's parts, and spawns what runs.
#[macro_export]
macro_rules! entry {
    ($main:path) => {
        /// Where the start-up code goes on.
        #[unsafe(export_name = "main")]
        extern "C" fn firmware_main() -> ! {
            $crate::begin($main)
        }
    };
}
