//! Paths and queries, percent-encoded (RFC 3986).

use std::fmt::{Display, Write as _};

use crate::event::EventKind;
use crate::problem::{Problem, ProblemKind};
use crate::{API_VERSION, Timestamp};

use super::error::ClientError;

/// Which lines of a container's output.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogQuery {
    /// Goes on with what comes.
    pub follow: bool,
    /// Not before this.
    pub since: Option<Timestamp>,
    /// Not after this.
    pub until: Option<Timestamp>,
    /// Of what is kept only the last ones.
    pub tail: Option<u64>,
}

impl LogQuery {
    pub(super) fn on(&self, target: Target) -> Target {
        target
            .flag("follow", self.follow)
            .value("since", self.since)
            .value("until", self.until)
            .value("tail", self.tail)
    }
}

/// Which events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventQuery {
    /// Goes on with what happens.
    pub follow: bool,
    /// Not before this.
    pub since: Option<Timestamp>,
    /// Not after this.
    pub until: Option<Timestamp>,
    /// Of this container.
    pub container: Option<String>,
    /// Of this app.
    pub app: Option<String>,
    /// Of this kind.
    pub kind: Option<EventKind>,
}

impl EventQuery {
    pub(super) fn on(&self, target: Target) -> Target {
        let kind = self.kind.and_then(|kind| serde_json::to_value(kind).ok());
        target
            .flag("follow", self.follow)
            .value("since", self.since)
            .value("until", self.until)
            .value("container", self.container.as_deref())
            .value("app", self.app.as_deref())
            .value("kind", kind.as_ref().and_then(|kind| kind.as_str()))
    }
}

/// What is asked for: a path, and a query.
#[derive(Debug)]
pub(super) struct Target(String);

impl Target {
    /// The path of these parts. None of them can be empty: that would be another path.
    pub(super) fn new<const N: usize>(parts: [&str; N]) -> Result<Self, ClientError> {
        let mut text = format!("/{API_VERSION}");
        for part in parts {
            if part.is_empty() {
                return Err(ClientError::Problem(Problem::new(
                    ProblemKind::Invalid,
                    "a name is empty; give the name or the id",
                )));
            }
            text.push('/');
            encode(&mut text, part);
        }
        Ok(Self(text))
    }

    /// The same with `name=true`, if it is.
    pub(super) fn flag(self, name: &str, set: bool) -> Self {
        self.value(name, set.then_some(true))
    }

    /// The same with a value, if there is one.
    pub(super) fn value(mut self, name: &str, value: Option<impl Display>) -> Self {
        if let Some(value) = value {
            let separator = if self.0.contains('?') { '&' } else { '?' };
            // Writing to a string cannot fail.
            let _ = write!(self.0, "{separator}{name}=");
            encode(&mut self.0, &value.to_string());
        }
        self
    }

    /// The same with a value again and again.
    pub(super) fn values(self, name: &str, values: &[String]) -> Self {
        values
            .iter()
            .fold(self, |target, value| target.value(name, Some(value)))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Everything but what RFC 3986 calls unreserved becomes `%XX`.
fn encode(text: &mut String, part: &str) {
    for byte in part.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
}
