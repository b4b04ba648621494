use alloc::borrow::ToOwned as _;
use alloc::vec;

use thimble_protocol::UnixSeconds;
use thimble_protocol::report::ReasonCode;
use thimble_protocol::state::{UpdatePolicy, Window};

use super::{Gate, gate, written};
use crate::settings::Now;

/// Monday 2026-11-30T00:00:00Z.
const MONDAY: u64 = 1_795_996_800;

fn at(clock: Option<u64>) -> Now {
    Now {
        ms: 5_000,
        clock: clock.map(UnixSeconds),
    }
}

fn check(
    policy: &UpdatePolicy,
    clock: Option<u64>,
    expected: Option<(ReasonCode, &str, Option<u64>)>,
) {
    let found = match gate(at(clock), policy, false, 0) {
        Gate::Open => None,
        Gate::Closed { reason, wake_ms } => {
            reason.map(|reason| (reason.code, reason.text, wake_ms))
        }
    };
    let expected = expected.map(|(code, text, wake_ms)| (code, text.to_owned(), wake_ms));
    assert_eq!(found, expected, "{policy:?} at {clock:?}");
}

#[test]
fn holds_and_windows_close_it_and_say_until_when() {
    let nothing = UpdatePolicy::default();
    check(&nothing, None, None);

    let held = UpdatePolicy {
        is_held: true,
        ..UpdatePolicy::default()
    };
    check(
        &held,
        Some(MONDAY),
        Some((ReasonCode::Held, "held by the operator", None)),
    );

    let until = UpdatePolicy {
        hold_until: Some(UnixSeconds(MONDAY)),
        ..UpdatePolicy::default()
    };
    check(&until, Some(MONDAY), None);
    check(
        &until,
        Some(MONDAY - 7),
        Some((
            ReasonCode::Held,
            "held until 2026-11-30T00:00Z",
            Some(12_000),
        )),
    );
    let unset = "held until 2026-11-30T00:00Z, and the clock is not believed: set it";
    check(&until, None, Some((ReasonCode::Held, unset, None)));

    let window = Window {
        days: 1,
        begin_minute: 90,
        minutes: 30,
        utc_offset_minutes: 0,
    };
    let windows = UpdatePolicy {
        windows: vec![window],
        ..UpdatePolicy::default()
    };
    check(&windows, Some(MONDAY + 5400), None);
    let next = "outside of every window; the next opens at 2026-11-30T01:30Z";
    check(
        &windows,
        Some(MONDAY),
        Some((ReasonCode::OutsideWindow, next, Some(5_405_000))),
    );
    let unset = "there are windows, and the clock is not believed: set it, or wait until it is synchronised";
    check(
        &windows,
        None,
        Some((ReasonCode::OutsideWindow, unset, None)),
    );
}

#[test]
fn the_device_and_the_hubs_delay_close_it_too() {
    let policy = UpdatePolicy::default();
    assert!(matches!(
        gate(at(None), &policy, true, 0),
        Gate::Closed {
            reason: Some(_),
            wake_ms: None
        }
    ));
    assert_eq!(
        gate(at(None), &policy, false, 5_001),
        Gate::Closed {
            reason: None,
            wake_ms: Some(5_001)
        }
    );
    assert_eq!(gate(at(None), &policy, false, 5_000), Gate::Open);
}

#[test]
fn times_are_written_for_people() {
    for (seconds, text) in [
        (0, "1970-01-01T00:00Z"),
        (951_782_399, "2000-02-28T23:59Z"),
        (951_782_400, "2000-02-29T00:00Z"),
        (4_107_542_399, "2100-02-28T23:59Z"),
        (4_107_542_400, "2100-03-01T00:00Z"),
        (1_767_225_599, "2025-12-31T23:59Z"),
        (MONDAY, "2026-11-30T00:00Z"),
    ] {
        assert_eq!(written(UnixSeconds(seconds)), text);
    }
    assert!(!written(UnixSeconds(u64::MAX)).is_empty());
}
