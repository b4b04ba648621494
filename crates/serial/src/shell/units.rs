//! Sizes, times and shares as people write them, like on the command line. No floating point.

/// A size in bytes: a number with `b`, `k` or `m` (powers of 1024).
pub(super) fn size(text: &str) -> Result<u32, &'static str> {
    const WRONG: &str = "must be a size: a whole number with b, k or m, for example 64k";
    let (digits, unit) = split(text);
    let shift = match unit.as_bytes() {
        [] | [b'b' | b'B'] => 0,
        [b'k' | b'K', ..] => 10,
        [b'm' | b'M', ..] => 20,
        _ => return Err(WRONG),
    };
    digits
        .parse::<u32>()
        .ok()
        .and_then(|number| number.checked_mul(1 << shift))
        .filter(|bytes| *bytes > 0)
        .ok_or(WRONG)
}

/// A time in milliseconds: a number with `ms`, `s`, `m` or `h`; without a unit, seconds.
pub(super) fn time(text: &str) -> Result<u32, &'static str> {
    const WRONG: &str = "must be a time: a number with ms, s, m or h, for example 500ms or 1.5s";
    let (digits, unit) = split(text);
    let scale = match unit {
        "ms" => return digits.parse().map_err(|_| WRONG),
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(WRONG),
    };
    thousandths(digits)
        .and_then(|number| number.checked_mul(scale))
        .ok_or(WRONG)
}

/// A share of the processor in thousandths.
pub(super) fn share(text: &str) -> Result<u32, &'static str> {
    thousandths(text)
        .filter(|share| (1..=10_000_000).contains(share))
        .ok_or("must be a share from 0.001 to 10000, for example 0.5 or 3")
}

/// A count.
pub(super) fn count(text: &str) -> Result<u32, &'static str> {
    text.parse().map_err(|_| "must be a whole number")
}

fn split(text: &str) -> (&str, &str) {
    let digits = text.trim_end_matches(|last: char| last.is_ascii_alphabetic());
    (digits, text.get(digits.len()..).unwrap_or_default())
}

/// A number with up to three decimal places, in thousandths.
fn thousandths(text: &str) -> Option<u32> {
    let (whole, places) = text.split_once('.').unwrap_or((text, "0"));
    let scale = match places.len() {
        1 => 100,
        2 => 10,
        3 => 1,
        _ => return None,
    };
    let whole = if whole.is_empty() { "0" } else { whole };
    whole
        .parse::<u32>()
        .ok()?
        .checked_mul(1000)?
        .checked_add(places.parse::<u32>().ok()?.checked_mul(scale)?)
}
