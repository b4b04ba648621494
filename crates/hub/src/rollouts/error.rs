//! Why a rollout did not do what was asked.

use std::fmt;

use thimble_hub_store::Error;
use thimble_rollout::SelectorError;
use thimble_rollout::placement::PlacementError;
use thimble_rollout::policy::PolicyError;
use thimble_rollout::snapshot::WrongState;

use crate::publish::PublishError;

/// Why a rollout did not do what was asked.
#[derive(Debug)]
#[non_exhaustive]
pub enum RolloutError {
    /// The store failed, or somebody was in the way.
    Store(Error),
    /// What devices are to have cannot be published.
    Publish(PublishError),
    /// The policy cannot be meant.
    Policy(PolicyError),
    /// A selector of the policy is none.
    Selector {
        /// Of which wave, from 0.
        wave: usize,
        /// Why.
        error: SelectorError,
    },
    /// The deployments cannot be placed.
    Placement(PlacementError),
    /// The rollout is in a state in which this cannot be done.
    State(WrongState),
    /// A later rollout of the deployment took its place.
    Superseded {
        /// Which.
        by: String,
    },
    /// The deployment has no such revision.
    NoRevision {
        /// Which was asked for.
        revision: u64,
        /// The last that there is.
        latest: u64,
    },
    /// The deployment is being removed.
    BeingRemoved,
    /// The wave needs no approval, or is over.
    NothingToApprove {
        /// Which wave, from 0.
        wave: u32,
    },
    /// None of the roles may approve this wave.
    WrongRole {
        /// Which wave, from 0.
        wave: u32,
        /// Which roles may.
        roles: Vec<String>,
    },
    /// Whoever began the rollout must not approve it.
    OwnRollout,
    /// What is kept cannot be read.
    Damaged {
        /// What.
        what: String,
        /// Why.
        reason: String,
    },
}

impl RolloutError {
    /// Says whether doing the same again may help.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        let (Self::Store(error) | Self::Publish(PublishError::Store(error))) = self else {
            return matches!(self, Self::Publish(PublishError::Blobs(_)));
        };
        !matches!(error, Error::Corrupt { .. } | Error::Newer { .. })
    }
}

impl fmt::Display for RolloutError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(_) => formatter.write_str("the store failed"),
            Self::Publish(_) => formatter.write_str("what devices are to have cannot be published"),
            Self::Policy(_) => formatter.write_str("the policy cannot be meant"),
            Self::Selector { wave, .. } => {
                write!(formatter, "the selector of wave {} is none", wave + 1)
            }
            Self::Placement(_) => formatter.write_str("the deployments cannot be placed"),
            Self::State(error) => write!(formatter, "{error}"),
            Self::Superseded { by } => write!(
                formatter,
                "rollout {by} took the place of this one: change that one"
            ),
            Self::NoRevision { revision, latest } => write!(
                formatter,
                "the deployment has no revision {revision}: the last is {latest}"
            ),
            Self::BeingRemoved => formatter.write_str("the deployment is being removed"),
            Self::NothingToApprove { wave } => write!(
                formatter,
                "wave {} needs no approval, or is over",
                u64::from(*wave) + 1
            ),
            Self::WrongRole { wave, roles } => write!(
                formatter,
                "wave {} has to be approved by one of: {}",
                u64::from(*wave) + 1,
                roles.join(", ")
            ),
            Self::OwnRollout => formatter
                .write_str("whoever began a rollout cannot be one of two people who approve it"),
            Self::Damaged { what, reason } => {
                write!(formatter, "what is kept as {what} cannot be read: {reason}")
            }
        }
    }
}

impl std::error::Error for RolloutError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Store(error) => Some(error),
            Self::Publish(error) => Some(error),
            Self::Policy(error) => Some(error),
            Self::Selector { error, .. } => Some(error),
            Self::Placement(error) => Some(error),
            _ => None,
        }
    }
}

impl From<Error> for RolloutError {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl From<PublishError> for RolloutError {
    fn from(error: PublishError) -> Self {
        Self::Publish(error)
    }
}

impl From<PolicyError> for RolloutError {
    fn from(error: PolicyError) -> Self {
        Self::Policy(error)
    }
}

impl From<PlacementError> for RolloutError {
    fn from(error: PlacementError) -> Self {
        Self::Placement(error)
    }
}

impl From<WrongState> for RolloutError {
    fn from(error: WrongState) -> Self {
        Self::State(error)
    }
}
