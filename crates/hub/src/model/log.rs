//! Log lines of a device, as they are kept from its answer until operators fetch them.

use serde::{Deserialize, Serialize};

/// What a device told when it was asked for lines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// The lines, the oldest first.
    pub lines: Vec<String>,
    /// Why there are none.
    pub error: Option<String>,
}

impl Told {
    /// The lines as text, each with its end.
    #[must_use]
    pub fn text(&self) -> String {
        self.lines
            .iter()
            .flat_map(|line| [line.as_str(), "\n"])
            .collect()
    }
}
