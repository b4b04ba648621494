//! Why something is not signed, and why something that is signed is not taken.

use core::fmt;

use thimble_image::Digest;

use crate::codec::DecodeError;
use crate::ids::{DeviceId, StateVersion};
use crate::keyring::{Hex, KeyError, KeyId};

/// Why a key did not sign. Whatever holds it is at fault, or the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignerError {
    /// What holds the key cannot be reached.
    Unreachable,
    /// What holds the key refuses to sign.
    Denied,
    /// It tried and failed.
    Failed,
}

/// Why there is no envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignError {
    /// No device would take the message.
    Message(DecodeError),
    /// The key did not sign.
    Signer(SignerError),
    /// The envelope could not be written.
    Envelope,
}

/// Why an envelope does not count. Whoever sent it is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// It is too long.
    TooLong {
        /// How many bytes it has.
        bytes: u64,
        /// How many it may have.
        bytes_max: u32,
    },
    /// It is not one item of CBOR within the limits.
    Outline(DecodeError),
    /// It is not a tagged COSE_Sign1.
    Structure,
    /// It has headers that nobody signed.
    Unprotected,
    /// It has no payload.
    Detached,
    /// It demands that headers are understood, and they are not.
    Critical,
    /// It is not signed with ES256.
    Algorithm,
    /// It holds another kind of message.
    Kind {
        /// The content type that it should have.
        expected: &'static str,
    },
    /// The name of its key is not 8 bytes.
    KeyId,
    /// Its signature is not 64 bytes.
    SignatureLength {
        /// How many it has.
        bytes: u64,
    },
    /// The key that signed it is not trusted.
    UnknownKey {
        /// Its name.
        id: KeyId,
    },
    /// The signature is not of this key and these bytes.
    Signature {
        /// The key's name.
        id: KeyId,
    },
}

/// Why a device does not take a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StateRefused {
    /// The envelope does not count.
    Envelope(EnvelopeError),
    /// What is signed is no state.
    Message(DecodeError),
    /// It is another device's.
    Device {
        /// Whose it is.
        named: DeviceId,
        /// Who refuses it.
        device: DeviceId,
    },
    /// It announces keys that cannot be used.
    NextKeys(KeyError),
    /// It is older than what the device has.
    Older {
        /// Its version.
        version: StateVersion,
        /// The version that the device has.
        last: StateVersion,
    },
    /// It has the version that the device has, and other content.
    OtherContent {
        /// The version.
        version: StateVersion,
    },
}

/// Why a device does not take a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ManifestRefused {
    /// It is not the one that the state names.
    Digest {
        /// The digest that the state names.
        expected: Digest,
        /// The digest that it has.
        actual: Digest,
    },
    /// The envelope does not count.
    Envelope(EnvelopeError),
    /// What is signed is no manifest.
    Message(DecodeError),
}

impl From<EnvelopeError> for StateRefused {
    fn from(error: EnvelopeError) -> Self {
        Self::Envelope(error)
    }
}

impl From<EnvelopeError> for ManifestRefused {
    fn from(error: EnvelopeError) -> Self {
        Self::Envelope(error)
    }
}

impl fmt::Display for SignerError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Unreachable => "what holds the key cannot be reached",
            Self::Denied => "what holds the key refuses to sign",
            Self::Failed => "the key did not sign",
        })
    }
}

impl fmt::Display for SignError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Message(_) => "no device would take the message",
            Self::Signer(_) => "the message could not be signed",
            Self::Envelope => "the envelope could not be written",
        })
    }
}

impl fmt::Display for EnvelopeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { bytes, bytes_max } => write!(
                formatter,
                "the envelope has {bytes} bytes, and may have at most {bytes_max}"
            ),
            Self::Outline(_) => formatter.write_str("the envelope is not well-formed"),
            Self::Structure => formatter.write_str("the envelope is not a tagged COSE_Sign1"),
            Self::Unprotected => {
                formatter.write_str("the envelope has headers that nobody signed")
            }
            Self::Detached => formatter.write_str("the envelope has no payload"),
            Self::Critical => formatter.write_str(
                "the envelope has critical headers that are not known here; update the device's runtime",
            ),
            Self::Algorithm => formatter.write_str("the envelope is not signed with ES256"),
            Self::Kind { expected } => {
                write!(formatter, "the envelope does not hold {expected}")
            }
            Self::KeyId => formatter.write_str("the name of the envelope's key is not 8 bytes"),
            Self::SignatureLength { bytes } => {
                write!(formatter, "the signature has {bytes} bytes instead of 64")
            }
            Self::UnknownKey { id } => write!(
                formatter,
                "the key {} is not one that this device trusts; renew its certificate to get the present keys",
                Hex(*id)
            ),
            Self::Signature { id } => write!(
                formatter,
                "the key {} did not sign this: it was changed on the way, or made up",
                Hex(*id)
            ),
        }
    }
}

impl fmt::Display for StateRefused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Envelope(_) => formatter.write_str("the state's envelope does not count"),
            Self::Message(_) => formatter.write_str("what is signed is no state"),
            Self::Device { named, device } => {
                write!(formatter, "the state is for {named}, and this is {device}")
            }
            Self::NextKeys(_) => {
                formatter.write_str("the state announces keys that cannot be used")
            }
            Self::Older { version, last } => write!(
                formatter,
                "the state has version {version}, and this device already has {last}"
            ),
            Self::OtherContent { version } => write!(
                formatter,
                "the state has version {version}, which this device has with other content; \
                 the hub has to give it a greater one"
            ),
        }
    }
}

impl fmt::Display for ManifestRefused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Digest { expected, actual } => write!(
                formatter,
                "the manifest is {actual}, and the state names {expected}"
            ),
            Self::Envelope(_) => formatter.write_str("the manifest's envelope does not count"),
            Self::Message(_) => formatter.write_str("what is signed is no manifest"),
        }
    }
}

impl core::error::Error for SignerError {}

impl core::error::Error for SignError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Message(error) => Some(error),
            Self::Signer(error) => Some(error),
            Self::Envelope => None,
        }
    }
}

impl core::error::Error for EnvelopeError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Outline(error) => Some(error),
            _ => None,
        }
    }
}

impl core::error::Error for StateRefused {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Envelope(error) => Some(error),
            Self::Message(error) => Some(error),
            Self::NextKeys(error) => Some(error),
            _ => None,
        }
    }
}

impl core::error::Error for ManifestRefused {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Envelope(error) => Some(error),
            Self::Message(error) => Some(error),
            Self::Digest { .. } => None,
        }
    }
}
