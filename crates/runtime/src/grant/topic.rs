//! Topics and topic filters, with MQTT's rules (MQTT 5.0, section 4.7).

use alloc::sync::Arc;
use core::fmt;

/// Bytes of a topic or filter.
pub(crate) const TOPIC_BYTES_MAX: usize = 1024;

/// A filter that topics can match: levels divided by `/`, `+` for any one level, `#` for all that follow. A clone is the
/// same text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TopicFilter(Arc<str>);

/// What is wrong with a topic or filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TopicError {
    /// It is empty.
    Empty,
    /// It has more than 1024 bytes.
    TooLong,
    /// It holds a NUL.
    Nul,
    /// `+` or `#` does not stand alone in its level, or `#` is not the last.
    Wildcard,
}

impl fmt::Display for TopicError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Empty => "it is empty",
            Self::TooLong => "it has more than 1024 bytes",
            Self::Nul => "it holds a NUL",
            Self::Wildcard => {
                "`+` and `#` must stand alone between slashes, and `#` only at the end"
            }
        })
    }
}

impl core::error::Error for TopicError {}

/// Checks a topic that is published on.
///
/// # Errors
/// [`TopicError`] when it is not one.
pub fn check_topic(topic: &str) -> Result<(), TopicError> {
    check_text(topic)?;
    if topic.contains(['+', '#']) {
        Err(TopicError::Wildcard)
    } else {
        Ok(())
    }
}

fn check_text(text: &str) -> Result<(), TopicError> {
    match text {
        "" => Err(TopicError::Empty),
        _ if text.len() > TOPIC_BYTES_MAX => Err(TopicError::TooLong),
        _ if text.contains('\0') => Err(TopicError::Nul),
        _ => Ok(()),
    }
}

impl TopicFilter {
    /// Reads a filter.
    ///
    /// # Errors
    /// [`TopicError`] when it is not one.
    pub fn parse(text: &str) -> Result<Self, TopicError> {
        check_text(text)?;
        let mut levels = text.split('/').peekable();
        while let Some(level) = levels.next() {
            let last = levels.peek().is_none();
            if (level.contains('#') && !(level == "#" && last))
                || (level.contains('+') && level != "+")
            {
                return Err(TopicError::Wildcard);
            }
        }
        Ok(Self(text.into()))
    }

    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a topic matches. Wildcards at the beginning do not match topics that begin with `$`.
    #[must_use]
    pub fn matches(&self, topic: &str) -> bool {
        if topic.starts_with('$') && self.0.starts_with(['+', '#']) {
            return false;
        }
        let mut levels = topic.split('/');
        for pattern in self.0.split('/') {
            match (pattern, levels.next()) {
                ("#", _) | ("+", Some(_)) => {}
                (pattern, Some(level)) if pattern == level => {}
                _ => return false,
            }
            if pattern == "#" {
                return true;
            }
        }
        levels.next().is_none()
    }

    /// Whether every topic that `other` matches is matched by this one too.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        if other.0.starts_with('$') && self.0.starts_with(['+', '#']) {
            return false;
        }
        // Alone, `#` matches nothing without a first level, unlike behind other levels.
        if &*other.0 == "#" && &*self.0 == "+/#" {
            return true;
        }
        let mut theirs = other.0.split('/');
        for mine in self.0.split('/') {
            match (mine, theirs.next()) {
                ("#", _) => return true,
                ("+", Some(level)) if level != "#" => {}
                (mine, Some(level)) if mine == level => {}
                _ => return false,
            }
        }
        theirs.next().is_none()
    }
}

impl fmt::Display for TopicFilter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}
