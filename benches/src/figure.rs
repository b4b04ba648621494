//! What a figure is.

use anyhow::Result;
use thimble_bench_report::Outcome;

use crate::options::Options;

/// Something that can be measured by itself.
pub(crate) struct Figure {
    /// The name by which it is chosen.
    pub(crate) name: &'static str,
    /// What it tells.
    pub(crate) about: &'static str,
    /// Measures it.
    pub(crate) measure: fn(&Options) -> Result<Vec<Outcome>>,
}
