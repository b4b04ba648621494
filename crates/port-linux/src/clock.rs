//! Clocks and randomness.

use std::time::{SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_getres, clock_gettime};
use thimble_abi::Errno;
use thimble_runtime::Instant;
use thimble_runtime::port::{Clock, Random};

/// The kernel's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        let time = clock_gettime(ClockId::Monotonic);
        Instant::from_nanos(nanos(time.tv_sec, time.tv_nsec))
    }

    fn realtime_nanos(&self) -> u64 {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }

    fn resolution_nanos(&self) -> u64 {
        let resolution = clock_getres(ClockId::Monotonic);
        nanos(resolution.tv_sec, resolution.tv_nsec).max(1)
    }
}

fn nanos(seconds: i64, nanos: i64) -> u64 {
    let seconds = u64::try_from(seconds).unwrap_or(0);
    seconds
        .saturating_mul(1_000_000_000)
        .saturating_add(u64::try_from(nanos).unwrap_or(0))
}

/// The kernel's random numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), Errno> {
        getrandom::fill(buffer).map_err(|_| Errno::Io)
    }
}
