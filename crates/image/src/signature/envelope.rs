//! The envelope: COSE_Sign1 with the headers of the Notary Project (signature-envelope-cose).
//!
//! [`Envelope::parse`] checks all that can be checked without knowing whom to trust, except the signature itself.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use coset::cbor::value::Value;
use coset::{CborSerializable as _, ProtectedHeader, SignatureContext};
use serde::{Deserialize, Serialize};

use super::algorithm::Algorithm;
use super::certificate::Certificate;
use super::chain::CHAIN_CERTIFICATES_MAX;
use super::envelope_error::EnvelopeError;
use super::header::{self, Headers};
use super::time::UnixTime;
use super::{cbor, header_fields};
use crate::descriptor::Descriptor;

/// Bytes of an envelope at most.
pub const ENVELOPE_BYTES_MAX: usize = 1 << 20;
/// The tag of COSE_Sign1 (RFC 9052, section 4.2).
const SIGN1_TAG: u64 = 18;
/// The tag of a time in seconds since 1970 (RFC 8949, section 3.4.2).
pub(super) const TIME_TAG: u64 = 1;

/// A signature: what it signs, with what, and what it says about itself. Nothing of it counts before it is verified.
#[derive(Clone, Debug)]
pub struct Envelope {
    target: Descriptor,
    chain: Vec<Certificate>,
    algorithm: Algorithm,
    scheme: SigningScheme,
    signing_time: UnixTime,
    expiry: Option<UnixTime>,
    agent: Option<String>,
    is_timestamped: bool,
    signed_bytes: Vec<u8>,
    signature: Vec<u8>,
}

/// Who vouches for the time of signing (signing-scheme specification).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SigningScheme {
    /// Nobody: `notary.x509`. The certificates must be valid when the signature is verified.
    X509,
    /// The signing authority: `notary.x509.signingAuthority`. The certificates must have been valid at signing.
    SigningAuthority,
}

/// What is signed.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Payload {
    pub(super) target_artifact: Descriptor,
}

impl Envelope {
    /// Reads an envelope.
    ///
    /// # Errors
    /// [`EnvelopeError`] says what is wrong with it.
    pub fn parse(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        let parts = Parts::parse(bytes)?;
        let protected = Headers::parse_protected(&parts.protected)?;
        if let Some(label) = protected.shared_with(&parts.unprotected) {
            return Err(EnvelopeError::DuplicateHeader {
                label: header::text(label),
            });
        }
        let algorithm = header_fields::read_algorithm(&protected)?;
        let scheme = header_fields::read_scheme(&protected)?;
        header_fields::check_critical(&protected, scheme)?;
        header_fields::check_content_type(&protected)?;
        let (signing_time, expiry) = header_fields::read_times(&protected, scheme)?;
        let chain = read_chain(&protected, &parts.unprotected)?;
        check_key(&chain, algorithm)?;
        if parts.signature.len() != algorithm.signature_bytes() {
            return Err(EnvelopeError::SignatureLength {
                bytes: parts.signature.len(),
                expected: algorithm.signature_bytes(),
            });
        }
        let payload: Payload =
            serde_json::from_slice(&parts.payload).map_err(|error| EnvelopeError::Payload {
                reason: error.to_string(),
            })?;
        Ok(Self {
            target: payload.target_artifact,
            chain,
            algorithm,
            scheme,
            signing_time,
            expiry,
            agent: header_fields::read_agent(&parts.unprotected),
            is_timestamped: parts.unprotected.named(header::TIMESTAMP).is_some(),
            signed_bytes: parts.signed_bytes(),
            signature: parts.signature,
        })
    }

    /// What it signs; the annotations are what the signer wanted to say.
    #[must_use]
    pub const fn target(&self) -> &Descriptor {
        &self.target
    }

    /// The certificates: the signer's first, never none.
    #[must_use]
    pub fn chain(&self) -> &[Certificate] {
        &self.chain
    }

    /// How it is signed.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Who vouches for the time of signing.
    #[must_use]
    pub const fn scheme(&self) -> SigningScheme {
        self.scheme
    }

    /// When it says that it was made.
    #[must_use]
    pub const fn signing_time(&self) -> UnixTime {
        self.signing_time
    }

    /// From when on it should not be used any more.
    #[must_use]
    pub const fn expiry(&self) -> Option<UnixTime> {
        self.expiry
    }

    /// The program that made it, by its own account: not signed. Cut to a line that is safe to show.
    #[must_use]
    pub fn agent(&self) -> Option<&str> {
        self.agent.as_deref()
    }

    /// Whether it has a time stamp of RFC 3161. It is ignored.
    #[must_use]
    pub const fn is_timestamped(&self) -> bool {
        self.is_timestamped
    }

    /// The bytes that the signature is about: the `Sig_structure` of RFC 9052, section 4.4.
    #[must_use]
    pub fn signed_bytes(&self) -> &[u8] {
        &self.signed_bytes
    }

    /// The signature: r and s.
    #[must_use]
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }

    /// Whether the signature fits what is signed and the signer's key.
    pub(super) fn is_intact(&self) -> bool {
        self.chain
            .first()
            .is_some_and(|leaf| leaf.key().accepts(&self.signed_bytes, &self.signature))
    }
}

impl SigningScheme {
    /// Its name in the headers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::X509 => "notary.x509",
            Self::SigningAuthority => "notary.x509.signingAuthority",
        }
    }
}

/// The four parts of a COSE_Sign1.
struct Parts {
    protected: Vec<u8>,
    unprotected: Headers,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

impl Parts {
    fn parse(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        if bytes.len() > ENVELOPE_BYTES_MAX {
            return Err(EnvelopeError::TooLarge {
                bytes: bytes.len(),
                bytes_max: ENVELOPE_BYTES_MAX,
            });
        }
        cbor::check_outline(bytes)?;
        let parts = match Value::from_slice(bytes).map_err(EnvelopeError::malformed)? {
            Value::Tag(SIGN1_TAG, content) => match *content {
                Value::Array(parts) => parts,
                _ => return Err(EnvelopeError::Structure),
            },
            Value::Tag(tag, _) => return Err(EnvelopeError::Tag { tag }),
            _ => return Err(EnvelopeError::Untagged),
        };
        let Ok([protected, unprotected, payload, signature]) = <[Value; 4]>::try_from(parts) else {
            return Err(EnvelopeError::Structure);
        };
        match (protected, payload, signature) {
            (_, Value::Null, _) => Err(EnvelopeError::Detached),
            (Value::Bytes(protected), Value::Bytes(payload), Value::Bytes(signature)) => Ok(Self {
                protected,
                unprotected: Headers::of(unprotected)?,
                payload,
                signature,
            }),
            _ => Err(EnvelopeError::Structure),
        }
    }

    fn signed_bytes(&self) -> Vec<u8> {
        let protected = ProtectedHeader {
            original_data: Some(self.protected.clone()),
            header: coset::Header::default(),
        };
        coset::sig_structure_data(
            SignatureContext::CoseSign1,
            protected,
            None,
            &[],
            &self.payload,
        )
    }
}

/// Reads the chain, which may lie in either map.
fn read_chain(
    protected: &Headers,
    unprotected: &Headers,
) -> Result<Vec<Certificate>, EnvelopeError> {
    let value = match unprotected.find(&header::X5CHAIN) {
        Some(value) => value,
        None => protected.required(&header::X5CHAIN)?,
    };
    let Value::Array(certificates) = value else {
        return Err(header_fields::wrong_type(
            &header::X5CHAIN,
            "a list of certificates",
        ));
    };
    match certificates.len() {
        0 => return Err(EnvelopeError::EmptyChain),
        count if count > CHAIN_CERTIFICATES_MAX => {
            return Err(EnvelopeError::ChainTooLong {
                count,
                max: CHAIN_CERTIFICATES_MAX,
            });
        }
        _ => {}
    }
    let parse = |(position, value): (usize, &Value)| {
        let Value::Bytes(der) = value else {
            return Err(header_fields::wrong_type(
                &header::X5CHAIN,
                "a list of certificates",
            ));
        };
        Certificate::parse(der).map_err(|error| EnvelopeError::Certificate {
            number: position + 1,
            error,
        })
    };
    certificates.iter().enumerate().map(parse).collect()
}

fn check_key(chain: &[Certificate], named: Algorithm) -> Result<(), EnvelopeError> {
    match chain.first().map(Certificate::algorithm) {
        Some(key) if key != named => Err(EnvelopeError::KeyAlgorithm { named, key }),
        _ => Ok(()),
    }
}
