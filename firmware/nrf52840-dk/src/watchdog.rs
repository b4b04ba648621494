//! The chip's watchdog. It cannot be stopped, and its timeout cannot be changed.

use embassy_nrf::Peri;
use embassy_nrf::pac::POWER;
use embassy_nrf::peripherals::WDT;
use embassy_nrf::wdt::{Config, WatchdogHandle};
use firmware_parts::{Fault, FaultKind, StartedBy};

/// The watchdog's clock.
const TICKS_PER_SECOND: u64 = 32_768;

/// The board's watchdog.
pub(crate) struct Watchdog {
    device: Option<Peri<'static, WDT>>,
    handle: Option<WatchdogHandle>,
}

impl Watchdog {
    pub(crate) fn new(device: Peri<'static, WDT>) -> Self {
        Self {
            device: Some(device),
            handle: None,
        }
    }
}

impl firmware_parts::Watchdog for Watchdog {
    fn start(&mut self, timeout_ms: u32) {
        let Some(device) = self.device.take() else {
            return;
        };
        let ticks = u64::from(timeout_ms) * TICKS_PER_SECOND / 1000;
        let mut config = Config::default();
        config.timeout_ticks = u32::try_from(ticks).unwrap_or(u32::MAX);
        match embassy_nrf::wdt::Watchdog::try_new(device, config) {
            Ok((_, [handle])) => self.handle = Some(handle),
            // It runs already, with another timeout: all that can be done is to feed it.
            Err(_) => {
                // SAFETY: the watchdog runs, and its first handle is always in use.
                self.handle = Some(unsafe { WatchdogHandle::steal::<WDT>(0) });
            }
        }
    }

    fn feed(&mut self) {
        if let Some(handle) = &mut self.handle {
            handle.pet();
        }
    }
}

/// What the chip itself knows about the reset: a watchdog leaves no other trace.
pub(crate) fn explain(left: (StartedBy, Option<Fault>)) -> (StartedBy, Option<Fault>) {
    let reasons = POWER.resetreas().read();
    // The register collects until it is cleared, by ones.
    POWER.resetreas().write_value(reasons);
    match left {
        (StartedBy::Reset, None) if reasons.dog() => {
            (StartedBy::Fault, Some(Fault::new(FaultKind::Watchdog)))
        }
        left => left,
    }
}
