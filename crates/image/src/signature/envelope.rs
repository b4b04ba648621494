//! The envelope: COSE_Sign1 with the headers of the Notary Project (signature-envelope-cose).
//!
//! [`Envelope::parse`] checks all that can be checked without knowing whom to trust, except the signature itself.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use coset::cbor::value::Value;
use coset::{CborSerializable as _, Label, ProtectedHeader, SignatureContext};
use serde::{Deserialize, Serialize};

use super::algorithm::Algorithm;
use super::certificate::Certificate;
use super::chain::CHAIN_CERTIFICATES_MAX;
use super::envelope_error::EnvelopeError;
use super::header::{self, Headers};
use super::time::{self, UnixTime};
use super::{cbor, name};
use crate::descriptor::Descriptor;
use crate::media_type;

/// Bytes of an envelope at most.
pub const ENVELOPE_BYTES_MAX: usize = 1 << 20;
/// Characters of the signing agent's name that are kept: it is not signed, and only shown.
const AGENT_CHARACTERS_MAX: usize = 128;
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
        let algorithm = read_algorithm(&protected)?;
        let scheme = read_scheme(&protected)?;
        check_critical(&protected, scheme)?;
        check_content_type(&protected)?;
        let (signing_time, expiry) = read_times(&protected, scheme)?;
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
            agent: read_agent(&parts.unprotected),
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

fn read_algorithm(protected: &Headers) -> Result<Algorithm, EnvelopeError> {
    let algorithm = match protected.required(&header::ALGORITHM)? {
        Value::Integer(number) => match i64::try_from(*number) {
            Ok(number) => match Algorithm::of_cose_number(number) {
                Some(algorithm) => return Ok(algorithm),
                None => cose_name(number),
            },
            Err(_) => "a number that nobody has given out".into(),
        },
        Value::Text(name) => name.chars().take(32).flat_map(char::escape_debug).collect(),
        _ => return Err(wrong_type(&header::ALGORITHM, "a number or a text")),
    };
    Err(EnvelopeError::Unsupported { algorithm })
}

/// What the registry of COSE calls an algorithm.
fn cose_name(number: i64) -> String {
    match number {
        -36 => "ES512".into(),
        -37 => "PS256 (RSA)".into(),
        -38 => "PS384 (RSA)".into(),
        -39 => "PS512 (RSA)".into(),
        -8 => "EdDSA".into(),
        _ => alloc::format!("the algorithm {number} of COSE"),
    }
}

fn read_scheme(protected: &Headers) -> Result<SigningScheme, EnvelopeError> {
    let label = Label::Text(header::SIGNING_SCHEME.into());
    let Value::Text(found) = protected.required(&label)? else {
        return Err(wrong_type(&label, "a text"));
    };
    [SigningScheme::X509, SigningScheme::SigningAuthority]
        .into_iter()
        .find(|scheme| scheme.name() == found)
        .ok_or_else(|| EnvelopeError::SigningScheme {
            found: found
                .chars()
                .take(64)
                .flat_map(char::escape_debug)
                .collect(),
        })
}

/// Checks that what is critical is known and there, and that what must be critical is.
fn check_critical(protected: &Headers, scheme: SigningScheme) -> Result<(), EnvelopeError> {
    let Value::Array(critical) = protected.required(&header::CRITICAL)? else {
        return Err(wrong_type(&header::CRITICAL, "a list of labels"));
    };
    let mut listed = Vec::with_capacity(critical.len());
    for value in critical {
        let label = header::label(value.clone())?;
        let is_known = matches!(&label, Label::Text(name) if [
            header::SIGNING_SCHEME,
            header::SIGNING_TIME,
            header::AUTHENTIC_SIGNING_TIME,
            header::EXPIRY,
        ].contains(&name.as_str()));
        if !is_known {
            return Err(EnvelopeError::UnknownCritical {
                label: header::text(&label),
            });
        }
        if !protected.has(&label) {
            return Err(EnvelopeError::AbsentCritical {
                label: header::text(&label),
            });
        }
        listed.push(label);
    }
    let is_listed = |name: &str| {
        listed
            .iter()
            .any(|label| matches!(label, Label::Text(it) if it == name))
    };
    let required = [
        (header::SIGNING_SCHEME, true),
        (
            header::AUTHENTIC_SIGNING_TIME,
            scheme == SigningScheme::SigningAuthority,
        ),
        (header::EXPIRY, protected.named(header::EXPIRY).is_some()),
    ];
    match required
        .into_iter()
        .find(|(name, is_required)| *is_required && !is_listed(name))
    {
        // What is missing altogether is told so, with its name, by whoever reads it.
        Some((label, _)) if protected.named(label).is_some() => {
            Err(EnvelopeError::NotCritical { label })
        }
        _ => Ok(()),
    }
}

fn check_content_type(protected: &Headers) -> Result<(), EnvelopeError> {
    match protected.required(&header::CONTENT_TYPE)? {
        Value::Text(found) if found == media_type::NOTARY_PAYLOAD => Ok(()),
        Value::Text(found) => Err(EnvelopeError::ContentType {
            found: found
                .chars()
                .take(128)
                .flat_map(char::escape_debug)
                .collect(),
        }),
        _ => Err(wrong_type(&header::CONTENT_TYPE, "a text")),
    }
}

fn read_times(
    protected: &Headers,
    scheme: SigningScheme,
) -> Result<(UnixTime, Option<UnixTime>), EnvelopeError> {
    let (name, other) = match scheme {
        SigningScheme::X509 => (header::SIGNING_TIME, header::AUTHENTIC_SIGNING_TIME),
        SigningScheme::SigningAuthority => (header::AUTHENTIC_SIGNING_TIME, header::SIGNING_TIME),
    };
    if protected.named(other).is_some() {
        return Err(EnvelopeError::SchemeHeader { label: other });
    }
    let signed = read_time(protected, name)?
        .ok_or_else(|| EnvelopeError::MissingHeader { label: name.into() })?;
    let expiry = read_time(protected, header::EXPIRY)?;
    match expiry {
        Some(expiry) if expiry <= signed => Err(EnvelopeError::ExpiryOrder { signed, expiry }),
        _ => Ok((signed, expiry)),
    }
}

fn read_time(protected: &Headers, name: &str) -> Result<Option<UnixTime>, EnvelopeError> {
    let Some(value) = protected.named(name) else {
        return Ok(None);
    };
    let seconds = match value {
        Value::Tag(TIME_TAG, seconds) => match **seconds {
            Value::Integer(seconds) => i64::try_from(seconds).ok(),
            _ => None,
        },
        _ => None,
    };
    seconds
        .filter(|seconds| (0..=time::LATEST.0).contains(seconds))
        .map(|seconds| Some(UnixTime(seconds)))
        .ok_or_else(|| wrong_type(&Label::Text(name.into()), "a time in whole seconds"))
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
        return Err(wrong_type(&header::X5CHAIN, "a list of certificates"));
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
            return Err(wrong_type(&header::X5CHAIN, "a list of certificates"));
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

/// Reads the agent's name. It is not signed, so whatever is wrong with it must not matter.
fn read_agent(unprotected: &Headers) -> Option<String> {
    let Value::Text(agent) = unprotected.named(header::SIGNING_AGENT)? else {
        return None;
    };
    let is_safe = |character: &char| !name::is_deceptive(*character);
    Some(
        agent
            .chars()
            .filter(is_safe)
            .take(AGENT_CHARACTERS_MAX)
            .collect(),
    )
}

fn wrong_type(label: &Label, expected: &'static str) -> EnvelopeError {
    EnvelopeError::HeaderType {
        label: header::text(label),
        expected,
    }
}
