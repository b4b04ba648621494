//! What QEMU's boards are to the program.

use firmware_parts::{Chip, fault};
use thimble_port_mcu::simulated::Simulated;

use crate::{Flash, Input, Output, Watchdog, console, processor, semihosting};

/// A board that QEMU plays.
pub enum Qemu {}

impl Chip for Qemu {
    type Input = Input;
    type Output = Output;
    type Flash = Flash;
    type Board = Simulated;
    type Watchdog = Watchdog;

    const NAME: &'static str = processor::NAME;
    const PROCESSOR: &'static str = processor::PROCESSOR;
    const INSTRUCTIONS_STEP: u64 = processor::INSTRUCTIONS_STEP;

    fn exit(status: u32) -> ! {
        console::drain();
        semihosting::exit(status)
    }

    fn restart() -> ! {
        console::drain();
        fault::restart()
    }

    fn instructions() -> Option<u64> {
        Some(processor::instructions())
    }
}
