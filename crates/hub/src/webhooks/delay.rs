//! When something is tried again: later each time, and never all at once.

/// The longest wait after the first attempt.
const FIRST_MS: u64 = 5_000;
/// The longest wait at all.
const LAST_MS: u64 = 3_600_000;

/// Milliseconds until the next attempt after so many, of which the upper half is chance.
#[must_use]
pub fn delay_ms(attempts: u32, random: u64) -> i64 {
    let doublings = attempts.saturating_sub(1).min(20);
    let longest = FIRST_MS.saturating_mul(1 << doublings).min(LAST_MS);
    let half = longest / 2;
    i64::try_from(half + random % (half + 1)).unwrap_or(i64::MAX)
}

/// Chance.
pub(super) fn random() -> [u8; 8] {
    let [a, b, c, d, e, f, .., g, h] = *uuid::Uuid::new_v4().as_bytes();
    [a, b, c, d, e, f, g, h]
}
