//! Names of images: `[registry/]repository[:tag][@digest]`, completed as Docker does.

use alloc::string::{String, ToString};
use core::fmt;
use core::str::FromStr;

use crate::digest::{Digest, DigestError};

/// The registry of a name without one.
pub const DEFAULT_REGISTRY: &str = "docker.io";
/// The folder of the default registry in which a name without a folder lies.
const DEFAULT_FOLDER: &str = "library/";
/// The tag of a name without tag and digest.
pub const DEFAULT_TAG: &str = "latest";
/// Characters of a name at most, tag and digest not counted (distribution's reference grammar).
const NAME_CHARACTERS_MAX: usize = 255;
/// Characters of a tag at most.
const TAG_CHARACTERS_MAX: usize = 128;

/// The name of an image. Complete: the registry is always there, and a tag or a digest.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// Why a text is not the name of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReferenceError {
    /// There is nothing.
    Empty,
    /// The name has upper-case letters.
    UpperCase,
    /// The name is too long.
    TooLong,
    /// The registry is no `HOST[:PORT]`.
    Registry,
    /// The repository has characters that names cannot have.
    Repository,
    /// The tag has characters that tags cannot have, or is too long.
    Tag,
    /// The digest is wrong.
    Digest(DigestError),
    /// It begins like a URL.
    Url,
}

impl Reference {
    /// The registry: `HOST[:PORT]`.
    #[must_use]
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The repository inside the registry.
    #[must_use]
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag, if it has one.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, if it has one. It counts more than the tag.
    #[must_use]
    pub const fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// Registry and repository, without tag and digest: the scope of trust policies.
    #[must_use]
    pub fn name(&self) -> String {
        alloc::format!("{}/{}", self.registry, self.repository)
    }

    /// The same image by its digest alone.
    #[must_use]
    pub fn with_digest(&self, digest: Digest) -> Self {
        Self {
            tag: None,
            digest: Some(digest),
            ..self.clone()
        }
    }

    /// The same repository with another tag.
    ///
    /// # Errors
    /// [`ReferenceError::Tag`] if it is no tag.
    pub fn with_tag(&self, tag: &str) -> Result<Self, ReferenceError> {
        if !is_tag(tag) {
            return Err(ReferenceError::Tag);
        }
        Ok(Self {
            tag: Some(tag.into()),
            digest: None,
            ..self.clone()
        })
    }

    /// As people write it: without what [`Reference::from_str`] would add, the default tag excepted.
    #[must_use]
    pub fn familiar(&self) -> String {
        let full = self.to_string();
        let Some(rest) = full
            .strip_prefix(DEFAULT_REGISTRY)
            .and_then(|rest| rest.strip_prefix('/'))
        else {
            return full;
        };
        rest.strip_prefix(DEFAULT_FOLDER).unwrap_or(rest).into()
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if text.is_empty() {
            return Err(ReferenceError::Empty);
        }
        if text.contains("://") {
            return Err(ReferenceError::Url);
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse().map_err(ReferenceError::Digest)?)),
            None => (text, None),
        };
        // A colon after the last slash begins a tag; one before it belongs to the registry's port.
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (rest, None),
        };
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(ReferenceError::Tag);
        }
        let (registry, repository) = split_name(name);
        if !is_registry(registry) {
            return Err(ReferenceError::Registry);
        }
        let repository = if registry == DEFAULT_REGISTRY && !repository.contains('/') {
            alloc::format!("{DEFAULT_FOLDER}{repository}")
        } else {
            repository.to_string()
        };
        if repository.len() + registry.len() > NAME_CHARACTERS_MAX {
            return Err(ReferenceError::TooLong);
        }
        if repository.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(ReferenceError::UpperCase);
        }
        if !repository.split('/').all(is_path_component) {
            return Err(ReferenceError::Repository);
        }
        let tag = match (tag, &digest) {
            (None, None) => Some(DEFAULT_TAG),
            (tag, _) => tag,
        };
        Ok(Self {
            registry: registry.into(),
            repository,
            tag: tag.map(Into::into),
            digest,
        })
    }
}

/// Registry and repository: the first part is a registry if it has a dot or a port, or is `localhost`.
fn split_name(name: &str) -> (&str, &str) {
    match name.split_once('/') {
        Some((first, rest))
            if first.contains(['.', ':', '['])
                || first == "localhost"
                || first.bytes().any(|byte| byte.is_ascii_uppercase()) =>
        {
            let registry = if first == "index.docker.io" {
                DEFAULT_REGISTRY
            } else {
                first
            };
            (registry, rest)
        }
        _ => (DEFAULT_REGISTRY, name),
    }
}

fn is_registry(registry: &str) -> bool {
    let is_port = |port: &str| {
        (1..=5).contains(&port.len())
            && port.bytes().all(|byte| byte.is_ascii_digit())
            && port.parse::<u16>().is_ok_and(|port| port > 0)
    };
    if let Some(rest) = registry.strip_prefix('[') {
        return rest.split_once(']').is_some_and(|(address, port)| {
            address.parse::<core::net::Ipv6Addr>().is_ok()
                && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
        });
    }
    let (host, port) = match registry.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (registry, None),
    };
    let is_label = |label: &str| {
        let is_edge = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
        is_edge(label.bytes().next())
            && is_edge(label.bytes().last())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    host.split('.').all(is_label) && port.is_none_or(is_port)
}

/// Letters and digits, with one dot, one or two underscores or any number of dashes between them.
fn is_path_component(component: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let mut separator = String::new();
    let mut has_word = false;
    for byte in component.bytes() {
        if is_word(byte) {
            let is_legal = separator.is_empty()
                || has_word
                    && (matches!(separator.as_str(), "." | "_" | "__")
                        || separator.bytes().all(|byte| byte == b'-'));
            if !is_legal {
                return false;
            }
            separator.clear();
            has_word = true;
        } else if b"._-".contains(&byte) {
            separator.push(char::from(byte));
        } else {
            return false;
        }
    }
    has_word && separator.is_empty()
}

fn is_tag(tag: &str) -> bool {
    let mut bytes = tag.bytes();
    tag.len() <= TAG_CHARACTERS_MAX
        && bytes
            .next()
            .is_some_and(|first| first.is_ascii_alphanumeric() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(formatter, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(formatter, "@{digest}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for ReferenceError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Empty => "the name of the image is missing",
            Self::UpperCase => "the names of images are lower-case",
            Self::TooLong => "the name of an image has at most 255 characters",
            Self::Registry => "before the first slash stands the registry, HOST or HOST:PORT",
            Self::Repository => {
                "the name of an image has lower-case letters, digits and slashes, with `.`, `_` or `-` between them"
            }
            Self::Tag => {
                "a tag has up to 128 letters, digits, `_`, `.` and `-`, and does not begin with `.` or `-`"
            }
            Self::Digest(error) => return error.fmt(formatter),
            Self::Url => "the name of an image has no `http://` or `https://` before it",
        };
        formatter.write_str(text)
    }
}

impl core::error::Error for ReferenceError {}
