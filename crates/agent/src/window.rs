//! Whether the clock is within one of the windows, and when it next will be.

use thimble_protocol::UnixSeconds;
use thimble_protocol::state::Window;

const MINUTES_OF_DAY: i64 = 24 * 60;
const MINUTES_OF_WEEK: i64 = 7 * MINUTES_OF_DAY;

/// 1970-01-01 was a Thursday; weeks here begin on Monday.
const EPOCH_MINUTE_OF_WEEK: i64 = 3 * MINUTES_OF_DAY;

/// How the windows are at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// A change may begin.
    Open,
    /// None may for so many seconds; absent if none of the windows ever opens.
    Closed { for_s: Option<u64> },
}

/// Looks at the clock and the windows, of which there is at least one.
pub(crate) fn opening(windows: &[Window], now: UnixSeconds) -> Opening {
    let mut wait_s: Option<u64> = None;
    for window in windows {
        match until(window, now) {
            Some(0) => return Opening::Open,
            Some(s) => wait_s = Some(wait_s.map_or(s, |least| least.min(s))),
            None => {}
        }
    }
    Opening::Closed { for_s: wait_s }
}

/// Seconds until a window is open, 0 if it is; absent if it never is.
fn until(window: &Window, now: UnixSeconds) -> Option<u64> {
    let now_s = i64::try_from(now.0).ok()?;
    let second = now_s % 60;
    let minute = (now_s / 60)
        .checked_add(i64::from(window.utc_offset_minutes))?
        .checked_add(EPOCH_MINUTE_OF_WEEK)?
        .rem_euclid(MINUTES_OF_WEEK);
    let mut least: Option<i64> = None;
    for day in (0..7_u8).filter(|day| window.days & (1 << day) != 0) {
        let begin = i64::from(day) * MINUTES_OF_DAY + i64::from(window.begin_minute);
        // Since it began, in a week that may have begun before this one.
        if (minute - begin).rem_euclid(MINUTES_OF_WEEK) < i64::from(window.minutes) {
            return Some(0);
        }
        let wait_s = (begin - minute).rem_euclid(MINUTES_OF_WEEK) * 60 - second;
        least = Some(least.map_or(wait_s, |other| other.min(wait_s)));
    }
    least.and_then(|s| u64::try_from(s).ok())
}

#[cfg(test)]
mod tests;
