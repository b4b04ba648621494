//! Why something with a registry came to nothing.

use alloc::string::String;
use core::fmt;

use super::url::UrlError;
use crate::digest::Digest;
use crate::document::DocumentError;

/// Why a machine stopped: the registry's side, or the device's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault<E> {
    /// The registry, or the way there.
    Registry(RegistryError),
    /// The store on the device.
    Store(E),
}

/// What can go wrong with a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegistryError {
    /// There is no such thing there.
    NotFound {
        /// What was asked for.
        what: String,
        /// What the registry says; empty if nothing.
        said: String,
    },
    /// It wants to know who asks, or does not let them.
    Unauthorized {
        /// The registry, as `thimble login` takes it.
        registry: String,
        /// What the registry says; empty if nothing.
        said: String,
    },
    /// It refuses for another reason: a quota, a rule, a fault of ours.
    Refused {
        /// What was asked for.
        what: String,
        /// The status.
        status: u16,
        /// What the registry says; empty if nothing.
        said: String,
    },
    /// It was asked too often.
    TooManyRequests {
        /// How often it was asked in vain.
        attempts: u32,
        /// What the registry says; empty if nothing.
        said: String,
    },
    /// It has trouble of its own.
    Unavailable {
        /// The status.
        status: u16,
        /// How often it was asked in vain.
        attempts: u32,
        /// What the registry says; empty if nothing.
        said: String,
    },
    /// The way there does not work.
    Transport {
        /// How often it was tried without getting further.
        attempts: u32,
        /// What went wrong the last time.
        error: TransportError,
    },
    /// A manifest or index cannot be used.
    Document {
        /// Which.
        what: String,
        /// What is wrong with it.
        error: DocumentError,
    },
    /// The content is not what its digest says.
    Digest {
        /// What was asked for.
        what: String,
        /// The digest that was asked for, or announced.
        expected: Digest,
        /// The one that came.
        found: Digest,
    },
    /// The content has another length than was said.
    Length {
        /// What was asked for.
        what: String,
        /// Bytes that were said.
        expected: u64,
        /// Bytes that came, or were announced; more may have followed.
        found: u64,
    },
    /// An answer is larger than such an answer can be.
    TooLarge {
        /// What was asked for.
        what: String,
        /// Bytes it may have.
        bytes_max: u64,
    },
    /// It breaks the rules of HTTP or of registries.
    Misbehaves {
        /// What was asked for.
        what: String,
        /// What it did.
        how: String,
    },
    /// It leads to a place that must not be followed.
    Redirect {
        /// What was asked for.
        what: String,
        /// Why it is not followed.
        reason: RedirectRefusal,
    },
    /// No manifest of an index is for this device.
    NoMatch {
        /// The index.
        index: Digest,
    },
    /// Indexes lie inside each other more deeply than is followed.
    TooDeep,
    /// The image to be pushed cannot be.
    Unpushable {
        /// Why.
        reason: String,
    },
    /// The address of the registry is none.
    Address {
        /// The registry.
        registry: String,
        /// What is wrong with its address.
        error: UrlError,
    },
    /// The credentials could not be read on this device.
    Credentials {
        /// Why.
        reason: String,
    },
}

/// Why a redirect is not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RedirectRefusal {
    /// Too many one after the other.
    TooMany,
    /// From https to http.
    Downgrade,
    /// It does not say where.
    Nowhere,
    /// Where it leads is not a URL to follow.
    Url(UrlError),
    /// What is sent, or whom it is sent for, is not for other places.
    NotForOthers,
}

/// What went wrong between the device and the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransportError {
    /// What kind of trouble.
    pub kind: TransportErrorKind,
    /// In the words of the port.
    pub text: String,
}

/// Kinds of trouble on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransportErrorKind {
    /// No connection came about.
    Connect,
    /// The other side is not who it should be, or TLS failed otherwise. Not tried again.
    Tls,
    /// Nothing moved for too long.
    Stalled,
    /// The connection ended too early.
    Closed,
    /// What came is not HTTP, or exceeds what a head may have. Not tried again.
    Protocol,
}

impl TransportErrorKind {
    pub(super) const fn may_pass(self) -> bool {
        match self {
            Self::Connect | Self::Stalled | Self::Closed => true,
            Self::Tls | Self::Protocol => false,
        }
    }
}

impl<E> From<RegistryError> for Fault<E> {
    fn from(error: RegistryError) -> Self {
        Self::Registry(error)
    }
}

impl<E: fmt::Display> fmt::Display for Fault<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry(error) => error.fmt(formatter),
            Self::Store(error) => error.fmt(formatter),
        }
    }
}

impl<E: core::error::Error> core::error::Error for Fault<E> {}

/// How often: `once`, `5 times`.
struct Times(u32);

impl fmt::Display for Times {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => formatter.write_str("once"),
            count => write!(formatter, "{count} times"),
        }
    }
}

/// What the registry says, if it says something.
struct Words<'a>(&'a str);

impl fmt::Display for Words<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        write!(formatter, " (the registry says: {})", self.0)
    }
}

impl fmt::Display for RegistryError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotFound { what, said } => {
                write!(
                    formatter,
                    "the registry has no {what}; check the name and the tag{}",
                    Words(said)
                )
            }
            Self::Unauthorized { registry, said } => write!(
                formatter,
                "{registry} does not let you do that; sign in with `thimble login {registry}`, or check the name and your rights{}",
                Words(said)
            ),
            Self::Refused { what, status, said } => {
                write!(
                    formatter,
                    "the registry refuses {what} with status {status}{}",
                    Words(said)
                )
            }
            Self::TooManyRequests { attempts, said } => write!(
                formatter,
                "the registry has been asked too often, {} in vain; sign in or try again later{}",
                Times(*attempts),
                Words(said)
            ),
            Self::Unavailable {
                status,
                attempts,
                said,
            } => write!(
                formatter,
                "the registry has trouble of its own, status {status}, {}; try again later{}",
                Times(*attempts),
                Words(said)
            ),
            Self::Transport { attempts: 1, error } => {
                write!(formatter, "the registry cannot be reached: {error}")
            }
            Self::Transport { attempts, error } => write!(
                formatter,
                "the registry cannot be reached, {attempts} times without getting further: {error}"
            ),
            Self::Document { what, error } => {
                write!(formatter, "the registry's {what} cannot be used: {error}")
            }
            Self::Digest {
                what,
                expected,
                found,
            } => write!(
                formatter,
                "the registry's {what} is damaged or forged: its digest is {found} instead of {expected}"
            ),
            Self::Length {
                what,
                expected,
                found,
            } => write!(
                formatter,
                "the registry's {what} has {found} bytes where {expected} are announced"
            ),
            Self::TooLarge { what, bytes_max } => {
                write!(
                    formatter,
                    "the registry's {what} is larger than {bytes_max} bytes, more than that may have"
                )
            }
            Self::Misbehaves { what, how } => {
                write!(
                    formatter,
                    "the registry misbehaves when asked for {what}: {how}"
                )
            }
            Self::Redirect { what, reason } => {
                write!(
                    formatter,
                    "the registry leads astray when asked for {what}: {reason}"
                )
            }
            Self::NoMatch { index } => write!(
                formatter,
                "the image has no variant for this device and none in portable WebAssembly (index {index})"
            ),
            Self::TooDeep => write!(
                formatter,
                "the image has more than {} indexes inside each other",
                super::NESTING_MAX
            ),
            Self::Unpushable { reason } => {
                write!(formatter, "the image cannot be pushed: {reason}")
            }
            Self::Address { registry, error } => {
                write!(
                    formatter,
                    "{registry} is not the address of a registry: {error}"
                )
            }
            Self::Credentials { reason } => formatter.write_str(reason),
        }
    }
}

impl core::error::Error for RegistryError {}

impl fmt::Display for RedirectRefusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany => write!(
                formatter,
                "more than {} redirects one after the other",
                super::REDIRECTS_MAX
            ),
            Self::Downgrade => {
                formatter.write_str("from https to http, where anybody could read along")
            }
            Self::Nowhere => formatter.write_str("it does not say where to"),
            Self::Url(error) => write!(formatter, "where to is not usable, {error}"),
            Self::NotForOthers => {
                formatter.write_str("what is sent is not meant for another place")
            }
        }
    }
}

impl fmt::Display for TransportError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            TransportErrorKind::Connect => "no connection",
            TransportErrorKind::Tls => "no trust in the connection",
            TransportErrorKind::Stalled => "nothing moved for too long",
            TransportErrorKind::Closed => "the connection ended too early",
            TransportErrorKind::Protocol => "what answers does not speak HTTP as it should",
        };
        if self.text.is_empty() {
            return formatter.write_str(kind);
        }
        write!(formatter, "{kind}: {}", self.text)
    }
}

impl core::error::Error for TransportError {}
