//! How much memory a process has, as Linux counts it.

use anyhow::{Context as _, Result};

/// The proportional set size of a process in kilobytes: pages it shares count in part.
pub(crate) fn proportional_kb(process: &str) -> Result<f64> {
    field(&format!("/proc/{process}/smaps_rollup"), "Pss:")
}

/// The most memory that a process has had so far, in kilobytes, pages that it shares included.
pub(crate) fn peak_kb(process: u32) -> Result<f64> {
    field(&format!("/proc/{process}/status"), "VmHWM:")
}

/// A number of kilobytes in a file of the kernel's.
fn field(path: &str, name: &str) -> Result<f64> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .with_context(|| format!("{path} has no {name}"))?;
    let number = line.trim().trim_end_matches("kB").trim();
    number
        .parse()
        .with_context(|| format!("`{number}` is not a number"))
}
