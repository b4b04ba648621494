//! Ids and names of containers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thimble_device_api::{Problem, ProblemKind};

/// Characters of a name at most: what fits into a file name with room for more.
pub(crate) const NAME_CHARS_MAX: usize = 128;

/// A container's id: 64 random bits, written as 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Id(u64);

impl Id {
    /// The id with this number.
    #[must_use]
    pub(crate) const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub(crate) const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

/// A text is not an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotAnId;

impl fmt::Display for NotAnId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an id has 16 hexadecimal digits")
    }
}

impl std::error::Error for NotAnId {}

impl FromStr for Id {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() != 16 || !text.bytes().all(is_digit) {
            return Err(NotAnId);
        }
        u64::from_str_radix(text, 16).map(Self).map_err(|_| NotAnId)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// Checks the name of a container or volume.
///
/// # Errors
/// A problem that says what a name may be.
pub(crate) fn check_name(what: &'static str, name: &str) -> Result<(), Problem> {
    let allowed =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
    let fits = (1..=NAME_CHARS_MAX).contains(&name.len())
        && !name.starts_with('.')
        && name.chars().all(allowed);
    if fits {
        return Ok(());
    }
    Err(Problem::new(
        ProblemKind::Invalid,
        format_args!(
            "{what} {name:?}: a name has 1 to {NAME_CHARS_MAX} characters of a-z, 0-9, `.`, `_` and `-`, and does not begin with a dot"
        ),
    ))
}

/// Checks the name of an app, or of a container within one: the dot between both must be the only one.
///
/// # Errors
/// A problem that says what a name may be.
pub(crate) fn check_app_name(what: &'static str, name: &str) -> Result<(), Problem> {
    if name.contains('.') || name.len() > NAME_CHARS_MAX / 2 {
        return Err(Problem::new(
            ProblemKind::Invalid,
            format_args!(
                "{what} {name:?}: a name within apps has 1 to {} characters of a-z, 0-9, `_` and `-`",
                NAME_CHARS_MAX / 2
            ),
        ));
    }
    check_name(what, name)
}
