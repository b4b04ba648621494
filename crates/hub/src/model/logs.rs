//! What a device answered when it was asked for log lines, as it is kept.

use serde::{Deserialize, Serialize};
use thimble_protocol::report::LogAnswer;

/// The lines, and why there are no more of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogsTold {
    /// Oldest first, `TIME STREAM TEXT`.
    pub lines: Vec<String>,
    /// What was in the way.
    pub error: Option<String>,
}

impl LogsTold {
    /// From what was kept.
    #[must_use]
    pub fn read(kept: &[u8]) -> Self {
        serde_json::from_slice(kept).unwrap_or_else(|error| Self {
            lines: Vec::new(),
            error: Some(format!("what was kept of the answer is damaged: {error}")),
        })
    }

    /// To be kept.
    #[must_use]
    pub fn kept(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The lines as a text, each with its end.
    #[must_use]
    pub fn text(&self) -> String {
        self.lines.iter().flat_map(|line| [line, "\n"]).collect()
    }
}

impl From<&LogAnswer> for LogsTold {
    fn from(answer: &LogAnswer) -> Self {
        Self {
            lines: answer.lines.clone(),
            error: answer.error.clone(),
        }
    }
}
