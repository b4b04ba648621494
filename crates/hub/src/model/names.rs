//! The rules that names obey.

use std::collections::BTreeMap;
use std::fmt;

/// Characters of a name at most: what a label of a domain name has.
pub const NAME_CHARACTERS_MAX: usize = 63;
/// Characters of a user's name at most.
pub const USER_CHARACTERS_MAX: usize = 128;
/// Characters of a label's key or value at most.
pub const LABEL_CHARACTERS_MAX: usize = 128;
/// Labels of a device at most.
pub const LABELS_MAX: usize = 64;

/// A text that is not what belongs there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongName {
    what: &'static str,
    given: String,
    rule: String,
}

impl WrongName {
    fn new(what: &'static str, given: &str, rule: impl Into<String>) -> Self {
        Self {
            what,
            given: given.chars().take(160).collect(),
            rule: rule.into(),
        }
    }
}

impl fmt::Display for WrongName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} cannot be `{}`: {}",
            self.what,
            self.given.escape_debug(),
            self.rule
        )
    }
}

impl std::error::Error for WrongName {}

/// A name of a tenant, an app, a deployment: 1 to 63 of a-z, 0-9 and `-`, with a letter or digit at both ends.
///
/// # Errors
/// [`WrongName`] says the rule.
pub fn name(what: &'static str, text: &str) -> Result<(), WrongName> {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_right = (1..=NAME_CHARACTERS_MAX).contains(&text.len())
        && text.bytes().all(is_inner)
        && !text.starts_with('-')
        && !text.ends_with('-');
    // An id must never be taken for a name.
    let is_id = text.len() == 36 && text.bytes().filter(|byte| *byte == b'-').count() == 4;
    if is_right && !is_id {
        return Ok(());
    }
    Err(WrongName::new(
        what,
        text,
        format!(
            "it has 1 to {NAME_CHARACTERS_MAX} of a-z, 0-9 and `-`, begins and ends with a letter or digit, and is not an id"
        ),
    ))
}

/// A name of a local user: 1 to 128 printable characters without spaces, `:` and `/`.
///
/// # Errors
/// [`WrongName`] says the rule.
pub fn user(text: &str) -> Result<(), WrongName> {
    let is_right = |letter: char| {
        !letter.is_whitespace() && !letter.is_control() && !matches!(letter, ':' | '/' | '?' | '#')
    };
    if (1..=USER_CHARACTERS_MAX).contains(&text.chars().count()) && text.chars().all(is_right) {
        return Ok(());
    }
    Err(WrongName::new(
        "the user's name",
        text,
        format!(
            "it has 1 to {USER_CHARACTERS_MAX} printable characters without spaces, `:`, `/`, `?` and `#`"
        ),
    ))
}

/// Words for people: one line, not too long.
///
/// # Errors
/// [`WrongName`] says the rule.
pub fn words(what: &'static str, text: &str, characters_max: usize) -> Result<(), WrongName> {
    let characters = text.chars().count();
    if characters <= characters_max && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(WrongName::new(
        what,
        text,
        format!("it is one line of at most {characters_max} characters"),
    ))
}

/// A name of a device: printable, without `/`, not empty.
///
/// # Errors
/// [`WrongName`] says the rule.
pub fn device(text: &str) -> Result<(), WrongName> {
    let is_right = |letter: char| !letter.is_control() && letter != '/';
    if (1..=USER_CHARACTERS_MAX).contains(&text.chars().count())
        && text.chars().all(is_right)
        && text.trim() == text
    {
        return Ok(());
    }
    Err(WrongName::new(
        "the device's name",
        text,
        format!(
            "it has 1 to {USER_CHARACTERS_MAX} printable characters, no `/`, and no space at its ends"
        ),
    ))
}

/// A label that an operator gives.
///
/// # Errors
/// [`WrongName`] says the rule.
pub fn label(key: &str, value: &str) -> Result<(), WrongName> {
    if key.starts_with("device/") {
        return Err(WrongName::new(
            "the label",
            key,
            "`device/…` is what devices say of themselves",
        ));
    }
    let is_key =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/');
    if !(1..=LABEL_CHARACTERS_MAX).contains(&key.len()) || !key.bytes().all(is_key) {
        return Err(WrongName::new(
            "the label's key",
            key,
            format!("it has 1 to {LABEL_CHARACTERS_MAX} of a-z, A-Z, 0-9, `-`, `_`, `.` and `/`"),
        ));
    }
    let is_value = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'_' | b'.' | b'/' | b':' | b'@' | b'+')
    };
    if value.len() > LABEL_CHARACTERS_MAX || !value.bytes().all(is_value) {
        return Err(WrongName::new(
            "the label's value",
            value,
            format!(
                "it has at most {LABEL_CHARACTERS_MAX} of a-z, A-Z, 0-9, `-`, `_`, `.`, `/`, `:`, `@` and `+`"
            ),
        ));
    }
    Ok(())
}

/// Labels that a device cannot have.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WrongLabels {
    /// There are too many.
    TooMany {
        /// How many.
        count: usize,
    },
    /// One of them is none.
    Wrong(WrongName),
}

impl fmt::Display for WrongLabels {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany { count } => {
                write!(formatter, "{count} labels: {LABELS_MAX} are possible")
            }
            Self::Wrong(wrong) => wrong.fmt(formatter),
        }
    }
}

impl std::error::Error for WrongLabels {}

/// All labels of a device that an operator gives.
///
/// # Errors
/// [`WrongLabels`]: there are too many, or one is none.
pub fn labels<K: AsRef<str>, V: AsRef<str>>(labels: &BTreeMap<K, V>) -> Result<(), WrongLabels> {
    if labels.len() > LABELS_MAX {
        let count = labels.len();
        return Err(WrongLabels::TooMany { count });
    }
    for (key, value) in labels {
        label(key.as_ref(), value.as_ref()).map_err(WrongLabels::Wrong)?;
    }
    Ok(())
}
