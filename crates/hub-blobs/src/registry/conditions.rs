//! Ranges and entity tags of requests (RFC 9110).

use std::ops::Range;

use axum::http::{HeaderMap, header};
use thimble_image::Digest;

/// What of a blob is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All of it; ranges that we cannot give are not given.
    All,
    /// These bytes.
    Part(Range<u64>),
    /// Bytes that it does not have.
    Outside,
}

/// What of a blob of this length is asked for.
pub(crate) fn wanted(headers: &HeaderMap, length_bytes: u64, digest: &Digest) -> Wanted {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(ranges) = text(header::RANGE).and_then(|range| range.strip_prefix("bytes=")) else {
        return Wanted::All;
    };
    // What began with something else cannot go on with this.
    if text(header::IF_RANGE).is_some_and(|tag| tag != entity_tag(digest)) {
        return Wanted::All;
    }
    let Some((first, last)) = ranges.trim().split_once('-') else {
        return Wanted::All;
    };
    let range = match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(length_bytes),
        (Ok(first), Err(_)) if last.is_empty() => first..length_bytes,
        (Err(_), Ok(count)) if first.is_empty() => length_bytes.saturating_sub(count)..length_bytes,
        _ => return Wanted::All,
    };
    if range.is_empty() {
        Wanted::Outside
    } else {
        Wanted::Part(range)
    }
}

/// Whether the client has it already.
pub(crate) fn is_known(headers: &HeaderMap, digest: &Digest) -> bool {
    let tags = headers.get_all(header::IF_NONE_MATCH).iter();
    let tags = tags.filter_map(|value| value.to_str().ok());
    let wanted = entity_tag(digest);
    tags.flat_map(|value| value.split(','))
        .any(|tag| tag.trim().trim_start_matches("W/") == wanted)
}

/// The entity tag of content.
pub(crate) fn entity_tag(digest: &Digest) -> String {
    format!("\"{digest}\"")
}

/// Where a piece of an upload begins and how long it says it is: `Content-Range: FIRST-LAST`.
pub(crate) fn piece(headers: &HeaderMap) -> Option<Result<(u64, u64), ()>> {
    let value = headers.get(header::CONTENT_RANGE)?;
    let parse = || {
        let text = value.to_str().ok()?.trim();
        let text = text.strip_prefix("bytes ").unwrap_or(text);
        let text = text.split_once('/').map_or(text, |(range, _)| range);
        let (first, last) = text.split_once('-')?;
        let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
        let length = last.checked_sub(first)?.checked_add(1)?;
        Some((first, length))
    };
    Some(parse().ok_or(()))
}
