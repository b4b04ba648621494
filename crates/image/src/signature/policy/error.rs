//! What can be wrong with a policy.

use alloc::string::String;
use core::fmt;

use super::super::identity::IdentityError;

/// Why a policy cannot be applied. Whoever wrote it is at fault; until it is right, nothing is trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PolicyError {
    /// It has too many bytes.
    TooLarge {
        /// How many it has.
        bytes: usize,
        /// How many it may have.
        bytes_max: usize,
    },
    /// It is not JSON of the right shape.
    Malformed {
        /// What the parser said.
        reason: String,
    },
    /// It has another version.
    Version {
        /// Which.
        found: String,
    },
    /// It has no statement.
    Empty,
    /// It has too many statements.
    TooManyStatements {
        /// How many it may have.
        max: usize,
    },
    /// One of its statements is wrong.
    Statement {
        /// Its place; the first is 1.
        number: usize,
        /// Its name.
        name: String,
        /// What is wrong with it.
        error: StatementError,
    },
}

/// What is wrong with a statement of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StatementError {
    /// Its name is empty, or another one's.
    Name,
    /// It has no scope.
    NoScope,
    /// A scope is not one.
    Scope {
        /// What it is.
        found: String,
    },
    /// It covers everything and names other scopes too.
    EverythingAndMore,
    /// A scope is covered already.
    ScopeTwice {
        /// Which.
        scope: String,
    },
    /// Its level is not known.
    Level {
        /// What it is.
        found: String,
    },
    /// It overrides what is not known, or in a way that is not.
    Override {
        /// What it overrides.
        check: String,
        /// With what.
        action: String,
    },
    /// It skips and overrides.
    SkipOverride,
    /// It skips everything.
    SkipEverything,
    /// It skips and says whom it trusts.
    SkipWithTrust,
    /// It names no trust store.
    NoTrustStore,
    /// The name of a trust store is wrong.
    TrustStore {
        /// What it is.
        found: String,
    },
    /// It names no identity.
    NoIdentity,
    /// An identity is wrong.
    Identity(IdentityError),
    /// Two identities mean the same.
    IdentityOverlap {
        /// The second one.
        text: String,
    },
    /// It has too much of something.
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many it may have.
        max: usize,
    },
}

impl fmt::Display for PolicyError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { bytes, bytes_max } => write!(
                formatter,
                "a trust policy has at most {bytes_max} bytes, and this has {bytes}"
            ),
            Self::Malformed { reason } => write!(formatter, "it is not a trust policy: {reason}"),
            Self::Version { found } => write!(
                formatter,
                "trust policies of version `{}` are not known, only of version 1.0",
                found.escape_debug()
            ),
            Self::Empty => formatter.write_str("the trust policy has no statement; add one"),
            Self::TooManyStatements { max } => {
                write!(formatter, "a trust policy has at most {max} statements")
            }
            Self::Statement { number, name, .. } => write!(
                formatter,
                "statement {number} of the trust policy, `{}`, is wrong",
                name.escape_debug()
            ),
        }
    }
}

impl core::error::Error for PolicyError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Statement { error, .. } => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for StatementError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => formatter.write_str("it needs a name of its own"),
            Self::NoScope => formatter.write_str("it needs a scope: REGISTRY/REPOSITORY, or `*`"),
            Self::Scope { found } => write!(
                formatter,
                "`{}` is no scope; write REGISTRY/REPOSITORY without a tag, `*` or `file`",
                found.escape_debug()
            ),
            Self::EverythingAndMore => {
                formatter.write_str("the scope `*` covers everything and must stand alone")
            }
            Self::ScopeTwice { scope } => {
                write!(
                    formatter,
                    "the scope `{}` is covered already",
                    scope.escape_debug()
                )
            }
            Self::Level { found } => write!(
                formatter,
                "the level `{}` is not known; write strict, permissive, audit or skip",
                found.escape_debug()
            ),
            Self::Override { check, action } => write!(
                formatter,
                "`{}` cannot be overridden with `{}`; authenticity, authenticTimestamp and expiry can, with enforce or log",
                check.escape_debug(),
                action.escape_debug()
            ),
            Self::SkipOverride => formatter.write_str("the level skip leaves nothing to override"),
            Self::SkipEverything => formatter.write_str(
                "the level skip needs scopes by name; write audit to let everything pass",
            ),
            Self::SkipWithTrust => formatter.write_str(
                "the level skip looks at no signature, so it has no trust stores and identities",
            ),
            Self::NoTrustStore => formatter.write_str("it needs a trust store, as in `ca:NAME`"),
            Self::TrustStore { found } => write!(
                formatter,
                "`{}` is no trust store; write `ca:NAME` or `signingAuthority:NAME`",
                found.escape_debug()
            ),
            Self::NoIdentity => formatter
                .write_str("it needs a trusted identity, `*` or `x509.subject: C=…, ST=…, O=…`"),
            Self::Identity(_) => formatter.write_str("a trusted identity is wrong"),
            Self::IdentityOverlap { text } => write!(
                formatter,
                "the trusted identity `{}` overlaps with another one; leave one of them out",
                text.escape_debug()
            ),
            Self::TooMany { what, max } => write!(formatter, "it has more than {max} {what}"),
        }
    }
}

impl core::error::Error for StatementError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Identity(error) => Some(error),
            _ => None,
        }
    }
}
