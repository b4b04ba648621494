//! What can be wrong with a certificate by itself.

use alloc::string::String;
use core::fmt;

/// Why a certificate cannot be used. Whoever issued it is at fault, or we, who do not know its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateError {
    /// It has more bytes than any certificate.
    TooLarge {
        /// How many it has.
        bytes: usize,
        /// How many it may have.
        bytes_max: usize,
    },
    /// It is not a certificate.
    Malformed {
        /// What the parser said.
        reason: String,
    },
    /// Its key is of a kind that is not supported.
    UnsupportedKey {
        /// Which kind.
        kind: String,
    },
    /// It is signed with an algorithm that is not supported.
    UnsupportedSignature {
        /// Which.
        algorithm: String,
    },
    /// Its key is no point of the curve.
    InvalidKey,
    /// It names two different algorithms for its one signature.
    AlgorithmsDiffer,
    /// An extension is there twice.
    DuplicateExtension {
        /// Its object identifier.
        identifier: String,
    },
    /// An extension must be understood, and is not known.
    CriticalExtension {
        /// Its object identifier.
        identifier: String,
    },
}

impl fmt::Display for CertificateError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { bytes, bytes_max } => write!(
                formatter,
                "a certificate has at most {bytes_max} bytes, and this has {bytes}"
            ),
            Self::Malformed { reason } => write!(formatter, "it is not a certificate: {reason}"),
            Self::UnsupportedKey { kind } => write!(
                formatter,
                "keys of the kind {kind} are not supported, only ECDSA on P-256 and P-384"
            ),
            Self::UnsupportedSignature { algorithm } => write!(
                formatter,
                "certificates signed by {algorithm} are not supported, only ECDSA with SHA-256 or SHA-384"
            ),
            Self::InvalidKey => formatter.write_str("its key is no point of the curve"),
            Self::AlgorithmsDiffer => {
                formatter.write_str("it names two different algorithms for its signature")
            }
            Self::DuplicateExtension { identifier } => {
                write!(formatter, "its extension {identifier} is there twice")
            }
            Self::CriticalExtension { identifier } => write!(
                formatter,
                "its extension {identifier} is marked critical and is not known here"
            ),
        }
    }
}

impl core::error::Error for CertificateError {}
