//! Making signatures.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use coset::cbor::value::Value;
use coset::{
    CoseError, CoseSign1Builder, Header, Label, RegisteredLabel, RegisteredLabelWithPrivate,
    TaggedCborSerializable as _, iana,
};

use super::algorithm::Algorithm;
use super::certificate::Certificate;
use super::chain::{self, ChainError};
use super::envelope::{Envelope, Payload, SigningScheme, TIME_TAG};
use super::envelope_error::EnvelopeError;
use super::header;
use super::time::UnixTime;
use crate::descriptor::{Annotations, Descriptor};
use crate::media_type;

/// Annotations that begin so belong to the Notary Project.
const RESERVED_PREFIX: &str = "io.cncf.notary";

/// Holds a key, in memory or in a token or TPM, and signs with it.
pub trait Signer {
    /// What the key signs with.
    fn algorithm(&self) -> Algorithm;

    /// The certificates in DER: the key's own first, each followed by its issuer's, up to the root.
    fn certificates(&self) -> &[Vec<u8>];

    /// Hashes a message as the algorithm says and signs it; returns r and s, each as long as the curve's order.
    ///
    /// # Errors
    /// [`SignerError`] says why the key did not sign.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignerError>;
}

/// Why a key did not sign. The device that holds it is at fault, or the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignerError {
    /// The device that holds the key cannot be reached.
    Unreachable {
        /// What it, or its driver, said.
        reason: String,
    },
    /// The device refuses to sign: a wrong PIN, or a key that is not for this.
    Denied {
        /// What it said.
        reason: String,
    },
    /// It tried and failed.
    Failed {
        /// What it said.
        reason: String,
    },
}

/// What a signature says besides its target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningOptions {
    /// What time it is.
    pub time: UnixTime,
    /// From when on the signature should not be used any more.
    pub expiry: Option<UnixTime>,
    /// The program that signs: `NAME/VERSION`. It is not signed. Empty to say nothing.
    pub agent: String,
    /// What else is signed, for people and programs that look at the signature.
    pub annotations: Annotations,
}

/// Why there is no signature.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignError {
    /// An annotation has a name that is not for users.
    ReservedAnnotation {
        /// Which.
        key: String,
    },
    /// The certificates do not make a chain that anybody would accept.
    Chain(ChainError),
    /// The key did not sign.
    Signer(SignerError),
    /// The key made a signature that does not fit its certificate.
    WrongKey {
        /// Whose certificate it is.
        subject: String,
    },
    /// What was made is no signature that anybody would accept.
    Envelope(Box<EnvelopeError>),
}

/// Signs an image or another artifact, and returns the envelope.
///
/// # Errors
/// [`SignError`]; a signature that [`super::verify`] would refuse at that time, whomever it trusts, is never made.
pub fn sign(
    target: &Descriptor,
    signer: &dyn Signer,
    options: &SigningOptions,
) -> Result<Vec<u8>, SignError> {
    let is_reserved = |key: &&String| key.starts_with(RESERVED_PREFIX);
    if let Some(key) = options.annotations.keys().find(is_reserved) {
        return Err(SignError::ReservedAnnotation { key: key.clone() });
    }
    check_chain(signer.certificates(), options.time)?;
    let envelope = CoseSign1Builder::new()
        .protected(protected(signer.algorithm(), options))
        .unprotected(unprotected(signer.certificates(), &options.agent))
        .payload(payload(target, &options.annotations))
        .try_create_signature(&[], |message| signer.sign(message))
        .map_err(SignError::Signer)?
        .build()
        .to_tagged_vec()
        .map_err(|error: CoseError| SignError::envelope(EnvelopeError::malformed(error)))?;
    let made = Envelope::parse(&envelope).map_err(SignError::envelope)?;
    if !made.is_intact() {
        return Err(SignError::WrongKey {
            subject: made
                .chain()
                .first()
                .map(Certificate::subject)
                .unwrap_or_default(),
        });
    }
    Ok(envelope)
}

/// Checks the chain before the key is asked, which may be slow or want a PIN.
fn check_chain(certificates: &[Vec<u8>], time: UnixTime) -> Result<(), SignError> {
    let parse = |(position, der): (usize, &Vec<u8>)| {
        Certificate::parse(der).map_err(|error| {
            SignError::envelope(EnvelopeError::Certificate {
                number: position + 1,
                error,
            })
        })
    };
    if certificates.len() > chain::CHAIN_CERTIFICATES_MAX {
        return Err(SignError::envelope(EnvelopeError::ChainTooLong {
            count: certificates.len(),
            max: chain::CHAIN_CERTIFICATES_MAX,
        }));
    }
    let certificates: Vec<_> = certificates
        .iter()
        .enumerate()
        .map(parse)
        .collect::<Result<_, _>>()?;
    chain::check(&certificates).map_err(SignError::Chain)?;
    chain::check_validity(&certificates, time).map_err(SignError::Chain)
}

fn protected(algorithm: Algorithm, options: &SigningOptions) -> Header {
    let named = |name: &str| Label::Text(name.into());
    let critical = |name: &str| RegisteredLabelWithPrivate::Text(name.into());
    let time = |time: UnixTime| Value::Tag(TIME_TAG, Box::new(Value::from(time.0)));
    let mut header = Header {
        alg: Some(RegisteredLabelWithPrivate::Assigned(match algorithm {
            Algorithm::Es256 => iana::Algorithm::ES256,
            Algorithm::Es384 => iana::Algorithm::ES384,
        })),
        crit: alloc::vec![critical(header::SIGNING_SCHEME)],
        content_type: Some(RegisteredLabel::Text(media_type::NOTARY_PAYLOAD.into())),
        ..Header::default()
    };
    header.rest.push((
        named(header::SIGNING_SCHEME),
        Value::Text(SigningScheme::X509.name().into()),
    ));
    header
        .rest
        .push((named(header::SIGNING_TIME), time(options.time)));
    if let Some(expiry) = options.expiry {
        header.crit.push(critical(header::EXPIRY));
        header.rest.push((named(header::EXPIRY), time(expiry)));
    }
    header
}

fn unprotected(certificates: &[Vec<u8>], agent: &str) -> Header {
    let chain = certificates
        .iter()
        .map(|der| Value::Bytes(der.clone()))
        .collect();
    let mut header = Header::default();
    header.rest.push((header::X5CHAIN, Value::Array(chain)));
    if !agent.is_empty() {
        header.rest.push((
            Label::Text(header::SIGNING_AGENT.into()),
            Value::Text(agent.into()),
        ));
    }
    header
}

fn payload(target: &Descriptor, annotations: &Annotations) -> Vec<u8> {
    let mut target_artifact = Descriptor::new(&target.media_type, target.digest, target.size);
    target_artifact
        .artifact_type
        .clone_from(&target.artifact_type);
    target_artifact.annotations.clone_from(annotations);
    // Strings, numbers and a map with string keys: nothing that JSON cannot hold.
    serde_json::to_vec(&Payload { target_artifact }).unwrap_or_default()
}

impl SignError {
    fn envelope(error: EnvelopeError) -> Self {
        Self::Envelope(Box::new(error))
    }
}

impl fmt::Display for SignerError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { reason } => {
                write!(formatter, "what holds the key cannot be reached: {reason}")
            }
            Self::Denied { reason } => {
                write!(formatter, "what holds the key refuses to sign: {reason}")
            }
            Self::Failed { reason } => write!(formatter, "signing failed: {reason}"),
        }
    }
}

impl core::error::Error for SignerError {}

impl fmt::Display for SignError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReservedAnnotation { key } => write!(
                formatter,
                "annotations that begin with `{RESERVED_PREFIX}` are reserved; rename `{key}`"
            ),
            Self::Chain(_) => {
                formatter.write_str("nobody would accept a signature with these certificates")
            }
            Self::Signer(_) => formatter.write_str("the key made no signature"),
            Self::WrongKey { subject } => write!(
                formatter,
                "the key made a signature that does not fit the first certificate ({subject})"
            ),
            Self::Envelope(_) => formatter.write_str("nobody would accept the signature"),
        }
    }
}

impl core::error::Error for SignError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Chain(error) => Some(error),
            Self::Signer(error) => Some(error),
            Self::Envelope(error) => Some(error),
            _ => None,
        }
    }
}
