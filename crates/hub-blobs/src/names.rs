//! Names: of name spaces, of repositories inside them, and tags. What is a name here can be part of a path.

use std::fmt;
use std::str::FromStr;

use thimble_image::Reference;

/// Characters of a name space at most.
const NAME_SPACE_CHARACTERS_MAX: usize = 64;

/// Why a text is no name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameError {
    /// It is no name space.
    NameSpace,
    /// It is no repository.
    Repository,
    /// It is no tag.
    Tag,
}

/// Whose content it is: nothing crosses from one to another.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NameSpace(String);

/// A repository inside a name space.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Repository(String);

/// A tag of a repository.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(String);

impl NameSpace {
    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Repository {
    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first part of the name, and the rest as a repository of its own.
    #[must_use]
    pub fn split_first(&self) -> Option<(&str, Self)> {
        let (first, rest) = self.0.split_once('/')?;
        Some((first, Self(rest.into())))
    }
}

impl Tag {
    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for NameSpace {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let is_name = text.len() <= NAME_SPACE_CHARACTERS_MAX
            && text.bytes().next().is_some_and(is_word)
            && text.bytes().all(|byte| is_word(byte) || byte == b'-');
        is_name
            .then(|| Self(text.into()))
            .ok_or(NameError::NameSpace)
    }
}

impl FromStr for Repository {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        // The grammar of references decides, behind a registry that leaves it alone.
        let reference: Reference = format!("localhost/{text}")
            .parse()
            .map_err(|_| NameError::Repository)?;
        (reference.repository() == text)
            .then(|| Self(text.into()))
            .ok_or(NameError::Repository)
    }
}

impl FromStr for Tag {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let reference: Reference = "localhost/a".parse().map_err(|_| NameError::Tag)?;
        let reference = reference.with_tag(text).map_err(|_| NameError::Tag)?;
        (reference.tag() == Some(text))
            .then(|| Self(text.into()))
            .ok_or(NameError::Tag)
    }
}

impl fmt::Display for NameSpace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NameSpace => {
                "a name space has up to 64 lower-case letters, digits and dashes, and begins with no dash"
            }
            Self::Repository => {
                "a repository has up to 246 lower-case letters, digits and slashes, with `.`, `_` or `-` between them"
            }
            Self::Tag => {
                "a tag has up to 128 letters, digits, `_`, `.` and `-`, and does not begin with `.` or `-`"
            }
        })
    }
}

impl std::error::Error for NameError {}
