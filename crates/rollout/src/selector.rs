//! Selectors: which devices, by their labels.
//!
//! As in Kubernetes: requirements with commas between them, all of which must hold. `KEY=VALUE`, `KEY!=VALUE`,
//! `KEY in (A,B)`, `KEY notin (A,B)`, `KEY`, `!KEY`. A value with other characters than letters, digits and `-_./:` stands in
//! double quotes. An empty selector picks every device. `!=` and `notin` also pick devices that have no such label.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::label::{Labels, is_word_character};

mod parse;

/// Bytes of a selector's text at most.
pub const TEXT_BYTES_MAX: usize = 4096;
/// Requirements of a selector at most.
pub const REQUIREMENTS_MAX: usize = 16;
/// Values of one requirement at most.
pub const VALUES_MAX: usize = 64;

/// Which devices, by their labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector(Vec<Requirement>);

/// One thing that must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    key: String,
    test: Test,
}

/// What must hold of a label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// There is such a label.
    Exists,
    /// There is none.
    Absent,
    /// Its value is one of these.
    In(Vec<String>),
    /// There is none, or its value is none of these.
    NotIn(Vec<String>),
}

/// Why a text is no selector, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectorError {
    /// The character, counted from 1, at which it went wrong.
    pub position: usize,
    /// What went wrong.
    pub fault: SelectorFault,
}

/// Why a text is no selector.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SelectorFault {
    /// Something else was expected here.
    Expected {
        /// What.
        expected: &'static str,
        /// The character that is here, if the text does not end here.
        found: Option<char>,
    },
    /// A quote has no end.
    OpenQuote,
    /// The text is too long.
    TooLong {
        /// Its bytes.
        bytes: usize,
    },
    /// There are too many requirements.
    TooManyRequirements,
    /// A requirement has too many values.
    TooManyValues,
    /// The key or a value is too long.
    WordTooLong {
        /// Its bytes.
        bytes: usize,
        /// Bytes at most.
        bytes_max: usize,
    },
}

impl Requirement {
    /// Returns the label's key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Returns what must hold of it.
    #[must_use]
    pub const fn test(&self) -> &Test {
        &self.test
    }

    /// Says whether it holds of these labels.
    #[must_use]
    pub fn matches(&self, labels: &Labels) -> bool {
        let value = labels.value(&self.key);
        match &self.test {
            Test::Exists => value.is_some(),
            Test::Absent => value.is_none(),
            Test::In(values) => value.is_some_and(|value| values.iter().any(|one| one == value)),
            Test::NotIn(values) => value.is_none_or(|value| values.iter().all(|one| one != value)),
        }
    }
}

impl Selector {
    /// Reads a selector.
    ///
    /// # Errors
    ///
    /// When the text is none: where it went wrong, and what was expected there.
    pub fn parse(text: &str) -> Result<Self, SelectorError> {
        parse::selector(text).map(Self)
    }

    /// Says whether it picks a device with these labels.
    #[must_use]
    pub fn matches(&self, labels: &Labels) -> bool {
        self.0.iter().all(|requirement| requirement.matches(labels))
    }

    /// Returns what must hold, all of it.
    #[must_use]
    pub fn requirements(&self) -> &[Requirement] {
        &self.0
    }
}

impl core::str::FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        Self::parse(text)
    }
}

/// Writes a value, in quotes where it needs them.
fn write_value(value: &str, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    if !value.is_empty() && value.chars().all(is_word_character) {
        formatter.write_str(value)
    } else {
        write!(formatter, "\"{value}\"")
    }
}

/// Writes values in parentheses.
fn write_values(values: &[String], formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
    formatter.write_str("(")?;
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            formatter.write_str(",")?;
        }
        write_value(value, formatter)?;
    }
    formatter.write_str(")")
}

impl fmt::Display for Requirement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        match &self.test {
            Test::Exists => formatter.write_str(key),
            Test::Absent => write!(formatter, "!{key}"),
            Test::In(values) if values.len() == 1 => {
                write!(formatter, "{key}=")?;
                values
                    .iter()
                    .try_for_each(|value| write_value(value, formatter))
            }
            Test::NotIn(values) if values.len() == 1 => {
                write!(formatter, "{key}!=")?;
                values
                    .iter()
                    .try_for_each(|value| write_value(value, formatter))
            }
            Test::In(values) => {
                write!(formatter, "{key} in ")?;
                write_values(values, formatter)
            }
            Test::NotIn(values) => {
                write!(formatter, "{key} notin ")?;
                write_values(values, formatter)
            }
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, requirement) in self.0.iter().enumerate() {
            if index > 0 {
                formatter.write_str(",")?;
            }
            write!(formatter, "{requirement}")?;
        }
        Ok(())
    }
}

impl fmt::Display for SelectorFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expected {
                expected,
                found: Some(found),
            } => write!(formatter, "expected {expected}, found {found:?}"),
            Self::Expected {
                expected,
                found: None,
            } => write!(formatter, "expected {expected}, but the selector ends"),
            Self::OpenQuote => formatter.write_str("this quote has no end"),
            Self::TooLong { bytes } => write!(
                formatter,
                "a selector of {bytes} bytes is too long: {TEXT_BYTES_MAX} at most"
            ),
            Self::TooManyRequirements => {
                write!(formatter, "more than {REQUIREMENTS_MAX} requirements")
            }
            Self::TooManyValues => write!(formatter, "more than {VALUES_MAX} values"),
            Self::WordTooLong { bytes, bytes_max } => {
                write!(formatter, "{bytes} bytes are too long: {bytes_max} at most")
            }
        }
    }
}

impl fmt::Display for SelectorError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "at character {}: {}", self.position, self.fault)
    }
}

impl core::error::Error for SelectorError {}

#[cfg(test)]
mod tests;
