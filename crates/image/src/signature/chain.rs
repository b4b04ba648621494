//! The rules for a chain of certificates (signature specification, certificate requirements).
//!
//! The first belongs to the signer, each is signed by the next, the last by itself.

use alloc::string::String;
use core::fmt;

use x509_cert::der::oid::db::{rfc5280, rfc5912};

use super::certificate::Certificate;
use super::time::UnixTime;

/// Certificates of a signature at most.
pub const CHAIN_CERTIFICATES_MAX: usize = 10;

/// Why a chain of certificates does not count. Whoever issued the certificates is at fault, or put them together.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChainError {
    /// There is no certificate.
    Empty,
    /// The signer's certificate is a certificate authority's.
    LeafIsAuthority {
        /// Whose it is.
        subject: String,
    },
    /// The signer's certificate is not for signatures.
    LeafUsage {
        /// Whose it is.
        subject: String,
        /// What is wrong with its key usage.
        fault: UsageFault,
    },
    /// The signer's certificate is not for signing code.
    LeafPurpose {
        /// Whose it is.
        subject: String,
    },
    /// A certificate that signs another is no certificate authority's.
    NotAuthority {
        /// Whose it is.
        subject: String,
    },
    /// A certificate authority's certificate is not for signing certificates.
    AuthorityUsage {
        /// Whose it is.
        subject: String,
        /// What is wrong with its key usage.
        fault: UsageFault,
    },
    /// More certificate authorities lie below one than it allows.
    PathLength {
        /// Whose limit it is.
        subject: String,
        /// How many there are.
        count: usize,
        /// How many it allows.
        max: u8,
    },
    /// A certificate was not issued by the one that follows it.
    Order {
        /// Whose it is.
        subject: String,
        /// Who issued it.
        issuer: String,
        /// Whose certificate follows.
        next: String,
    },
    /// A certificate is not signed by the one that follows it, though it says so.
    Signature {
        /// Whose it is.
        subject: String,
    },
    /// Certificates follow one that is signed by itself.
    SelfSigned {
        /// Whose it is.
        subject: String,
    },
    /// The last certificate is not signed by itself.
    Incomplete {
        /// Whose it is.
        subject: String,
        /// Who issued it.
        issuer: String,
    },
    /// A certificate is not valid yet.
    NotYetValid {
        /// Whose it is.
        subject: String,
        /// When it becomes valid.
        from: UnixTime,
        /// The time that counts.
        now: UnixTime,
    },
    /// A certificate is not valid any more.
    Expired {
        /// Whose it is.
        subject: String,
        /// When it expired.
        until: UnixTime,
        /// The time that counts.
        now: UnixTime,
    },
}

/// What is wrong with a certificate's key usage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsageFault {
    /// There is none, or it is not marked critical.
    Absent,
    /// It lacks what it must have.
    Lacking,
    /// It has what it must not have.
    Excessive,
}

/// Checks all rules but the times.
pub(super) fn check(chain: &[Certificate]) -> Result<(), ChainError> {
    let (leaf, authorities) = chain.split_first().ok_or(ChainError::Empty)?;
    check_leaf(leaf)?;
    for (below, authority) in authorities.iter().enumerate() {
        check_authority(authority, below)?;
    }
    for (certificate, next) in chain.iter().zip(authorities) {
        if !certificate.names_as_issuer(next) {
            return Err(ChainError::Order {
                subject: certificate.subject(),
                issuer: certificate.issuer(),
                next: next.subject(),
            });
        }
        if !certificate.is_signed_by(next) {
            return Err(ChainError::Signature {
                subject: certificate.subject(),
            });
        }
        if certificate.is_self_signed() {
            return Err(ChainError::SelfSigned {
                subject: certificate.subject(),
            });
        }
    }
    match chain.last() {
        Some(root) if !root.is_self_signed() => Err(ChainError::Incomplete {
            subject: root.subject(),
            issuer: root.issuer(),
        }),
        _ => Ok(()),
    }
}

/// Checks that all certificates are valid at a time.
pub(super) fn check_validity(chain: &[Certificate], now: UnixTime) -> Result<(), ChainError> {
    for certificate in chain {
        if now < certificate.not_before() {
            return Err(ChainError::NotYetValid {
                subject: certificate.subject(),
                from: certificate.not_before(),
                now,
            });
        }
        if now > certificate.not_after() {
            return Err(ChainError::Expired {
                subject: certificate.subject(),
                until: certificate.not_after(),
                now,
            });
        }
    }
    Ok(())
}

fn check_leaf(leaf: &Certificate) -> Result<(), ChainError> {
    let extensions = leaf.extensions();
    let subject = || leaf.subject();
    if extensions.is_authority() {
        return Err(ChainError::LeafIsAuthority { subject: subject() });
    }
    let fault = match &extensions.usage {
        Some((true, usage)) if !usage.digital_signature() => Some(UsageFault::Lacking),
        Some((true, usage)) => (usage.key_encipherment()
            || usage.data_encipherment()
            || usage.key_agreement()
            || usage.key_cert_sign()
            || usage.crl_sign()
            || usage.encipher_only()
            || usage.decipher_only())
        .then_some(UsageFault::Excessive),
        _ => Some(UsageFault::Absent),
    };
    if let Some(fault) = fault {
        return Err(ChainError::LeafUsage {
            subject: subject(),
            fault,
        });
    }
    let is_forbidden = |purpose| {
        [
            rfc5280::ANY_EXTENDED_KEY_USAGE,
            rfc5280::ID_KP_SERVER_AUTH,
            rfc5280::ID_KP_CLIENT_AUTH,
            rfc5280::ID_KP_EMAIL_PROTECTION,
            rfc5280::ID_KP_TIME_STAMPING,
        ]
        .contains(purpose)
    };
    match &extensions.purposes {
        Some((_, purposes))
            if !purposes.0.contains(&rfc5912::ID_KP_CODE_SIGNING)
                || purposes.0.iter().any(is_forbidden) =>
        {
            Err(ChainError::LeafPurpose { subject: subject() })
        }
        _ => Ok(()),
    }
}

/// Checks a certificate authority with so many others below it.
fn check_authority(authority: &Certificate, below: usize) -> Result<(), ChainError> {
    let extensions = authority.extensions();
    let subject = || authority.subject();
    let Some((true, constraints)) = &extensions.constraints else {
        return Err(ChainError::NotAuthority { subject: subject() });
    };
    if !constraints.ca {
        return Err(ChainError::NotAuthority { subject: subject() });
    }
    let fault = match &extensions.usage {
        Some((true, usage)) if usage.key_cert_sign() => None,
        Some((true, _)) => Some(UsageFault::Lacking),
        _ => Some(UsageFault::Absent),
    };
    if let Some(fault) = fault {
        return Err(ChainError::AuthorityUsage {
            subject: subject(),
            fault,
        });
    }
    match constraints.path_len_constraint {
        Some(max) if below > usize::from(max) => Err(ChainError::PathLength {
            subject: subject(),
            count: below,
            max,
        }),
        _ => Ok(()),
    }
}

impl fmt::Display for UsageFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Absent => "its key usage is missing or not marked critical",
            Self::Lacking => "its key usage does not allow it",
            Self::Excessive => "its key usage allows more than digital signatures",
        })
    }
}

impl fmt::Display for ChainError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => formatter.write_str("there is no certificate"),
            Self::LeafIsAuthority { subject } => write!(
                formatter,
                "the signer's certificate ({subject}) is a certificate authority's; sign with one that it issued"
            ),
            Self::LeafUsage { subject, fault } => write!(
                formatter,
                "the signer's certificate ({subject}) is not for digital signatures alone: {fault}"
            ),
            Self::LeafPurpose { subject } => write!(
                formatter,
                "the signer's certificate ({subject}) is not for signing code alone: its extended key usage says so"
            ),
            Self::NotAuthority { subject } => write!(
                formatter,
                "{subject} is no certificate authority: its basic constraints are missing, not critical, or deny it"
            ),
            Self::AuthorityUsage { subject, fault } => {
                write!(
                    formatter,
                    "{subject} is not for signing certificates: {fault}"
                )
            }
            Self::PathLength {
                subject,
                count,
                max,
            } => write!(
                formatter,
                "{subject} allows {max} certificate authorities below it, and there are {count}"
            ),
            Self::Order {
                subject,
                issuer,
                next,
            } => write!(
                formatter,
                "the certificates are not in order: {subject} was issued by {issuer}, and {next} follows"
            ),
            Self::Signature { subject } => write!(
                formatter,
                "the certificate of {subject} is not signed by the one that follows it"
            ),
            Self::SelfSigned { subject } => write!(
                formatter,
                "the certificate of {subject} is signed by itself, and yet others follow it"
            ),
            Self::Incomplete { subject, issuer } => write!(
                formatter,
                "the chain is incomplete: it ends with {subject}, and the certificate of {issuer} is missing"
            ),
            Self::NotYetValid { subject, from, now } => write!(
                formatter,
                "the certificate of {subject} is valid from {from} on, not at {now}; is the clock right?"
            ),
            Self::Expired {
                subject,
                until,
                now,
            } => write!(
                formatter,
                "the certificate of {subject} is valid until {until}, not at {now}; sign again with a new one"
            ),
        }
    }
}

impl core::error::Error for ChainError {}
