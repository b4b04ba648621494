//! The device's clocks over Embassy's.

use alloc::sync::Arc;

use embassy_time::TICK_HZ;
use firmware_parts::ClockFacts;
use thimble_port_mcu::machine::Lock;
use thimble_runtime::Instant;
use thimble_runtime::port::Clock;

const NANOS_PER_SECOND: u64 = 1_000_000_000;
const NANOS_PER_MILLISECOND: u64 = 1_000_000;

/// Nanoseconds of one tick of Embassy's clock, which divides a second for every chip of ours.
const NANOS_PER_TICK: u64 = NANOS_PER_SECOND / TICK_HZ;

/// The device's clocks. Clones are the same.
#[derive(Clone)]
pub(crate) struct DeviceClock {
    /// Nanoseconds since 1970 at the start; 0 if nobody told.
    unix_nanos_at_start: Arc<Lock<u64>>,
    resolution_nanos: u64,
}

impl DeviceClock {
    pub(crate) fn new(facts: ClockFacts) -> Self {
        let seconds = facts.unix_seconds_at_start.unwrap_or(0);
        Self {
            unix_nanos_at_start: Arc::new(Lock::new(seconds.saturating_mul(NANOS_PER_SECOND))),
            resolution_nanos: facts.resolution_nanos,
        }
    }

    /// Milliseconds since the start.
    pub(crate) fn uptime_ms(&self) -> u64 {
        embassy_time::Instant::now().as_millis()
    }

    /// Sets the clock that tells the time of day.
    pub(crate) fn set(&self, unix_ms: u64) {
        if let Ok(mut at_start) = self.unix_nanos_at_start.take() {
            let unix_nanos = unix_ms.saturating_mul(NANOS_PER_MILLISECOND);
            *at_start = unix_nanos.saturating_sub(self.now().nanos());
        }
    }
}

impl Clock for DeviceClock {
    fn now(&self) -> Instant {
        Instant::from_nanos(
            embassy_time::Instant::now()
                .as_ticks()
                .saturating_mul(NANOS_PER_TICK),
        )
    }

    fn realtime_nanos(&self) -> u64 {
        let at_start = self
            .unix_nanos_at_start
            .take()
            .map_or(0, |at_start| *at_start);
        match at_start {
            0 => 0,
            at_start => at_start.saturating_add(self.now().nanos()),
        }
    }

    fn resolution_nanos(&self) -> u64 {
        self.resolution_nanos
    }
}

/// The same moment by Embassy's clock, or the tick after it.
pub(crate) fn embassy(instant: Instant) -> embassy_time::Instant {
    embassy_time::Instant::from_ticks(instant.nanos().div_ceil(NANOS_PER_TICK))
}
