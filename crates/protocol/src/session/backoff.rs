//! Patience: exponential backoff with full jitter (Brooker 2015), and what `Retry-After` asks for.

use super::chance::Chance;

/// After this many failures in a row the time no longer doubles: 2^16 times any first retry is beyond every cap.
const DOUBLINGS_MAX: u32 = 16;

/// What went wrong with an exchange that got no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Failure {
    /// The name of the hub could not be looked up.
    Name,
    /// The hub could not be reached, or went away.
    Connection,
    /// TLS: the hub is not who it should be, or does not know the device.
    Tls,
    /// No answer came in time.
    Timeout,
    /// What came is not HTTP, or more than there is room for.
    Answer,
}

/// When the next attempt may be made.
#[derive(Clone, Debug)]
pub(super) struct Backoff {
    first_ms: u64,
    cap_ms: u64,
    failures: u32,
    until_ms: u64,
}

impl Backoff {
    pub(super) const fn new(first_ms: u64, cap_ms: u64) -> Self {
        Self {
            first_ms,
            cap_ms,
            failures: 0,
            until_ms: 0,
        }
    }

    pub(super) const fn until_ms(&self) -> u64 {
        self.until_ms
    }

    pub(super) const fn succeeded(&mut self) {
        self.failures = 0;
        self.until_ms = 0;
    }

    /// Something failed. Whoever answered may have asked for so much time, which is given, and on top of it the chance that keeps
    /// devices apart that were all asked for the same.
    pub(super) fn failed(&mut self, now_ms: u64, asked_ms: u64, chance: &mut Chance) {
        let doubled = self
            .first_ms
            .saturating_mul(1 << self.failures.min(DOUBLINGS_MAX));
        let within = doubled.min(self.cap_ms);
        self.failures = self.failures.saturating_add(1);
        let wait = asked_ms.saturating_add(chance.up_to(within));
        // Never sooner than what another failure at the same time has led to.
        self.until_ms = self.until_ms.max(now_ms.saturating_add(wait));
    }
}
