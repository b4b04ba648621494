//! Windows of maintenance: when a device may change what runs, and when it may next.

use crate::ids::UnixMs;

/// Minutes of a day.
const DAY_MINUTES: i64 = 1440;
/// Minutes of a week.
const WEEK_MINUTES: i64 = 7 * DAY_MINUTES;
/// Milliseconds of a minute.
const MINUTE_MS: i64 = 60_000;
/// Days between the Monday before and 1970-01-01, a Thursday.
const EPOCH_WEEKDAY: i64 = 3;

/// A span of time that comes back every week, in the device's local time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Days on which it begins: bit 0 is Monday, bit 6 is Sunday.
    pub days: u8,
    /// Minutes after midnight at which it begins.
    pub begin_minute: u16,
    /// Minutes that it lasts, 1 to 1440.
    pub minutes: u16,
    /// Minutes by which the local time is ahead of UTC.
    pub utc_offset_minutes: i16,
}

/// Returns now if one of the windows is open or there is none, or else when the next opens; `None` if none ever does.
#[must_use]
pub fn opens_at(windows: &[Window], now: UnixMs) -> Option<UnixMs> {
    if windows.is_empty() {
        return Some(now);
    }
    windows
        .iter()
        .filter_map(|window| window.opens_at(now))
        .min()
}

impl Window {
    /// Returns now if it is open, or else when it opens next.
    fn opens_at(&self, now: UnixMs) -> Option<UnixMs> {
        let now_ms = i64::try_from(now.0).ok()?;
        let local_ms = now_ms + i64::from(self.utc_offset_minutes) * MINUTE_MS;
        let week_ms = WEEK_MINUTES * MINUTE_MS;
        let monday_ms = (local_ms + EPOCH_WEEKDAY * DAY_MINUTES * MINUTE_MS).rem_euclid(week_ms);
        (0..7)
            .filter(|day| self.days & (1 << day) != 0)
            .map(|day| {
                let begin_ms = (day * DAY_MINUTES + i64::from(self.begin_minute)) * MINUTE_MS;
                let since_ms = (monday_ms - begin_ms).rem_euclid(week_ms);
                if since_ms < i64::from(self.minutes) * MINUTE_MS {
                    0
                } else {
                    week_ms - since_ms
                }
            })
            .min()
            .and_then(|wait_ms| u64::try_from(wait_ms).ok())
            .map(|wait_ms| now.plus_ms(wait_ms))
    }
}

#[cfg(test)]
mod tests;
