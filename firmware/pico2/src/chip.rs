//! What the board is to the program.

use embassy_rp::flash::{Blocking, Flash};
use embassy_rp::gpio::{Input, Output};
use embassy_rp::peripherals::FLASH;
use embassy_rp::uart::{BufferedUartRx, BufferedUartTx};
use embassy_time::{Duration, block_for};
use firmware_parts::{Chip, Region, fault};
use thimble_port_mcu::pins::Pins;

use crate::watchdog::Watchdog;

/// Bytes of the board's flash.
pub(crate) const FLASH_BYTES: usize = 4 * 1024 * 1024;
/// As long as the console needs to send all that can wait.
const LAST_WORDS: Duration = Duration::from_millis(25);

/// The board.
pub(crate) enum Pico2 {}

impl Chip for Pico2 {
    type Input = BufferedUartRx;
    type Output = BufferedUartTx;
    type Flash = Region<Flash<'static, FLASH, Blocking, FLASH_BYTES>>;
    type Board = Pins<Output<'static>, Input<'static>>;
    type Watchdog = Watchdog;

    const NAME: &'static str = "pico2";
    const PROCESSOR: &'static str = "Cortex-M33";

    fn exit(_status: u32) -> ! {
        Self::restart()
    }

    fn restart() -> ! {
        block_for(LAST_WORDS);
        fault::restart()
    }
}
