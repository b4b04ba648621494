//! The watchdog of the CMSDK: its first bark is an interrupt that nothing can hold back, its second one a reset.

use cortex_m_rt::exception;
use firmware_parts::{FaultKind, Pause, fault};

use super::map;
use crate::registers::Registers;

const LOAD: usize = 0x0;
const CONTROL: usize = 0x8;
const CLEAR: usize = 0xc;
const LOCK: usize = 0xc00;

/// In `CONTROL`: it barks, and bites.
const INTERRUPT_ENABLE: u32 = 1;
const RESET_ENABLE: u32 = 2;
/// Opens the other registers; anything else closes them.
const KEY: u32 = 0x1acc_e551;

// SAFETY: a watchdog is there on this board.
const WATCHDOG: Registers = unsafe { Registers::at(map::WATCHDOG) };

/// The longest time that it can wait: 171 s, 214 s on AN505.
const WAIT_MS_MAX: u32 = u32::MAX / (map::CLOCK_HZ / 1000);

/// The board's watchdog.
pub struct Watchdog {
    /// Steps from a feeding to the bark; 0 until it is started.
    steps: u32,
}

impl Watchdog {
    pub(crate) const fn new() -> Self {
        Self { steps: 0 }
    }

    /// Counts anew, from here.
    fn count_from(steps: u32) {
        WATCHDOG.write(LOCK, KEY);
        WATCHDOG.write(LOAD, steps);
        WATCHDOG.write(CLEAR, 1);
        WATCHDOG.write(LOCK, 0);
    }
}

impl firmware_parts::Watchdog for Watchdog {
    fn start(&mut self, timeout_ms: u32) {
        let steps = u64::from(timeout_ms) * u64::from(map::CLOCK_HZ) / 1000;
        self.steps = u32::try_from(steps).unwrap_or(u32::MAX).max(1);
        Self::count_from(self.steps);
        WATCHDOG.write(LOCK, KEY);
        WATCHDOG.write(CONTROL, INTERRUPT_ENABLE | RESET_ENABLE);
        WATCHDOG.write(LOCK, 0);
    }

    fn feed(&mut self) {
        if self.steps > 0 {
            Self::count_from(self.steps);
        }
    }

    /// It could be stopped, but QEMU (7.2) counts on and resets the board all the same.
    fn pause(&mut self) -> Pause {
        if self.steps == 0 {
            return Pause::Unlimited;
        }
        Self::count_from(u32::MAX);
        Pause::Millis(WAIT_MS_MAX)
    }
}

#[exception]
unsafe fn NonMaskableInt() -> ! {
    fault::end_interrupted(FaultKind::Watchdog)
}
