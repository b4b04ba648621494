//! What can be wrong with a document, with the place and what would be right.

use std::borrow::Cow;
use std::fmt;

/// A place in a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line, from 1.
    pub line: usize,
    /// The character in it, from 1.
    pub column: usize,
}

impl Place {
    /// Where a document begins.
    pub const START: Self = Self { line: 1, column: 1 };

    /// Something is wrong here.
    #[must_use]
    pub const fn wrong(self, problem: Problem) -> Wrong {
        Wrong {
            place: self,
            problem,
        }
    }

    /// What stands here is understood and not wanted.
    #[must_use]
    pub fn refused(self, reason: impl Into<Cow<'static, str>>) -> Wrong {
        self.wrong(Problem::Refused {
            reason: reason.into(),
        })
    }

    pub(super) const fn unsupported(self, what: &'static str) -> Wrong {
        self.wrong(Problem::Unsupported { what })
    }
}

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Where.
    pub place: Place,
    /// What.
    pub problem: Problem,
}

/// What is wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// It is not YAML.
    Syntax {
        /// What the parser said.
        reason: String,
    },
    /// It uses a part of YAML that is not wanted.
    Unsupported {
        /// Which.
        what: &'static str,
    },
    /// It is nested too deeply or has too many values.
    TooMuch {
        /// Of what.
        what: &'static str,
        /// How many may be.
        max: usize,
    },
    /// The same key stands twice in a map.
    Duplicate {
        /// The key.
        key: String,
    },
    /// No such key exists.
    UnknownKey {
        /// The key.
        key: String,
        /// The key that was perhaps meant.
        near: Option<&'static str>,
        /// All that would be right.
        known: &'static [&'static str],
    },
    /// A key that must be there is not.
    Missing {
        /// Which, and what it is for.
        key: &'static str,
    },
    /// A value has the wrong form.
    Value {
        /// Its key.
        key: String,
        /// What would be right.
        expected: Cow<'static, str>,
    },
    /// It is understood and not wanted.
    Refused {
        /// Why, and what would be right.
        reason: Cow<'static, str>,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax { reason } => write!(formatter, "it is not YAML: {reason}"),
            Self::Unsupported { what } => {
                write!(formatter, "{what} are not allowed; write the value itself")
            }
            Self::TooMuch { what, max } => write!(formatter, "there may be at most {max} {what}"),
            Self::Duplicate { key } => write!(formatter, "`{key}` stands here twice; one must go"),
            Self::UnknownKey { key, near, known } => {
                write!(formatter, "unknown key `{key}`; ")?;
                match near {
                    Some(near) => write!(formatter, "did you mean `{near}`?"),
                    None => write!(formatter, "keys here are {}", known.join(", ")),
                }
            }
            Self::Missing { key } => write!(formatter, "{key} is missing"),
            Self::Value { key, expected } => write!(formatter, "`{key}` must be {expected}"),
            Self::Refused { reason } => formatter.write_str(reason),
        }
    }
}
