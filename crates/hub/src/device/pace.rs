//! How often devices come: what they are told to wait, so that all of them together ask as often as this node likes.

use std::sync::atomic::{AtomicU64, Ordering};

use super::settings::Settings;

/// Random numbers that need not be secret, from one shared seed.
#[derive(Debug)]
pub struct Jitter {
    state: AtomicU64,
}

impl Jitter {
    /// Numbers that the seed determines, apart from the order in which threads take them.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            state: AtomicU64::new(seed),
        }
    }

    /// A number below `bound`; 0 if that is 0. SplitMix64.
    pub fn below(&self, bound: u32) -> u32 {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let mut number = self
            .state
            .fetch_add(STEP, Ordering::Relaxed)
            .wrapping_add(STEP);
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^= number >> 31;
        let scaled = ((number >> 32) * u64::from(bound)) >> 32;
        u32::try_from(scaled).unwrap_or(0)
    }
}

/// How busy a node is: 0 is idle, 1000 is all that it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Load(pub u32);

/// Seconds until a device that does not wait at the hub should poll again: all of them together poll as often as the node
/// likes, less often when it is busy, each at a time of its own.
#[must_use]
pub fn next_poll_s(settings: &Settings, devices: usize, load: Load, jitter: &Jitter) -> u32 {
    let devices = u32::try_from(devices).unwrap_or(u32::MAX);
    let even = (devices / settings.polls_per_s.max(1)).max(settings.next_poll_min_s);
    let pause = even
        .saturating_mul(slowdown(load))
        .min(settings.next_poll_max_s);
    // From three quarters of it to five quarters.
    let spread = (pause / 2).max(1);
    (pause - pause / 4)
        .saturating_add(jitter.below(spread))
        .clamp(
            settings.next_poll_min_s.min(settings.next_poll_max_s),
            settings.next_poll_max_s,
        )
}

/// Seconds until a device that waited at the hub should ask again: at once, but not all at once.
#[must_use]
pub fn next_wait_s(settings: &Settings, load: Load, jitter: &Jitter) -> u32 {
    match slowdown(load) {
        1 => jitter.below(3),
        factor => settings
            .next_poll_min_s
            .saturating_mul(factor)
            .saturating_add(jitter.below(settings.next_poll_min_s.saturating_mul(factor).max(1)))
            .min(settings.next_poll_max_s),
    }
}

/// Seconds after which a device that was sent away may come back: the busier, the later, each at another time.
#[must_use]
pub fn retry_after_s(settings: &Settings, load: Load, jitter: &Jitter) -> u32 {
    let base = settings
        .next_poll_min_s
        .max(1)
        .saturating_mul(slowdown(load));
    base.saturating_add(jitter.below(base.saturating_mul(3).max(1)))
        .min(settings.next_poll_max_s.max(1))
}

/// By how much pauses grow: 1 up to half of what a node takes, 8 when it is full.
fn slowdown(load: Load) -> u32 {
    match load.0 {
        0..500 => 1,
        500..700 => 2,
        700..900 => 4,
        _ => 8,
    }
}
