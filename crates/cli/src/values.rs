//! Sizes, times and shares as people write them.

use std::time::Duration;

/// Reads a size in bytes: a number with `b`, `k`, `m` or `g` (powers of 1024), as docker does.
pub(crate) fn size(text: &str) -> Result<u64, &'static str> {
    const WRONG: &str = "a size is a whole number with b, k, m or g, for example 512k or 64m";
    let lower = text.to_ascii_lowercase();
    let lower = lower
        .strip_suffix("ib")
        .or_else(|| {
            lower
                .strip_suffix('b')
                .filter(|rest| rest.ends_with(['k', 'm', 'g']))
        })
        .unwrap_or(&lower);
    let (digits, shift) = match lower.chars().last() {
        Some('b') => (lower.trim_end_matches('b'), 0),
        Some('k') => (lower.trim_end_matches('k'), 10),
        Some('m') => (lower.trim_end_matches('m'), 20),
        Some('g') => (lower.trim_end_matches('g'), 30),
        _ => (lower, 0),
    };
    let number: u64 = digits.parse().map_err(|_| WRONG)?;
    number
        .checked_mul(1 << shift)
        .filter(|bytes| *bytes > 0)
        .ok_or("a size lies between 1 byte and 16 exabytes")
}

/// Reads a time: a number with `ms`, `s`, `m` or `h`; without a unit, seconds.
pub(crate) fn time(text: &str) -> Result<Duration, &'static str> {
    const WRONG: &str = "a time is a number with ms, s, m or h, for example 500ms, 1.5s or 2m";
    let units = [("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];
    let (number, scale) = units
        .iter()
        .find_map(|(unit, scale)| Some((text.strip_suffix(unit)?, *scale)))
        .unwrap_or((text, 1.0));
    if !number.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return Err(WRONG);
    }
    let number: f64 = number.parse().map_err(|_| WRONG)?;
    Duration::try_from_secs_f64(number * scale).map_err(|_| "a time lies between 0 and 584 years")
}

/// Reads a share of the processor in thousandths.
pub(crate) fn share(text: &str) -> Result<u32, &'static str> {
    const WRONG: &str = "a share is a number from 0.001 to 10000, for example 0.5 or 3";
    let share: f64 = text.parse().map_err(|_| WRONG)?;
    let thousandths = (share * 1000.0).round();
    if !(1.0..=10_000_000.0).contains(&thousandths) {
        return Err(WRONG);
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the range was checked"
    )]
    Ok(thousandths as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("1", 1),
            ("7b", 7),
            ("512k", 512 << 10),
            ("64M", 64 << 20),
            ("1g", 1 << 30),
            ("2MiB", 2 << 20),
            ("3kb", 3 << 10),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "m", "-1m", "1.5m", "64x", "99999999999g", "0"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times() {
        for (text, millis) in [
            ("10", 10_000),
            ("500ms", 500),
            ("1.5s", 1500),
            ("2m", 120_000),
            ("1h", 3_600_000),
            ("0s", 0),
        ] {
            assert_eq!(time(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "s", "-1s", "inf", "NaN", "1d", "1e400s"] {
            assert!(time(text).is_err(), "{text}");
        }
    }

    #[test]
    fn shares() {
        assert_eq!(share("0.5"), Ok(500));
        assert_eq!(share("3"), Ok(3000));
        for text in ["0", "-1", "x", "NaN", "1e9", ""] {
            assert!(share(text).is_err(), "{text}");
        }
    }
}
