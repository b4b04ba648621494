//! Points in time, as the device's monotonic clock gives them.

use core::ops::{Add, Sub};
use core::time::Duration;

/// A point in time: nanoseconds of the monotonic clock, whose zero is arbitrary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The point `nanos` nanoseconds after the clock's zero.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the clock's zero.
    #[must_use]
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// The nanoseconds from `earlier` to here, zero if that lies later.
    #[must_use]
    pub const fn nanos_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// The time from `earlier` to here, zero if that lies later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// A duration in nanoseconds, of which there are 584 years. Without the wide arithmetic of [`Duration::as_nanos`], which
/// small processors have to do in software.
#[must_use]
pub const fn nanos(duration: Duration) -> u64 {
    const PER_SECOND: u64 = 1_000_000_000;
    duration
        .as_secs()
        .saturating_mul(PER_SECOND)
        .saturating_add(duration.subsec_nanos() as u64)
}

impl Add<Duration> for Instant {
    type Output = Self;

    /// Saturates at the end of time, some 584 years after the clock's zero.
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanos(duration)))
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;

    /// Saturates at the clock's zero.
    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(duration)))
    }
}
