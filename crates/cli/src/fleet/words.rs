//! Labels, times and moments, as people read and write them.

use std::collections::BTreeMap;
use std::time::Duration;

use thimble_hub_api::Timestamp;

use crate::failure::Failure;
use crate::values;

/// `NAME=VALUE` pairs.
pub(super) fn pairs(
    option: &'static str,
    texts: &[String],
) -> Result<BTreeMap<String, String>, Failure> {
    texts
        .iter()
        .map(|text| match text.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
            _ => Err(Failure::option(option, text, "must be NAME=VALUE")),
        })
        .collect()
}

/// Labels in one line.
pub(super) fn labels(labels: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = labels
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.join(",")
}

/// A time: also in days, which codes and tokens last.
pub(super) fn time(option: &'static str, text: &str) -> Result<Duration, Failure> {
    let days = text
        .strip_suffix('d')
        .and_then(|days| days.parse::<u64>().ok())
        .and_then(|days| days.checked_mul(24 * 60 * 60));
    if let Some(seconds) = days {
        return Ok(Duration::from_secs(seconds));
    }
    values::time(text).map_err(|_| {
        Failure::option(
            option,
            text,
            "must be a time: 90s, 10m, 2h or 7d, for example",
        )
    })
}

/// A time in seconds, as the hub takes it.
pub(super) fn seconds(option: &'static str, text: &str) -> Result<u32, Failure> {
    u32::try_from(time(option, text)?.as_secs())
        .map_err(|_| Failure::option(option, text, "is longer than anything is waited for"))
}

/// A moment: from now on, or RFC 3339.
pub(super) fn moment(option: &'static str, text: &str) -> Result<Timestamp, Failure> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Ok(moment);
    }
    let wrong = || {
        Failure::option(
            option,
            text,
            "must be a time from now on (10m, 2h, 7d) or a moment in RFC 3339 (2026-11-23T21:00:00Z)",
        )
    };
    let ahead = time(option, text).map_err(|_| wrong())?;
    Timestamp::now().checked_add(ahead).map_err(|_| wrong())
}

/// How long ago something was.
pub(super) fn ago(then: Timestamp) -> String {
    crate::device::ago(then, Timestamp::now())
}

/// A count with its word.
pub(super) fn count(count: u64, one: &str) -> String {
    match (count, one.strip_suffix('y')) {
        (1, _) => format!("1 {one}"),
        (_, Some(stem)) => format!("{count} {stem}ies"),
        (_, None) => format!("{count} {one}s"),
    }
}

/// A moment to the second.
pub(super) fn second(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
