//! Windows open when a calendar says so, over midnight, over the end of the week, and in other time zones.

use alloc::string::ToString;

use super::{Window, opens_at};
use crate::ids::UnixMs;

/// 2026-11-29T23:00:00Z, a Sunday.
const SUNDAY_23: UnixMs = UnixMs(1_795_993_200_000);

fn next(window: Window) -> Option<alloc::string::String> {
    opens_at(&[window], SUNDAY_23).map(|at| at.to_string())
}

#[test]
fn windows_open_when_the_calendar_says() {
    assert_eq!(SUNDAY_23.to_string(), "2026-11-29T23:00:00Z");
    let window = |days, begin_minute, minutes, utc_offset_minutes| Window {
        days,
        begin_minute,
        minutes,
        utc_offset_minutes,
    };
    let monday = 0b000_0001;
    let saturday = 0b010_0000;
    let sunday = 0b100_0000;
    for (window, expected) in [
        (window(monday, 120, 60, 0), Some("2026-11-30T02:00:00Z")),
        (
            window(sunday, 22 * 60, 120, 0),
            Some("2026-11-29T23:00:00Z"),
        ),
        (window(sunday, 22 * 60, 60, 0), Some("2026-12-06T22:00:00Z")),
        (
            window(saturday, 23 * 60 + 30, 1440, 0),
            Some("2026-11-29T23:00:00Z"),
        ),
        (window(monday, 0, 60, 60), Some("2026-11-29T23:00:00Z")),
        (window(monday, 0, 60, -60), Some("2026-11-30T01:00:00Z")),
        (window(0, 0, 60, 0), None),
    ] {
        assert_eq!(next(window).as_deref(), expected, "{window:?}");
    }
    assert_eq!(opens_at(&[], SUNDAY_23), Some(SUNDAY_23));
}
