//! The device's clocks over Embassy's.

use alloc::sync::Arc;

use embassy_time::TICK_HZ;
use firmware_parts::ClockFacts;
use thimble_port_mcu::machine::Lock;
use thimble_runtime::Instant;
use thimble_runtime::port::Clock;

const NANOS_PER_SECOND: u64 = 1_000_000_000;
const NANOS_PER_MILLISECOND: u64 = 1_000_000;

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
        Instant::from_nanos(nanos(embassy_time::Instant::now().as_ticks()))
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

/// Whole nanoseconds of a tick, on chips that have such: there is nothing to divide.
const NANOS_PER_TICK: Option<u64> = if NANOS_PER_SECOND.is_multiple_of(TICK_HZ) {
    Some(NANOS_PER_SECOND / TICK_HZ)
} else {
    None
};

/// Nanoseconds of so many ticks.
fn nanos(ticks: u64) -> u64 {
    if let Some(nanos) = NANOS_PER_TICK {
        return ticks.saturating_mul(nanos);
    }
    let (seconds, rest) = (ticks / TICK_HZ, ticks % TICK_HZ);
    let nanos = seconds.saturating_mul(NANOS_PER_SECOND);
    nanos.saturating_add(rest * NANOS_PER_SECOND / TICK_HZ)
}

/// The same moment by Embassy's clock, or the tick after it.
pub(crate) fn embassy(instant: Instant) -> embassy_time::Instant {
    let nanos = instant.nanos();
    if let Some(tick) = NANOS_PER_TICK {
        return embassy_time::Instant::from_ticks(nanos.div_ceil(tick));
    }
    let (seconds, rest) = (nanos / NANOS_PER_SECOND, nanos % NANOS_PER_SECOND);
    let ticks = seconds.saturating_mul(TICK_HZ);
    embassy_time::Instant::from_ticks(
        ticks.saturating_add((rest * TICK_HZ).div_ceil(NANOS_PER_SECOND)),
    )
}
