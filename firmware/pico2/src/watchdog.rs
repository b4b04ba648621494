//! The chip's watchdog.

use embassy_rp::Peri;
use embassy_rp::peripherals::WATCHDOG;
use embassy_rp::watchdog::ResetReason;
use embassy_time::Duration;
use firmware_parts::Pause;

/// The longest time that it can wait: 24 bits of microseconds.
const TIMEOUT_MAX: Duration = Duration::from_micros(0xff_ffff);

/// The board's watchdog.
pub(crate) struct Watchdog {
    device: embassy_rp::watchdog::Watchdog,
    timeout: Option<Duration>,
    is_paused: bool,
}

impl Watchdog {
    pub(crate) fn new(device: Peri<'static, WATCHDOG>) -> Self {
        Self {
            device: embassy_rp::watchdog::Watchdog::new(device),
            timeout: None,
            is_paused: false,
        }
    }

    /// Whether it ended the run before: it leaves no other trace.
    pub(crate) fn has_bitten(&self) -> bool {
        matches!(self.device.reset_reason(), Some(ResetReason::TimedOut))
    }
}

impl firmware_parts::Watchdog for Watchdog {
    fn start(&mut self, timeout_ms: u32) {
        let timeout = Duration::from_millis(u64::from(timeout_ms)).min(TIMEOUT_MAX);
        self.timeout = Some(timeout);
        self.device.start(timeout);
    }

    fn feed(&mut self) {
        let Some(timeout) = self.timeout else {
            return;
        };
        match self.is_paused {
            true => self.device.start(timeout),
            false => self.device.feed(timeout),
        }
        self.is_paused = false;
    }

    fn pause(&mut self) -> Pause {
        self.device.stop();
        self.is_paused = true;
        Pause::Unlimited
    }
}
