//! What a figure gives.

use std::borrow::Cow;

/// One line of a figure.
pub struct Outcome {
    /// What was measured.
    pub what: String,
    /// The number, or why there is none.
    pub value: Result<f64, String>,
    /// Its unit.
    pub unit: &'static str,
    /// The budget that it must keep, by its name in `budgets.toml`.
    pub budget: Option<Cow<'static, str>>,
    /// How it was measured, and what else came of it.
    pub note: String,
}

impl Outcome {
    /// A number that is only told.
    #[must_use]
    pub fn new(what: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self {
            what: what.into(),
            value: Ok(value),
            unit,
            budget: None,
            note: String::new(),
        }
    }

    /// A number that could not be had on this machine.
    #[must_use]
    pub fn skipped(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            value: Err(why.into()),
            unit: "",
            budget: None,
            note: String::new(),
        }
    }

    /// Holds it to a budget.
    #[must_use]
    pub fn budget(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.budget = Some(name.into());
        self
    }

    /// Adds a note.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }
}
