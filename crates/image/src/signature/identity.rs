//! Whom a trust policy trusts among those whom a certificate authority vouches for (trusted identities).

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString as _};
use core::fmt;
use core::str::FromStr as _;

use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::oid::db::rfc4519;
use x509_cert::name::Name;

use super::name;

/// Bytes of an identity at most.
const IDENTITY_BYTES_MAX: usize = 2048;
const SUBJECT_PREFIX: &str = "x509.subject:";
/// What an identity must state.
const REQUIRED: [(&str, ObjectIdentifier); 3] =
    [("C", rfc4519::C), ("ST", rfc4519::ST), ("O", rfc4519::O)];

/// Who may have signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Anybody,
    /// What the subject of the signer's certificate must state.
    Subject(BTreeMap<ObjectIdentifier, String>),
}

/// Why a text is not an identity. The policy is at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdentityError {
    /// It is too long.
    TooLong {
        /// How many bytes it may have.
        bytes_max: usize,
    },
    /// It is neither `*` nor begins with `x509.subject:`.
    Kind,
    /// A part is not `NAME=VALUE`, or its name is not known.
    Component {
        /// Which.
        text: String,
    },
    /// A name is there twice.
    Duplicate {
        /// The part that repeats it.
        text: String,
    },
    /// Something that must be stated is not.
    Incomplete {
        /// Which name is missing.
        missing: &'static str,
    },
}

impl Identity {
    /// Anybody for whom a trusted certificate authority vouches.
    pub const ANYBODY: Self = Self(Kind::Anybody);

    /// Reads `*` or `x509.subject: C=…, ST=…, O=…`, with more parts if wanted.
    ///
    /// # Errors
    /// [`IdentityError`] says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, IdentityError> {
        if text == "*" {
            return Ok(Self::ANYBODY);
        }
        if text.len() > IDENTITY_BYTES_MAX {
            return Err(IdentityError::TooLong {
                bytes_max: IDENTITY_BYTES_MAX,
            });
        }
        let subject = text
            .strip_prefix(SUBJECT_PREFIX)
            .ok_or(IdentityError::Kind)?;
        let mut stated = BTreeMap::new();
        for component in split_components(subject) {
            let (identifier, value) =
                read_component(component).ok_or_else(|| IdentityError::Component {
                    text: component.into(),
                })?;
            if stated.insert(identifier, value).is_some() {
                return Err(IdentityError::Duplicate {
                    text: component.into(),
                });
            }
        }
        match REQUIRED.iter().find(|(_, it)| !stated.contains_key(it)) {
            Some((missing, _)) => Err(IdentityError::Incomplete { missing }),
            None => Ok(Self(Kind::Subject(stated))),
        }
    }

    /// Whether it is anybody.
    #[must_use]
    pub const fn is_anybody(&self) -> bool {
        matches!(self.0, Kind::Anybody)
    }

    /// Whether whoever is meant by `other` is meant by this as well.
    pub(super) fn covers(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Kind::Anybody, _) => true,
            (Kind::Subject(_), Kind::Anybody) => false,
            (Kind::Subject(mine), Kind::Subject(theirs)) => mine
                .iter()
                .all(|(identifier, value)| theirs.get(identifier) == Some(value)),
        }
    }

    /// Whether a subject states all that it must. What it states twice counts as not stated: nobody could say
    /// which of the two is meant.
    pub(super) fn accepts(&self, subject: &Name) -> bool {
        let Kind::Subject(stated) = &self.0 else {
            return true;
        };
        stated.iter().all(|(identifier, value)| {
            let mut found = subject.iter().filter(|it| it.oid == *identifier);
            match (found.next(), found.next()) {
                (Some(only), None) => name::value_text(&only.value) == Some(value),
                _ => false,
            }
        })
    }
}

/// Splits at commas that are not escaped.
fn split_components(text: &str) -> impl Iterator<Item = &str> {
    let mut is_escaped = false;
    text.split(move |character| {
        let is_separator = character == ',' && !is_escaped;
        is_escaped = character == '\\' && !is_escaped;
        is_separator
    })
}

fn read_component(text: &str) -> Option<(ObjectIdentifier, String)> {
    let text = text.trim_start();
    // A space at the end counts only if it is escaped.
    let trimmed = text.trim_end_matches(' ');
    let is_escaped = trimmed.bytes().rev().take_while(|it| *it == b'\\').count() % 2 == 1;
    let end = trimmed.len() + usize::from(is_escaped && trimmed.len() < text.len());
    let (key, value) = text.get(..end)?.split_once('=')?;
    let key = key.trim_end();
    // The name that some tools write for state or province.
    let key = if key.eq_ignore_ascii_case("S") {
        "ST"
    } else {
        key
    };
    // More than one name in a component is more than anybody needs here.
    if value.is_empty() || value.starts_with('#') || has_unescaped_plus(value) {
        return None;
    }
    let parsed = AttributeTypeAndValue::from_str(&alloc::format!("{key}={value}")).ok()?;
    Some((parsed.oid, name::value_text(&parsed.value)?.to_string()))
}

fn has_unescaped_plus(value: &str) -> bool {
    let mut is_escaped = false;
    value.chars().any(|character| {
        let found = character == '+' && !is_escaped;
        is_escaped = character == '\\' && !is_escaped;
        found
    })
}

impl fmt::Display for IdentityError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { bytes_max } => {
                write!(
                    formatter,
                    "a trusted identity has at most {bytes_max} bytes"
                )
            }
            Self::Kind => {
                formatter.write_str("a trusted identity is `*` or begins with `x509.subject:`")
            }
            Self::Component { text } => write!(
                formatter,
                "`{}` in a trusted identity is not `NAME=VALUE` with a name that is known",
                text.escape_debug()
            ),
            Self::Duplicate { text } => write!(
                formatter,
                "`{}` in a trusted identity repeats a name",
                text.escape_debug()
            ),
            Self::Incomplete { missing } => write!(
                formatter,
                "a trusted identity must state C, ST and O, and {missing} is missing"
            ),
        }
    }
}

impl core::error::Error for IdentityError {}
