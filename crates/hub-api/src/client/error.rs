//! Why the hub did not do what was asked.

use std::error::Error;
use std::fmt;

use crate::problem::{Problem, ProblemKind};

/// Why a call did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientError {
    /// The settings cannot be used: what is wrong with them.
    Settings(String),
    /// The hub was not reached; whether it did what was asked is not known.
    Unreachable {
        /// Which hub.
        hub: String,
        /// Why.
        reason: String,
    },
    /// The hub refused.
    Refused(Box<Problem>),
    /// Whatever answered does not speak like a hub.
    NotAHub {
        /// The HTTP status.
        status: u16,
    },
    /// The answer cannot be understood.
    Answer(String),
}

impl ClientError {
    /// The problem that the hub told.
    #[must_use]
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Refused(problem) => Some(problem),
            _ => None,
        }
    }

    /// Whether the hub said that there is nothing of that name.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.problem()
            .is_some_and(|problem| problem.kind == ProblemKind::NotFound)
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settings(reason) => formatter.write_str(reason),
            Self::Unreachable { hub, reason } => write!(
                formatter,
                "the hub at {hub} was not reached: {reason}; check the address and the network, and \
                 whose certificates are believed"
            ),
            Self::Refused(problem) => problem.fmt(formatter),
            Self::NotAHub { status } => write!(
                formatter,
                "what answered with status {status} is not a hub; check the address, and whether something stands in between"
            ),
            Self::Answer(reason) => write!(
                formatter,
                "the hub's answer cannot be understood: {reason}; the hub and this program may be of different versions"
            ),
        }
    }
}

impl Error for ClientError {}

/// An error and what caused it, in one line.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut below = error.source();
    while let Some(cause) = below {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        below = cause.source();
    }
    text
}
