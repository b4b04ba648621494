//! What a policy says to an image and its signatures.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use super::super::time::UnixTime;
use super::super::trust_store::TrustStore;
use super::super::verify::{Anchors, Examination, Verified, VerifyError, examine};
use super::{Level, Statement};
use crate::descriptor::Descriptor;

/// Signatures that are looked at, at most: anybody may be able to add some, and each costs up to 12 checks of ECDSA.
pub const SIGNATURES_MAX: usize = 64;

/// What a statement says to an image.
#[derive(Clone, Debug)]
pub enum Judgement {
    /// A signature satisfies the statement.
    Trusted {
        /// The signature.
        by: Box<Verified>,
        /// What is wrong with it that the statement does not insist on.
        reported: Vec<Problem>,
    },
    /// The statement does not look at signatures.
    Skipped,
    /// The statement lets everything pass.
    Audited {
        /// The first signature without problems, if any.
        by: Option<Box<Verified>>,
        /// What it would otherwise have been refused for; empty if there is such a signature.
        problems: Vec<Problem>,
    },
    /// No signature satisfies the statement.
    Refused(Refusal),
}

/// What is wrong with the signatures of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// There is none.
    Unsigned,
    /// Something is wrong with one of them.
    Signature {
        /// Which; the first is 1.
        number: usize,
        /// What is wrong.
        error: VerifyError,
    },
    /// There were too many to look at all.
    TooMany {
        /// How many there are.
        count: usize,
        /// How many were looked at.
        max: usize,
    },
}

/// Why an image is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// It has no signature.
    Unsigned,
    /// None of its signatures satisfies the policy.
    Untrusted {
        /// What is wrong with each.
        problems: Vec<Problem>,
    },
}

/// Judges an image by its signatures. One that satisfies the statement is enough.
#[must_use]
pub fn judge(
    statement: &Statement,
    target: &Descriptor,
    signatures: &[Vec<u8>],
    store: &TrustStore,
    now: UnixTime,
) -> Judgement {
    match statement.level {
        Level::Skip => return Judgement::Skipped,
        Level::Audit if signatures.is_empty() && !statement.enforces_anything() => {
            return Judgement::Audited {
                by: None,
                problems: alloc::vec![Problem::Unsigned],
            };
        }
        _ if signatures.is_empty() => return Judgement::Refused(Refusal::Unsigned),
        _ => {}
    }
    let authorities = select(statement, store, "ca:");
    let signing_authorities = select(statement, store, "signingAuthority:");
    let anchors = Anchors {
        authorities: &authorities,
        signing_authorities: &signing_authorities,
    };
    let mut problems = Vec::new();
    let mut tolerated = None;
    for (position, envelope) in signatures.iter().take(SIGNATURES_MAX).enumerate() {
        let numbered = |error| Problem::Signature {
            number: position + 1,
            error,
        };
        match examine(envelope, target, &anchors, &statement.identities, now) {
            Ok(Examination { verified, faults }) => {
                let is_accepted = !faults.iter().any(|it| statement.enforces(it.check()));
                if faults.is_empty() {
                    return statement.accept(verified);
                }
                let faults: Vec<_> = faults.into_iter().map(numbered).collect();
                if is_accepted && tolerated.is_none() {
                    tolerated = Some((verified, faults.clone()));
                }
                problems.extend(faults);
            }
            Err(error) => problems.push(numbered(error)),
        }
    }
    if signatures.len() > SIGNATURES_MAX {
        problems.push(Problem::TooMany {
            count: signatures.len(),
            max: SIGNATURES_MAX,
        });
    }
    match (statement.level, tolerated) {
        (Level::Audit, _) if !statement.enforces_anything() => {
            Judgement::Audited { by: None, problems }
        }
        (_, Some((verified, reported))) => Judgement::Trusted {
            by: Box::new(verified),
            reported,
        },
        (_, None) => Judgement::Refused(Refusal::Untrusted { problems }),
    }
}

impl Statement {
    fn accept(&self, verified: Verified) -> Judgement {
        let by = Box::new(verified);
        if self.level == Level::Audit {
            return Judgement::Audited {
                by: Some(by),
                problems: Vec::new(),
            };
        }
        Judgement::Trusted {
            by,
            reported: Vec::new(),
        }
    }

    /// Whether an override makes even an audit insist on something.
    const fn enforces_anything(&self) -> bool {
        self.is_enforced.authenticity || self.is_enforced.timestamp || self.is_enforced.expiry
    }
}

fn select<'a>(statement: &Statement, store: &'a TrustStore, kind: &str) -> Vec<&'a [u8]> {
    let names: Vec<&str> = statement
        .trust_stores
        .iter()
        .map(alloc::string::String::as_str)
        .filter(|name| name.starts_with(kind))
        .collect();
    store.select(&names)
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsigned => formatter.write_str("it is not signed"),
            Self::Signature { number, .. } => {
                write!(formatter, "signature {number} does not count")
            }
            Self::TooMany { count, max } => write!(
                formatter,
                "it has {count} signatures, of which only {max} were looked at"
            ),
        }
    }
}

impl core::error::Error for Problem {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Signature { error, .. } => Some(error),
            _ => None,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsigned => formatter.write_str(
                "it is not signed, and the trust policy demands it; sign it with `thimble sign`",
            ),
            Self::Untrusted { .. } => {
                formatter.write_str("none of its signatures satisfies the trust policy")
            }
        }
    }
}

/// Its source is the first problem; the others are for who wants to see them all.
impl core::error::Error for Refusal {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Untrusted { problems } => problems
                .first()
                .map(|problem| problem as &(dyn core::error::Error + 'static)),
            Self::Unsigned => None,
        }
    }
}
