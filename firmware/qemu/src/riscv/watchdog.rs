//! A watchdog made of the timer's interrupt, since the board has none. What turns interrupts off and hangs, it does not
//! see.

use firmware_parts::Pause;

use super::timer;

/// The board's watchdog.
pub struct Watchdog {
    timeout_us: Option<u64>,
}

impl Watchdog {
    pub(crate) const fn new() -> Self {
        Self { timeout_us: None }
    }
}

impl firmware_parts::Watchdog for Watchdog {
    fn start(&mut self, timeout_ms: u32) {
        self.timeout_us = Some(u64::from(timeout_ms) * 1000);
        self.feed();
    }

    fn feed(&mut self) {
        if let Some(timeout_us) = self.timeout_us {
            timer::set_watchdog(timer::now().saturating_add(timeout_us));
        }
    }

    fn pause(&mut self) -> Pause {
        timer::set_watchdog(u64::MAX);
        Pause::Unlimited
    }
}
