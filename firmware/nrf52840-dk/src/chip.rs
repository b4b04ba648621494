//! What the board is to the program.

use embassy_nrf::buffered_uarte::{BufferedUarteRx, BufferedUarteTx};
use embassy_nrf::gpio::{Input, Output};
use embassy_nrf::nvmc::Nvmc;
use embassy_time::{Duration, block_for};
use firmware_parts::{Chip, Region, fault};
use thimble_port_mcu::pins::Pins;

use crate::watchdog::Watchdog;

/// As long as the console needs to send all that can wait.
const LAST_WORDS: Duration = Duration::from_millis(25);

/// The board.
pub(crate) enum Nrf52840 {}

impl Chip for Nrf52840 {
    type Input = BufferedUarteRx<'static>;
    type Output = BufferedUarteTx<'static>;
    type Flash = Region<Nvmc<'static>>;
    type Board = Pins<Output<'static>, Input<'static>>;
    type Watchdog = Watchdog;

    const NAME: &'static str = "nrf52840-dk";
    const PROCESSOR: &'static str = "Cortex-M4F";

    fn exit(_status: u32) -> ! {
        Self::restart()
    }

    fn restart() -> ! {
        block_for(LAST_WORDS);
        fault::restart()
    }
}
