//! Sizes, times, shares and names as people write them. No floating point: the same text is the same number on
//! every machine.

/// Decimal places that count.
const PLACES: usize = 3;

/// A size in bytes: a number with `b`, `k`, `m` or `g` (powers of 1024).
///
/// # Errors
/// What it must be, to be put behind "must be".
pub fn size(text: &str) -> Result<u64, &'static str> {
    const WRONG: &str = "a size: a whole number with b, k, m or g, for example 512k or 64m";
    let lower = text.to_ascii_lowercase();
    let digits = lower.trim_end_matches(|last: char| last.is_ascii_alphabetic());
    let shift = match lower.get(digits.len()..) {
        Some("" | "b") => 0,
        Some("k" | "kb" | "kib") => 10,
        Some("m" | "mb" | "mib") => 20,
        Some("g" | "gb" | "gib") => 30,
        _ => return Err(WRONG),
    };
    whole(digits)
        .and_then(|number| number.checked_mul(1 << shift))
        .filter(|bytes| *bytes > 0)
        .ok_or(WRONG)
}

/// A time in milliseconds: a number with `ms`, `s`, `m` or `h`; without a unit, seconds.
///
/// # Errors
/// What it must be, to be put behind "must be".
pub fn time(text: &str) -> Result<u64, &'static str> {
    const WRONG: &str = "a time: a number with ms, s, m or h, for example 500ms, 1.5s or 2m";
    let digits = text.trim_end_matches(|last: char| last.is_ascii_alphabetic());
    let scale = match text.get(digits.len()..) {
        Some("ms") => return whole(digits).ok_or(WRONG),
        Some("" | "s") => 1,
        Some("m") => 60,
        Some("h") => 3600,
        _ => return Err(WRONG),
    };
    thousandths(digits)
        .and_then(|number| number.checked_mul(scale))
        .ok_or(WRONG)
}

/// A share of the processor in thousandths.
///
/// # Errors
/// What it must be, to be put behind "must be".
pub fn share(text: &str) -> Result<u32, &'static str> {
    thousandths(text)
        .filter(|share| (1..=10_000_000).contains(share))
        .and_then(|share| u32::try_from(share).ok())
        .ok_or("a share from 0.001 to 10000, for example 0.5 or 3")
}

/// Whether a container and an image can have this name.
#[must_use]
pub fn is_name(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit())
        && text.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte)
        })
}

/// A whole number, of digits alone.
pub(crate) fn whole(digits: &str) -> Option<u64> {
    digits
        .bytes()
        .all(|digit| digit.is_ascii_digit())
        .then(|| digits.parse().ok())?
}

/// A number with up to three decimal places, in thousandths.
fn thousandths(text: &str) -> Option<u64> {
    let (digits, places) = text.split_once('.').unwrap_or((text, ""));
    if places.len() > PLACES || text.is_empty() || text.ends_with('.') {
        return None;
    }
    let digits = if digits.is_empty() { "0" } else { digits };
    let padded = format!("{places:0<PLACES$}");
    whole(digits)?
        .checked_mul(1000)?
        .checked_add(whole(&padded)?)
}
