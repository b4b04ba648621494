//! What a figure is, and what it gives.

use anyhow::Result;

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

/// One line of a figure.
pub(crate) struct Outcome {
    /// What was measured.
    pub(crate) what: String,
    /// The number, or why there is none.
    pub(crate) value: Result<f64, String>,
    /// Its unit.
    pub(crate) unit: &'static str,
    /// The budget that it must keep, by its name in `budgets.toml`.
    pub(crate) budget: Option<&'static str>,
    /// How it was measured, and what else came of it.
    pub(crate) note: String,
}

impl Outcome {
    /// A number that is only told.
    pub(crate) fn new(what: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self {
            what: what.into(),
            value: Ok(value),
            unit,
            budget: None,
            note: String::new(),
        }
    }

    /// A number that could not be had on this machine.
    pub(crate) fn skipped(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            value: Err(why.into()),
            unit: "",
            budget: None,
            note: String::new(),
        }
    }

    /// Holds it to a budget.
    pub(crate) fn budget(mut self, name: &'static str) -> Self {
        self.budget = Some(name);
        self
    }

    /// Adds a note.
    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }
}
