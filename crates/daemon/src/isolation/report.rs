//! What was given up, in words for the log.

use std::fmt;

/// What was given up, and what this system could not do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    done: Vec<String>,
    missing: Vec<String>,
}

impl Report {
    pub(super) fn done(&mut self, words: impl Into<String>) {
        self.done.push(words.into());
    }

    pub(super) fn lacks(&mut self, words: impl Into<String>) {
        self.missing.push(words.into());
    }

    /// What is in force.
    #[must_use]
    pub fn in_force(&self) -> &[String] {
        &self.done
    }

    /// What this system could not do.
    #[must_use]
    pub fn missing(&self) -> &[String] {
        &self.missing
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.done.is_empty() {
            formatter.write_str("not isolated")?;
        } else {
            write!(formatter, "isolated: {}", self.done.join(", "))?;
        }
        if !self.missing.is_empty() {
            write!(
                formatter,
                "; not possible here: {}",
                self.missing.join("; ")
            )?;
        }
        Ok(())
    }
}
