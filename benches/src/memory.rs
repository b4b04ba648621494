//! How much memory a process has, as Linux counts it.

use anyhow::{Context as _, Result};

/// The proportional set size of a process in kilobytes: pages it shares count in part.
pub(crate) fn proportional_kb(process: &str) -> Result<f64> {
    let path = format!("/proc/{process}/smaps_rollup");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Pss:"))
        .context("it has no Pss")?;
    let number = line.trim().trim_end_matches("kB").trim();
    number
        .parse()
        .with_context(|| format!("`{number}` is not a number"))
}
