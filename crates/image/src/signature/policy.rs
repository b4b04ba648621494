//! The policy that says which images must be signed, by whom, and what happens if they are not.
//!
//! Reads notation's `trustpolicy.json`, version 1.0 (trust policy specification). Deny by default: where a policy
//! exists, what no statement covers is refused.

mod error;
mod judge;
mod wire;

pub use error::{PolicyError, StatementError};
pub use judge::{Judgement, Problem, Refusal, SIGNATURES_MAX, judge};

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt;

use super::identity::Identity;
use super::trust_store;
use super::verify::Check;

/// Bytes of a policy at most.
pub const POLICY_BYTES_MAX: usize = 1 << 20;
/// Statements of a policy at most.
const STATEMENTS_MAX: usize = 1024;
/// Scopes, trust stores or identities of a statement at most.
const LIST_MAX: usize = 1024;
/// The scope of everything that no other statement covers.
const EVERYTHING: &str = "*";
/// The scope of modules that come from a file and not from a registry. Ours, not notation's.
pub const FILE_SCOPE: &str = "file";
const VERSION: &str = "1.0";

/// A policy that can be applied.
#[derive(Clone, Debug)]
pub struct TrustPolicy {
    statements: Vec<Statement>,
    /// Which statement covers a scope.
    scopes: BTreeMap<String, usize>,
}

/// What a policy demands of the images in its scopes.
#[derive(Clone, Debug)]
pub struct Statement {
    name: String,
    level: Level,
    is_enforced: Enforced,
    trust_stores: Vec<String>,
    identities: Vec<Identity>,
}

/// How strict a statement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// All checks must succeed.
    Strict,
    /// Integrity and authenticity must hold; times are only reported.
    Permissive,
    /// Everything is checked and nothing is refused.
    Audit,
    /// Nothing is looked at.
    Skip,
}

/// Which checks must succeed.
#[derive(Clone, Copy, Debug)]
struct Enforced {
    authenticity: bool,
    timestamp: bool,
    expiry: bool,
}

impl TrustPolicy {
    /// Reads a policy.
    ///
    /// # Errors
    /// [`PolicyError`] says what is wrong with it, and in which statement.
    pub fn parse(json: &[u8]) -> Result<Self, PolicyError> {
        if json.len() > POLICY_BYTES_MAX {
            return Err(PolicyError::TooLarge {
                bytes: json.len(),
                bytes_max: POLICY_BYTES_MAX,
            });
        }
        let wire: wire::Policy =
            serde_json::from_slice(json).map_err(|error| PolicyError::Malformed {
                reason: error.to_string(),
            })?;
        if wire.version != VERSION {
            return Err(PolicyError::Version {
                found: wire.version,
            });
        }
        if wire.trust_policies.is_empty() {
            return Err(PolicyError::Empty);
        }
        if wire.trust_policies.len() > STATEMENTS_MAX {
            return Err(PolicyError::TooManyStatements {
                max: STATEMENTS_MAX,
            });
        }
        let mut policy = Self {
            statements: Vec::with_capacity(wire.trust_policies.len()),
            scopes: BTreeMap::new(),
        };
        for (position, statement) in wire.trust_policies.into_iter().enumerate() {
            let name = statement.name.clone();
            policy
                .add(statement)
                .map_err(|error| PolicyError::Statement {
                    number: position + 1,
                    name,
                    error,
                })?;
        }
        Ok(policy)
    }

    /// The statement that covers an image by its registry and repository, or [`FILE_SCOPE`]. None: it is refused.
    #[must_use]
    pub fn statement(&self, name: &str) -> Option<&Statement> {
        let position = self
            .scopes
            .get(name)
            .or_else(|| self.scopes.get(EVERYTHING))?;
        self.statements.get(*position)
    }

    /// All statements, in their order.
    #[must_use]
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    fn add(&mut self, wire: wire::Statement) -> Result<(), StatementError> {
        let name = &wire.name;
        if name.is_empty() || self.statements.iter().any(|it| it.name == *name) {
            return Err(StatementError::Name);
        }
        check_scopes(&wire.registry_scopes)?;
        let position = self.statements.len();
        for scope in &wire.registry_scopes {
            if self.scopes.insert(scope.clone(), position).is_some() {
                return Err(StatementError::ScopeTwice {
                    scope: scope.clone(),
                });
            }
        }
        self.statements.push(Statement::of(wire)?);
        Ok(())
    }
}

impl Statement {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How strict it is.
    #[must_use]
    pub const fn level(&self) -> Level {
        self.level
    }

    /// The sets of trusted certificates that count, as `ca:NAME`.
    #[must_use]
    pub fn trust_stores(&self) -> &[String] {
        &self.trust_stores
    }

    /// Who may have signed.
    #[must_use]
    pub fn identities(&self) -> &[Identity] {
        &self.identities
    }

    /// Whether a failed check refuses the image; else it is only reported.
    #[must_use]
    pub const fn enforces(&self, check: Check) -> bool {
        match check {
            // Where audit is the level, nothing is refused: an image without any signature would pass as well.
            Check::Integrity => matches!(self.level, Level::Strict | Level::Permissive),
            Check::Authenticity => self.is_enforced.authenticity,
            Check::Timestamp => self.is_enforced.timestamp,
            Check::Expiry => self.is_enforced.expiry,
        }
    }

    fn of(wire: wire::Statement) -> Result<Self, StatementError> {
        let verification = &wire.signature_verification;
        let level = Level::parse(&verification.level)?;
        let is_enforced = Enforced::of(level, &verification.r#override)?;
        if level == Level::Skip {
            if wire.registry_scopes.iter().any(|it| it == EVERYTHING) {
                return Err(StatementError::SkipEverything);
            }
            if !wire.trust_stores.is_empty() || !wire.trusted_identities.is_empty() {
                return Err(StatementError::SkipWithTrust);
            }
        } else if wire.trust_stores.is_empty() {
            return Err(StatementError::NoTrustStore);
        } else if wire.trusted_identities.is_empty() {
            return Err(StatementError::NoIdentity);
        }
        check_count("trust stores", wire.trust_stores.len())?;
        if let Some(wrong) = wire
            .trust_stores
            .iter()
            .find(|name| !trust_store::is_set_name(name))
        {
            return Err(StatementError::TrustStore {
                found: wrong.clone(),
            });
        }
        Ok(Self {
            identities: read_identities(&wire.trusted_identities)?,
            name: wire.name,
            level,
            is_enforced,
            trust_stores: wire.trust_stores,
        })
    }
}

impl Level {
    fn parse(text: &str) -> Result<Self, StatementError> {
        [Self::Strict, Self::Permissive, Self::Audit, Self::Skip]
            .into_iter()
            .find(|level| level.name() == text)
            .ok_or_else(|| StatementError::Level { found: text.into() })
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Permissive => "permissive",
            Self::Audit => "audit",
            Self::Skip => "skip",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl Enforced {
    fn of(level: Level, overrides: &BTreeMap<String, String>) -> Result<Self, StatementError> {
        let mut enforced = Self {
            authenticity: matches!(level, Level::Strict | Level::Permissive),
            timestamp: level == Level::Strict,
            expiry: level == Level::Strict,
        };
        if level == Level::Skip && !overrides.is_empty() {
            return Err(StatementError::SkipOverride);
        }
        for (check, action) in overrides {
            let wrong = || StatementError::Override {
                check: check.clone(),
                action: action.clone(),
            };
            // Revocation is not looked up, whatever is said about it.
            let field = match (check.as_str(), action.as_str()) {
                ("revocation", "enforce" | "log" | "skip") => continue,
                ("authenticity", _) => &mut enforced.authenticity,
                ("authenticTimestamp", _) => &mut enforced.timestamp,
                ("expiry", _) => &mut enforced.expiry,
                _ => return Err(wrong()),
            };
            *field = match action.as_str() {
                "enforce" => true,
                "log" => false,
                _ => return Err(wrong()),
            };
        }
        Ok(enforced)
    }
}

fn check_scopes(scopes: &[String]) -> Result<(), StatementError> {
    check_count("scopes", scopes.len())?;
    if scopes.is_empty() {
        return Err(StatementError::NoScope);
    }
    if scopes.len() > 1 && scopes.iter().any(|scope| scope == EVERYTHING) {
        return Err(StatementError::EverythingAndMore);
    }
    let is_scope = |scope: &str| {
        scope == EVERYTHING
            || scope == FILE_SCOPE
            || scope.split_once('/').is_some_and(|(registry, repository)| {
                !registry.is_empty() && !repository.is_empty()
            }) && scope
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !b"*@\\\"".contains(&byte))
    };
    match scopes.iter().find(|scope| !is_scope(scope)) {
        Some(scope) => Err(StatementError::Scope {
            found: scope.clone(),
        }),
        None => Ok(()),
    }
}

fn read_identities(texts: &[String]) -> Result<Vec<Identity>, StatementError> {
    check_count("trusted identities", texts.len())?;
    let mut identities: Vec<Identity> = Vec::with_capacity(texts.len());
    for text in texts {
        let identity = Identity::parse(text).map_err(StatementError::Identity)?;
        let overlaps = |other: &Identity| other.covers(&identity) || identity.covers(other);
        if identities.iter().any(overlaps) {
            return Err(StatementError::IdentityOverlap { text: text.clone() });
        }
        identities.push(identity);
    }
    Ok(identities)
}

fn check_count(what: &'static str, count: usize) -> Result<(), StatementError> {
    if count > LIST_MAX {
        return Err(StatementError::TooMany {
            what,
            max: LIST_MAX,
        });
    }
    Ok(())
}
