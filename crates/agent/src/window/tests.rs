use thimble_protocol::UnixSeconds;
use thimble_protocol::state::Window;

use super::{Opening, opening};

/// Monday 2026-11-30T00:00:00Z.
const MONDAY: u64 = 1_795_996_800;
const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

const fn window(days: u8, begin_minute: u16, minutes: u16, utc_offset_minutes: i16) -> Window {
    Window {
        days,
        begin_minute,
        minutes,
        utc_offset_minutes,
    }
}

fn check(windows: &[Window], at: u64, expected: Opening) {
    assert_eq!(
        opening(windows, UnixSeconds(at)),
        expected,
        "{windows:?} at {at}"
    );
}

const fn closed(s: u64) -> Opening {
    Opening::Closed { for_s: Some(s) }
}

#[test]
fn a_window_on_one_day() {
    let monday_night = [window(1, 120, 60, 0)];
    check(&monday_night, MONDAY, closed(2 * HOUR));
    check(&monday_night, MONDAY + 2 * HOUR - 1, closed(1));
    check(&monday_night, MONDAY + 2 * HOUR, Opening::Open);
    check(&monday_night, MONDAY + 3 * HOUR - 1, Opening::Open);
    check(&monday_night, MONDAY + 3 * HOUR, closed(7 * DAY - HOUR));
}

#[test]
fn a_window_over_midnight_and_over_the_end_of_the_week() {
    // Sunday 22:00 for six hours.
    let sunday = [window(1 << 6, 22 * 60, 360, 0)];
    check(&sunday, MONDAY, Opening::Open);
    check(&sunday, MONDAY + 4 * HOUR - 1, Opening::Open);
    check(&sunday, MONDAY + 4 * HOUR, closed(6 * DAY + 18 * HOUR));
    check(&sunday, MONDAY - 2 * HOUR, Opening::Open);
    check(&sunday, MONDAY - 2 * HOUR - 1, closed(1));
}

#[test]
fn local_time_is_ahead_of_utc_or_behind() {
    // 01:00 to 02:00 on Mondays in UTC+2 is 23:00 to 00:00 on Sundays in UTC.
    let ahead = [window(1, 60, 60, 120)];
    check(&ahead, MONDAY - HOUR, Opening::Open);
    check(&ahead, MONDAY, closed(7 * DAY - HOUR));
    // 23:00 on Sundays in UTC-9:30 is Monday 08:30 in UTC.
    let behind = [window(1 << 6, 23 * 60, 60, -570)];
    check(&behind, MONDAY + 8 * HOUR + 1800, Opening::Open);
    check(&behind, MONDAY + 8 * HOUR + 1799, closed(1));
}

#[test]
fn the_nearest_of_several_counts() {
    let windows = [window(0x7f, 300, 10, 0), window(1 << 2, 0, 1440, 0)];
    check(&windows, MONDAY, closed(5 * HOUR));
    check(&windows, MONDAY + 2 * DAY + 12 * HOUR, Opening::Open);
}

#[test]
fn what_never_opens_says_so() {
    check(
        &[window(0, 0, 1440, 0)],
        MONDAY,
        Opening::Closed { for_s: None },
    );
    check(
        &[window(1, 0, 1, 0)],
        u64::MAX,
        Opening::Closed { for_s: None },
    );
}

#[test]
fn a_whole_week_is_always_open() {
    let always = [window(0x7f, 0, 1440, 345)];
    for minute in 0..7 * 24 * 60 {
        check(&always, MONDAY + minute * 60 + 59, Opening::Open);
    }
}
