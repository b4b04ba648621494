//! The chip's watchdog. It cannot be stopped, and its timeout cannot be changed; it pauses by itself while the processor
//! sleeps.

use embassy_nrf::Peri;
use embassy_nrf::pac::POWER;
use embassy_nrf::peripherals::WDT;
use embassy_nrf::wdt::{Config, SleepConfig, WatchdogHandle};
use firmware_parts::Pause;

/// The watchdog's clock.
const TICKS_PER_SECOND: u64 = 32_768;

/// The board's watchdog.
pub(crate) struct Watchdog {
    device: Option<Peri<'static, WDT>>,
    handle: Option<WatchdogHandle>,
    sleeps: bool,
}

impl Watchdog {
    pub(crate) fn new(device: Peri<'static, WDT>) -> Self {
        Self {
            device: Some(device),
            handle: None,
            sleeps: true,
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
        config.action_during_sleep = SleepConfig::Pause;
        match embassy_nrf::wdt::Watchdog::try_new(device, config) {
            Ok((_, [handle])) => self.handle = Some(handle),
            // It runs already, otherwise than it should: all that can be done is to feed it.
            Err(device) => {
                self.sleeps = Config::try_new(&device)
                    .is_some_and(|config| config.action_during_sleep == SleepConfig::Pause);
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

    fn pause(&mut self) -> Pause {
        match self.sleeps {
            true => Pause::Unlimited,
            false => Pause::None,
        }
    }
}

/// Whether the watchdog ended the run before: it leaves no other trace.
pub(crate) fn has_bitten() -> bool {
    let reasons = POWER.resetreas().read();
    // The register collects until it is cleared, by ones.
    POWER.resetreas().write_value(reasons);
    reasons.dog()
}
