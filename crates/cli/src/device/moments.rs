//! Times as people read and write them.

use std::time::Duration;

use thimble_device_api::Timestamp;

use crate::failure::Failure;
use crate::values;

/// Now, by this machine's clock, which is the daemon's too.
pub(super) fn now() -> Timestamp {
    Timestamp::now()
}

/// A moment that was given: a time ago, or RFC 3339.
pub(super) fn moment(
    option: &'static str,
    text: Option<&str>,
    now: Timestamp,
) -> Result<Option<Timestamp>, Failure> {
    let Some(text) = text else {
        return Ok(None);
    };
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(Some(moment));
    }
    values::time(text)
        .ok()
        .and_then(|ago| now.checked_sub(ago).ok())
        .map(Some)
        .ok_or_else(|| {
            Failure::option(
                option,
                text,
                "must be a time ago (90s, 10m, 2h) or a moment in RFC 3339 (2026-11-23T21:00:00Z)",
            )
        })
}

/// The time between two moments, none if the clock was set back.
pub(super) fn between(earlier: Timestamp, later: Timestamp) -> Duration {
    let nanos = later
        .as_nanosecond()
        .saturating_sub(earlier.as_nanosecond());
    Duration::from_nanos(u64::try_from(nanos.max(0)).unwrap_or(u64::MAX))
}

/// How long ago something was.
pub(crate) fn ago(then: Timestamp, now: Timestamp) -> String {
    let span = span(between(then, now));
    if span.is_empty() {
        "just now".into()
    } else {
        format!("{span} ago")
    }
}

/// A time in its largest unit; nothing if it is less than a second.
pub(super) fn span(duration: Duration) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    let seconds = duration.as_secs();
    let (count, unit) = match seconds {
        0 => return String::new(),
        1..MINUTE => (seconds, "second"),
        MINUTE..HOUR => (seconds / MINUTE, "minute"),
        HOUR..172_800 => (seconds / HOUR, "hour"),
        172_800..1_209_600 => (seconds / DAY, "day"),
        1_209_600..5_184_000 => (seconds / (7 * DAY), "week"),
        5_184_000..63_072_000 => (seconds / (30 * DAY), "month"),
        _ => (seconds / (365 * DAY), "year"),
    };
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {unit}{plural}")
}
