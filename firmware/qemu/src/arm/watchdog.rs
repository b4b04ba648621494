//! The watchdog of the CMSDK: its first bark is an interrupt that nothing can hold back, its second one a reset.

use cortex_m_rt::exception;
use firmware_parts::FaultKind;
use firmware_parts::fault;

use super::map;
use crate::registers::Registers;

const LOAD: usize = 0x0;
const CONTROL: usize = 0x8;
const CLEAR: usize = 0xc;
const LOCK: usize = 0xc00;

/// In `CONTROL`: it barks, and bites.
const INTERRUPT_ENABLE: u32 = 1;
const RESET_ENABLE: u32 = 2;
/// Counts down; without the interrupt it stands still.
const COUNTS: u32 = INTERRUPT_ENABLE | RESET_ENABLE;
/// Opens the other registers; anything else closes them.
const KEY: u32 = 0x1acc_e551;

// SAFETY: a watchdog is there on this board.
const WATCHDOG: Registers = unsafe { Registers::at(map::WATCHDOG) };

/// The board's watchdog. It can wait for at most 171 s (214 s on AN505).
pub struct Watchdog {
    is_started: bool,
}

impl Watchdog {
    pub(crate) const fn new() -> Self {
        Self { is_started: false }
    }
}

impl firmware_parts::Watchdog for Watchdog {
    fn start(&mut self, timeout_ms: u32) {
        let steps = u64::from(timeout_ms) * u64::from(map::CLOCK_HZ) / 1000;
        WATCHDOG.write(LOCK, KEY);
        WATCHDOG.write(LOAD, u32::try_from(steps).unwrap_or(u32::MAX).max(1));
        WATCHDOG.write(CONTROL, COUNTS);
        WATCHDOG.write(LOCK, 0);
        self.is_started = true;
    }

    fn feed(&mut self) {
        if self.is_started {
            WATCHDOG.write(LOCK, KEY);
            WATCHDOG.write(CLEAR, 1);
            // It begins anew where it was paused.
            WATCHDOG.write(CONTROL, COUNTS);
            WATCHDOG.write(LOCK, 0);
        }
    }

    fn pause(&mut self) -> bool {
        WATCHDOG.write(LOCK, KEY);
        WATCHDOG.write(CONTROL, 0);
        WATCHDOG.write(LOCK, 0);
        true
    }
}

#[exception]
unsafe fn NonMaskableInt() -> ! {
    fault::end_interrupted(FaultKind::Watchdog)
}
