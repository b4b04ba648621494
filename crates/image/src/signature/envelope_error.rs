//! What can be wrong with an envelope.

use alloc::string::{String, ToString as _};
use core::fmt;

use super::algorithm::Algorithm;
use super::certificate_error::CertificateError;
use super::time::UnixTime;

/// Why bytes are not a signature that can be judged. The signer is at fault, or whoever changed it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// It has more bytes than any signature.
    TooLarge {
        /// How many it has.
        bytes: usize,
        /// How many it may have.
        bytes_max: usize,
    },
    /// It ends in the middle.
    Truncated,
    /// Something follows it.
    TrailingBytes {
        /// How many bytes.
        bytes: usize,
    },
    /// An item has no length.
    Indefinite,
    /// It has more CBOR items than any signature.
    TooManyItems {
        /// How many it may have.
        max: u64,
    },
    /// Its CBOR items lie too deep in each other.
    TooDeep {
        /// How deep they may lie.
        max: usize,
    },
    /// It is not CBOR.
    Malformed {
        /// What the parser said.
        reason: String,
    },
    /// It has no tag.
    Untagged,
    /// It has the tag of something else.
    Tag {
        /// Which.
        tag: u64,
    },
    /// It does not have the four parts of a COSE_Sign1.
    Structure,
    /// Its payload lies elsewhere.
    Detached,
    /// The protected headers have too many bytes.
    HeadersTooLong {
        /// How many they have.
        bytes: usize,
        /// How many they may have.
        bytes_max: usize,
    },
    /// A map has too many headers.
    TooManyHeaders {
        /// How many it has.
        count: usize,
        /// How many it may have.
        max: usize,
    },
    /// A header's label is neither a number nor a short text.
    Label,
    /// A header is there twice.
    DuplicateHeader {
        /// Which.
        label: String,
    },
    /// A header is missing.
    MissingHeader {
        /// Which.
        label: String,
    },
    /// A header has a value of the wrong type.
    HeaderType {
        /// Which.
        label: String,
        /// What its value should be.
        expected: &'static str,
    },
    /// A header belongs to another signing scheme.
    SchemeHeader {
        /// Which.
        label: &'static str,
    },
    /// A header must be understood, and is not known.
    UnknownCritical {
        /// Which.
        label: String,
    },
    /// A header is listed as critical, and is not there.
    AbsentCritical {
        /// Which.
        label: String,
    },
    /// A header is not listed as critical, and must be.
    NotCritical {
        /// Which.
        label: &'static str,
    },
    /// The signature algorithm is not supported.
    Unsupported {
        /// Its number or name in COSE.
        algorithm: String,
    },
    /// What is signed is something else than an artifact's descriptor.
    ContentType {
        /// What it is.
        found: String,
    },
    /// The signing scheme is not known.
    SigningScheme {
        /// Which.
        found: String,
    },
    /// It expires before it was made.
    ExpiryOrder {
        /// When it was made.
        signed: UnixTime,
        /// When it expires.
        expiry: UnixTime,
    },
    /// It has no certificate.
    EmptyChain,
    /// It has too many certificates.
    ChainTooLong {
        /// How many it has.
        count: usize,
        /// How many it may have.
        max: usize,
    },
    /// A certificate is damaged or not supported.
    Certificate {
        /// Its place in the chain; the first is 1 and belongs to the signer.
        number: usize,
        /// What is wrong with it.
        error: CertificateError,
    },
    /// It names another algorithm than its key is for.
    KeyAlgorithm {
        /// What it names.
        named: Algorithm,
        /// What the key is for.
        key: Algorithm,
    },
    /// The signature has the wrong length.
    SignatureLength {
        /// How many bytes it has.
        bytes: usize,
        /// How many it should have.
        expected: usize,
    },
    /// What is signed does not have the right shape.
    Payload {
        /// What the parser said.
        reason: String,
    },
}

impl EnvelopeError {
    pub(super) fn malformed(error: coset::CoseError) -> Self {
        Self::Malformed {
            reason: error.to_string(),
        }
    }
}

impl fmt::Display for EnvelopeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DuplicateHeader { .. }
            | Self::MissingHeader { .. }
            | Self::HeaderType { .. }
            | Self::SchemeHeader { .. }
            | Self::UnknownCritical { .. }
            | Self::AbsentCritical { .. }
            | Self::NotCritical { .. }
            | Self::HeadersTooLong { .. }
            | Self::TooManyHeaders { .. }
            | Self::Label => self.describe_header(formatter),
            Self::Unsupported { .. }
            | Self::ContentType { .. }
            | Self::SigningScheme { .. }
            | Self::ExpiryOrder { .. }
            | Self::EmptyChain
            | Self::ChainTooLong { .. }
            | Self::Certificate { .. }
            | Self::KeyAlgorithm { .. }
            | Self::SignatureLength { .. }
            | Self::Payload { .. } => self.describe_content(formatter),
            _ => self.describe_encoding(formatter),
        }
    }
}

impl EnvelopeError {
    fn describe_encoding(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { bytes, bytes_max } => write!(
                formatter,
                "a signature has at most {bytes_max} bytes, and this has {bytes}"
            ),
            Self::Truncated => formatter.write_str("the signature is cut off; fetch it again"),
            Self::TrailingBytes { bytes } => {
                write!(formatter, "{bytes} bytes follow the end of the signature")
            }
            Self::Indefinite => formatter
                .write_str("the signature has an item of indefinite length, which is not allowed"),
            Self::TooManyItems { max } => {
                write!(formatter, "the signature has more than {max} items")
            }
            Self::TooDeep { max } => write!(
                formatter,
                "the items of the signature lie more than {max} deep in each other"
            ),
            Self::Malformed { reason } => write!(formatter, "the signature is not CBOR: {reason}"),
            Self::Untagged => {
                formatter.write_str("it is no COSE_Sign1 signature: the tag 18 is missing")
            }
            Self::Tag { tag } => write!(
                formatter,
                "it is no COSE_Sign1 signature: its tag is {tag} instead of 18"
            ),
            Self::Detached => formatter.write_str(
                "the signature does not hold what it signs; sign again with the payload attached",
            ),
            _ => formatter.write_str("the signature does not have the four parts of a COSE_Sign1"),
        }
    }

    fn describe_header(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HeadersTooLong { bytes, bytes_max } => write!(
                formatter,
                "the signed headers have at most {bytes_max} bytes, and these have {bytes}"
            ),
            Self::TooManyHeaders { count, max } => {
                write!(
                    formatter,
                    "a signature has at most {max} headers, and this has {count}"
                )
            }
            Self::DuplicateHeader { label } => {
                write!(formatter, "the header `{label}` is there twice")
            }
            Self::MissingHeader { label } => write!(formatter, "the header `{label}` is missing"),
            Self::HeaderType { label, expected } => {
                write!(formatter, "the header `{label}` is not {expected}")
            }
            Self::SchemeHeader { label } => write!(
                formatter,
                "the header `{label}` does not belong to the signing scheme that is used"
            ),
            Self::UnknownCritical { label } => write!(
                formatter,
                "the header `{label}` must be understood and is not known here; \
                 a newer version or another tool may know it"
            ),
            Self::AbsentCritical { label } => {
                write!(
                    formatter,
                    "the header `{label}` is listed as critical and missing"
                )
            }
            Self::NotCritical { label } => {
                write!(
                    formatter,
                    "the header `{label}` is not listed as critical, and must be"
                )
            }
            _ => formatter.write_str("a header's label is neither a number nor a short text"),
        }
    }

    fn describe_content(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsupported { algorithm } => write!(
                formatter,
                "signatures by {algorithm} are not supported, only ES256 and ES384; \
                 sign with a key on P-256 or P-384"
            ),
            Self::ContentType { found } => write!(
                formatter,
                "it signs content of the type `{found}` instead of `{}`",
                crate::media_type::NOTARY_PAYLOAD
            ),
            Self::SigningScheme { found } => {
                write!(formatter, "the signing scheme `{found}` is not known")
            }
            Self::ExpiryOrder { signed, expiry } => write!(
                formatter,
                "the signature was made at {signed} and says that it expired before, at {expiry}"
            ),
            Self::ChainTooLong { count, max } => write!(
                formatter,
                "a signature has at most {max} certificates, and this has {count}"
            ),
            Self::Certificate { number, .. } => {
                write!(
                    formatter,
                    "certificate {number} of the signature cannot be used"
                )
            }
            Self::KeyAlgorithm { named, key } => write!(
                formatter,
                "the signature says that it is {named}, and its key is for {key}"
            ),
            Self::SignatureLength { bytes, expected } => write!(
                formatter,
                "the signature has {bytes} bytes instead of {expected}"
            ),
            Self::Payload { reason } => {
                write!(
                    formatter,
                    "what is signed is not an artifact's descriptor: {reason}"
                )
            }
            _ => formatter.write_str("the signature has no certificate"),
        }
    }
}

impl core::error::Error for EnvelopeError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Certificate { error, .. } => Some(error),
            _ => None,
        }
    }
}
