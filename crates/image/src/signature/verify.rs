//! Judging one signature (trust policy specification, signature verification).

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::certificate::Certificate;
use super::chain::{self, ChainError};
use super::envelope::{Envelope, SigningScheme};
use super::envelope_error::EnvelopeError;
use super::identity::Identity;
use super::time::UnixTime;
use crate::descriptor::Descriptor;
use crate::digest::Digest;

/// A signature that counts.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The signature.
    pub envelope: Envelope,
    /// The thumbprint of the trusted certificate. None only where a policy does not insist on one.
    pub anchor: Option<Digest>,
}

/// What a signature is checked for; a policy can do without some.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// It is whole, and about this target.
    Integrity,
    /// It was made by somebody who is trusted.
    Authenticity,
    /// Its certificates are valid at the time that counts.
    Timestamp,
    /// It has not expired.
    Expiry,
}

/// Why a signature does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VerifyError {
    /// It is no signature that can be judged.
    Envelope(Box<EnvelopeError>),
    /// The signature does not fit what is signed: one of the two was changed.
    Altered,
    /// It is about something else.
    TargetDigest {
        /// What it is about.
        signed: Digest,
        /// What it should be about.
        expected: Digest,
    },
    /// It is about something of another type.
    TargetMediaType {
        /// The type that is signed.
        signed: String,
        /// The type that it has.
        expected: String,
    },
    /// It is about something of another length.
    TargetSize {
        /// The bytes that are signed.
        signed: u64,
        /// The bytes that it has.
        expected: u64,
    },
    /// Its certificates do not count.
    Chain(Box<ChainError>),
    /// No certificate is trusted at all.
    NoAnchors {
        /// The kind of certificates that would be needed.
        kind: &'static str,
    },
    /// None of its certificates is trusted.
    UntrustedRoot {
        /// Whose certificate is the last.
        subject: String,
        /// Its thumbprint.
        thumbprint: Digest,
    },
    /// Its signer is not trusted.
    UntrustedIdentity {
        /// Who it is.
        subject: String,
    },
    /// It says that it was made when its certificates were not valid.
    SignedOutsideValidity(Box<ChainError>),
    /// It has expired.
    Expired {
        /// When.
        expiry: UnixTime,
        /// What time it is.
        now: UnixTime,
    },
}

/// The trusted certificates by what they may vouch for.
pub(super) struct Anchors<'a> {
    pub(super) authorities: &'a [&'a [u8]],
    pub(super) signing_authorities: &'a [&'a [u8]],
}

/// A signature that is whole and about its target, and what else is wrong with it.
pub(super) struct Examination {
    pub(super) verified: Verified,
    pub(super) faults: Vec<VerifyError>,
}

/// Judges a signature of a target, strictly. Anchors are certificates in DER of authorities that are trusted, or of
/// signers that signed their own; identities are those whom such an authority may vouch for.
///
/// # Errors
/// [`VerifyError`] is the first thing that is wrong with it.
pub fn verify(
    envelope: &[u8],
    target: &Descriptor,
    anchors: &[&[u8]],
    identities: &[Identity],
    now: UnixTime,
) -> Result<Verified, VerifyError> {
    let anchors = Anchors {
        authorities: anchors,
        signing_authorities: &[],
    };
    let examination = examine(envelope, target, &anchors, identities, now)?;
    match examination.faults.into_iter().next() {
        Some(fault) => Err(fault),
        None => Ok(examination.verified),
    }
}

/// Makes all checks; only those for integrity end it.
pub(super) fn examine(
    envelope: &[u8],
    target: &Descriptor,
    anchors: &Anchors<'_>,
    identities: &[Identity],
    now: UnixTime,
) -> Result<Examination, VerifyError> {
    let envelope =
        Envelope::parse(envelope).map_err(|error| VerifyError::Envelope(error.into()))?;
    if !envelope.is_intact() {
        return Err(VerifyError::Altered);
    }
    check_target(envelope.target(), target)?;
    let anchor = find_anchor(&envelope, anchors);
    let checks = [
        chain::check(envelope.chain()).map_err(|error| VerifyError::Chain(error.into())),
        anchor.as_ref().map(drop).map_err(Clone::clone),
        check_identity(&envelope, identities),
        check_times(&envelope, now),
        check_expiry(&envelope, now),
    ];
    let faults = checks.into_iter().filter_map(Result::err).collect();
    Ok(Examination {
        verified: Verified {
            anchor: anchor.ok(),
            envelope,
        },
        faults,
    })
}

fn check_target(signed: &Descriptor, expected: &Descriptor) -> Result<(), VerifyError> {
    if signed.digest != expected.digest {
        return Err(VerifyError::TargetDigest {
            signed: signed.digest,
            expected: expected.digest,
        });
    }
    if signed.media_type != expected.media_type {
        return Err(VerifyError::TargetMediaType {
            signed: signed.media_type.clone(),
            expected: expected.media_type.clone(),
        });
    }
    if signed.size != expected.size {
        return Err(VerifyError::TargetSize {
            signed: signed.size,
            expected: expected.size,
        });
    }
    Ok(())
}

/// Finds the first certificate that is trusted, from the root down.
fn find_anchor(envelope: &Envelope, anchors: &Anchors<'_>) -> Result<Digest, VerifyError> {
    let (trusted, kind) = match envelope.scheme() {
        SigningScheme::X509 => (anchors.authorities, "ca"),
        SigningScheme::SigningAuthority => (anchors.signing_authorities, "signingAuthority"),
    };
    if trusted.is_empty() {
        return Err(VerifyError::NoAnchors { kind });
    }
    let chain = envelope.chain();
    let is_trusted = |certificate: &&Certificate| trusted.contains(&certificate.der());
    // A signer's certificate is trusted for itself only if nobody else issued it.
    let candidates = chain
        .get(1..)
        .filter(|rest| !rest.is_empty())
        .unwrap_or(chain);
    match (candidates.iter().rev().find(is_trusted), chain.last()) {
        (Some(anchor), _) => Ok(anchor.thumbprint()),
        (None, Some(root)) => Err(VerifyError::UntrustedRoot {
            subject: root.subject(),
            thumbprint: root.thumbprint(),
        }),
        (None, None) => Err(VerifyError::Envelope(EnvelopeError::EmptyChain.into())),
    }
}

fn check_identity(envelope: &Envelope, identities: &[Identity]) -> Result<(), VerifyError> {
    let Some(leaf) = envelope.chain().first() else {
        return Err(VerifyError::Envelope(EnvelopeError::EmptyChain.into()));
    };
    if identities.iter().any(|it| it.accepts(leaf.subject_name())) {
        return Ok(());
    }
    Err(VerifyError::UntrustedIdentity {
        subject: leaf.subject(),
    })
}

/// Checks that the certificates are valid now, and were when the signature says it was made. The word of a signing
/// authority about that time is enough.
fn check_times(envelope: &Envelope, now: UnixTime) -> Result<(), VerifyError> {
    if envelope.scheme() == SigningScheme::X509 {
        chain::check_validity(envelope.chain(), now)
            .map_err(|error| VerifyError::Chain(error.into()))?;
    }
    chain::check_validity(envelope.chain(), envelope.signing_time())
        .map_err(|error| VerifyError::SignedOutsideValidity(error.into()))
}

fn check_expiry(envelope: &Envelope, now: UnixTime) -> Result<(), VerifyError> {
    match envelope.expiry() {
        Some(expiry) if now >= expiry => Err(VerifyError::Expired { expiry, now }),
        _ => Ok(()),
    }
}

impl VerifyError {
    /// Which check it failed.
    #[must_use]
    pub fn check(&self) -> Check {
        match self {
            Self::Envelope(_)
            | Self::Altered
            | Self::TargetDigest { .. }
            | Self::TargetMediaType { .. }
            | Self::TargetSize { .. } => Check::Integrity,
            Self::Chain(error) => match **error {
                ChainError::NotYetValid { .. } | ChainError::Expired { .. } => Check::Timestamp,
                _ => Check::Authenticity,
            },
            Self::NoAnchors { .. }
            | Self::UntrustedRoot { .. }
            | Self::UntrustedIdentity { .. } => Check::Authenticity,
            Self::SignedOutsideValidity(_) => Check::Timestamp,
            Self::Expired { .. } => Check::Expiry,
        }
    }
}

impl fmt::Display for VerifyError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Envelope(_) => formatter.write_str("the signature cannot be judged"),
            Self::Altered => formatter.write_str(
                "the signature does not fit what it signs: one of the two was changed; fetch it again",
            ),
            Self::TargetDigest { signed, expected } => write!(
                formatter,
                "the signature is for {signed}, not for {expected}"
            ),
            Self::TargetMediaType { signed, expected } => write!(
                formatter,
                "the signature is for something of the type {signed}, not {expected}"
            ),
            Self::TargetSize { signed, expected } => write!(
                formatter,
                "the signature is for something of {signed} bytes, not {expected}"
            ),
            Self::Chain(_) => formatter.write_str("the certificates of the signature do not count"),
            Self::NoAnchors { kind } => write!(
                formatter,
                "no certificate is trusted that the signature could lead to; \
                 put the root into a trust store of the kind `{kind}` that the policy names"
            ),
            Self::UntrustedRoot { subject, thumbprint } => write!(
                formatter,
                "nobody trusts {subject}, to whom the signature leads; \
                 if you do, put the certificate with the thumbprint {thumbprint} into the trust store"
            ),
            Self::UntrustedIdentity { subject } => write!(
                formatter,
                "the signer is {subject}, whom the policy does not name among the trusted identities"
            ),
            Self::SignedOutsideValidity(_) => formatter
                .write_str("the signature says that it was made when its certificates were not valid"),
            Self::Expired { expiry, now } => write!(
                formatter,
                "the signature expired at {expiry}, and it is {now}; ask for a newer one"
            ),
        }
    }
}

impl core::error::Error for VerifyError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Envelope(error) => Some(&**error),
            Self::Chain(error) | Self::SignedOutsideValidity(error) => Some(&**error),
            _ => None,
        }
    }
}
