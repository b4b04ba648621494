//! How often somebody may try a password.
//!
//! A bucket for each name and each address: ten attempts, and one more every six seconds. Each node counts by itself. What is
//! kept is bounded: when it is full, the bucket that is least used goes.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;

use parking_lot::Mutex;

/// Attempts that are there at the beginning.
const BURST: u32 = 10;
/// Milliseconds until there is one more.
const REFILL_MS: i64 = 6_000;
/// Buckets at most: each has some 100 bytes.
const BUCKETS_MAX: usize = 16_384;

/// Somebody tried too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyAttempts {
    /// Seconds until the next attempt.
    pub retry_s: u32,
}

impl fmt::Display for TooManyAttempts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "too many attempts to sign in: try again in {} seconds",
            self.retry_s
        )
    }
}

impl std::error::Error for TooManyAttempts {}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Key {
    User(String),
    Address(IpAddr),
}

/// Counts attempts.
#[derive(Default)]
pub struct Attempts {
    /// The time at which each bucket is full again.
    full_at_ms: Mutex<HashMap<Key, i64>>,
}

impl fmt::Debug for Attempts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Attempts")
    }
}

impl Attempts {
    /// Takes one attempt of this name and this address.
    ///
    /// # Errors
    /// If one of them has none left.
    pub fn take(
        &self,
        user: &str,
        address: Option<IpAddr>,
        now_ms: i64,
    ) -> Result<(), TooManyAttempts> {
        let mut buckets = self.full_at_ms.lock();
        let keys = std::iter::once(Key::User(user.to_owned())).chain(address.map(Key::Address));
        let mut taken = Vec::with_capacity(2);
        for key in keys {
            let full_at = buckets
                .get(&key)
                .map_or(now_ms, |full_at| (*full_at).max(now_ms));
            let next = full_at.saturating_add(REFILL_MS);
            let over_ms = next
                .saturating_sub(now_ms)
                .saturating_sub(i64::from(BURST).saturating_mul(REFILL_MS));
            if over_ms > 0 {
                let retry_s = u32::try_from(over_ms.saturating_add(999) / 1000).unwrap_or(u32::MAX);
                return Err(TooManyAttempts { retry_s });
            }
            taken.push((key, next));
        }
        for (key, next) in taken {
            buckets.insert(key, next);
        }
        if buckets.len() > BUCKETS_MAX {
            forget(&mut buckets, now_ms);
        }
        Ok(())
    }

    /// How many buckets there are.
    #[cfg(test)]
    pub(super) fn counted(&self) -> usize {
        self.full_at_ms.lock().len()
    }

    /// Forgets what was counted of a name: its password was right.
    pub fn forget(&self, user: &str) {
        self.full_at_ms.lock().remove(&Key::User(user.to_owned()));
    }
}

/// Full buckets say nothing; if all are in use, the half that is used least goes.
fn forget(buckets: &mut HashMap<Key, i64>, now_ms: i64) {
    buckets.retain(|_, full_at| *full_at > now_ms);
    if buckets.len() > BUCKETS_MAX {
        let mut times: Vec<i64> = buckets.values().copied().collect();
        let middle = times.len() / 2;
        let (_, median, _) = times.select_nth_unstable(middle);
        let median = *median;
        buckets.retain(|_, full_at| *full_at > median);
    }
}
