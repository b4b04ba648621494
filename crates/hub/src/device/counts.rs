//! What is counted per address: connections, handshakes, and enrolments that were refused.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use thimble_protocol::UnixSeconds;

/// Seconds over which refused enrolments are counted.
const WINDOW_S: u64 = 60;
/// Refused enrolments of one address in that time; a code has far more values than can be tried like this.
const FAILURES_MAX: u32 = 30;
/// Addresses whose failures are counted at once; beyond it all are forgotten, oldest or not.
const ADDRESSES_MAX: usize = 100_000;

/// Addresses that count as one: an IPv4 address, or a /64 of IPv6, which is what one customer is given.
#[must_use]
pub(super) fn subject(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6([a, b, c, d, 0, 0, 0, 0].into())
        }
    }
}

/// How many of something each address has.
#[derive(Debug, Default)]
pub(super) struct Counts(Mutex<HashMap<IpAddr, u32>>);

/// One of them, while it lasts.
#[derive(Debug)]
pub(super) struct Counted {
    counts: Arc<Counts>,
    address: IpAddr,
}

impl Counts {
    /// One more, unless there are so many.
    pub(super) fn one_more(self: &Arc<Self>, address: IpAddr, max: u32) -> Option<Counted> {
        let address = subject(address);
        let mut counts = self.0.lock();
        let count = counts.entry(address).or_insert(0);
        if *count >= max {
            return None;
        }
        *count += 1;
        Some(Counted {
            counts: Arc::clone(self),
            address,
        })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut counts = self.counts.0.lock();
        if let Some(count) = counts.get_mut(&self.address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

/// Enrolments that were refused lately, so that codes are not guessed.
#[derive(Debug, Default)]
pub(super) struct Failures(Mutex<HashMap<IpAddr, (UnixSeconds, u32)>>);

impl Failures {
    /// Seconds to wait if there were too many.
    pub(super) fn wait_s(&self, address: IpAddr, now: UnixSeconds) -> Option<u32> {
        let failures = self.0.lock();
        let (since, count) = failures.get(&subject(address))?;
        let ends = since.0.saturating_add(WINDOW_S);
        let is_too_many = *count >= FAILURES_MAX && now.0 < ends;
        is_too_many.then(|| u32::try_from(ends - now.0).unwrap_or(u32::MAX))
    }

    /// One more.
    pub(super) fn add(&self, address: IpAddr, now: UnixSeconds) {
        let mut failures = self.0.lock();
        if failures.len() >= ADDRESSES_MAX {
            failures.clear();
        }
        let entry = failures.entry(subject(address)).or_insert((now, 0));
        if now.0 >= entry.0.0.saturating_add(WINDOW_S) {
            *entry = (now, 0);
        }
        entry.1 = entry.1.saturating_add(1);
    }
}
