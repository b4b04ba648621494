//! Sizes, times and shares on the command line: as in recipes.

use std::time::Duration;

use thimble_builder::units;

/// Reads a size in bytes: a number with `b`, `k`, `m` or `g` (powers of 1024), as docker does.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    units::size(text).map_err(must_be)
}

/// Reads a time: a number with `ms`, `s`, `m` or `h`; without a unit, seconds.
pub(crate) fn time(text: &str) -> Result<Duration, String> {
    units::time(text)
        .map(Duration::from_millis)
        .map_err(must_be)
}

/// Reads a share of the processor in thousandths.
pub(crate) fn share(text: &str) -> Result<u32, String> {
    units::share(text).map_err(must_be)
}

fn must_be(what: &str) -> String {
    format!("must be {what}")
}
