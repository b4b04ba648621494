//! What measurements come to: numbers, their budgets in `benches/budgets.toml`, and how they are printed.
//!
//! Programs that measure share it. Never measures anything itself.

#![forbid(unsafe_code)]

mod budget;
mod outcome;
mod statistics;
mod table;

pub use budget::{Budgets, Verdict};
pub use outcome::Outcome;
pub use statistics::{Summary, geometric_mean, summarize};
pub use table::{number, print, print_failure};
