//! The chip's watchdog.

use embassy_rp::Peri;
use embassy_rp::peripherals::WATCHDOG;
use embassy_rp::watchdog::ResetReason;
use embassy_time::Duration;
use firmware_parts::{Fault, FaultKind, StartedBy};

/// The longest time that it can wait: 24 bits of microseconds.
const TIMEOUT_MAX: Duration = Duration::from_micros(0xff_ffff);

/// The board's watchdog.
pub(crate) struct Watchdog {
    device: embassy_rp::watchdog::Watchdog,
    timeout: Option<Duration>,
}

impl Watchdog {
    pub(crate) fn new(device: Peri<'static, WATCHDOG>) -> Self {
        Self {
            device: embassy_rp::watchdog::Watchdog::new(device),
            timeout: None,
        }
    }

    /// What the chip itself knows about the reset: a watchdog leaves no other trace.
    pub(crate) fn explain(&self, left: (StartedBy, Option<Fault>)) -> (StartedBy, Option<Fault>) {
        match (left, self.device.reset_reason()) {
            ((StartedBy::Reset, None), Some(ResetReason::TimedOut)) => {
                (StartedBy::Fault, Some(Fault::new(FaultKind::Watchdog)))
            }
            (left, _) => left,
        }
    }
}

impl firmware_parts::Watchdog for Watchdog {
    fn start(&mut self, timeout_ms: u32) {
        let timeout = Duration::from_millis(u64::from(timeout_ms)).min(TIMEOUT_MAX);
        self.timeout = Some(timeout);
        self.device.start(timeout);
    }

    fn feed(&mut self) {
        if let Some(timeout) = self.timeout {
            self.device.feed(timeout);
        }
    }
}
