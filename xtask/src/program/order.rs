//! The order of functions, from what ran. Pure.
//!
//! Stage by stage, within a stage as the linker had them: the order does not depend on which thread was first.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

/// What ran in one part of the tour.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) name: String,
    /// Where the functions begin.
    pub(super) entered: BTreeSet<u64>,
}

/// What LLD takes: the names of the functions that ran, one a line, those of the first stage first.
pub(super) fn lines(functions: &BTreeMap<u64, String>, stages: &[Stage]) -> String {
    let mut placed = BTreeSet::new();
    let mut lines = String::new();
    for stage in stages {
        lines.push_str(&format!("# {}\n", stage.name));
        for address in &stage.entered {
            if let (true, Some(name)) = (placed.insert(*address), functions.get(address)) {
                lines.push_str(name);
                lines.push('\n');
            }
        }
    }
    lines
}
