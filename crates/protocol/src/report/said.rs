//! What a report says of a change that the hub asked for: read in one place, by every hub and by whoever plays one.

use thimble_image::Digest;

use super::{DeploymentState, DeploymentStatus, Phase, ReasonCode, Report};
use crate::ids::{DeploymentId, StateVersion};

/// A change of one deployment, by a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which deployment.
    pub deployment: DeploymentId,
    /// What is to come of it.
    pub goal: Goal,
    /// The state with which the device was told.
    pub version: StateVersion,
    /// The newest state that the hub gave the device.
    pub newest: StateVersion,
}

/// What is to come of a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// This manifest is to be in force; any, if it is not known which.
    Installed(Option<Digest>),
    /// It is to be gone.
    Removed,
}

/// What a device says of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said<'a> {
    /// Nothing: what it said was before it knew of the change.
    Nothing,
    /// It is at it.
    Working,
    /// Its app said no, and is asked again.
    Vetoed,
    /// It waits for the end of a hold.
    Held,
    /// It waits for a window, or as long as the hub asked it to.
    Waiting,
    /// It is in force, or gone.
    Done,
    /// It could not be brought into force.
    Failed {
        /// Why, if the device says so.
        why: Option<&'a str>,
    },
}

impl Report {
    /// Returns what this says of a change. What was said before the device took the state with the change is about something
    /// else, and so is what it says of a state that the hub does not know, since it was restored from a backup.
    #[must_use]
    pub fn says_of(&self, change: &Change) -> Said<'_> {
        if self.adopted < change.version || self.adopted > change.newest {
            return Said::Nothing;
        }
        let Some(deployments) = &self.deployments else {
            return Said::Nothing;
        };
        let mut all = deployments.iter();
        let status = all.find(|status| status.deployment == change.deployment);
        match (change.goal, status) {
            (Goal::Removed, None) => Said::Done,
            (Goal::Removed, Some(status)) => status.says_of_removal(),
            (Goal::Installed(_), None) => Said::Nothing,
            (Goal::Installed(manifest), Some(status)) => status.says_of(manifest),
        }
    }
}

impl DeploymentStatus {
    /// Says whether a container of it is unhealthy or crashes now. One that went back is well again.
    #[must_use]
    pub fn is_unhealthy(&self) -> bool {
        let mut containers = self.containers.iter();
        containers.any(|container| container.state == "failed" || container.health == "unhealthy")
    }

    /// Says whether the device is at something here, or tries again by itself what it could not prepare or put back: it may be
    /// down at any time.
    #[must_use]
    pub fn is_retrying(&self) -> bool {
        match self.phase {
            Phase::RolledBack => false,
            Phase::Idle => self.state == DeploymentState::Failed,
            _ => true,
        }
    }

    fn says_of(&self, manifest: Option<Digest>) -> Said<'_> {
        if manifest.is_some_and(|manifest| manifest != self.manifest) {
            return Said::Working;
        }
        match (self.state, self.phase) {
            // What was before is not back yet: the device is down until it is.
            (_, Phase::RollingBack) => Said::Working,
            (DeploymentState::Failed, _) | (_, Phase::RolledBack) => self.failed(),
            (DeploymentState::Installed, Phase::Idle) => Said::Done,
            (_, Phase::Vetoed) => Said::Vetoed,
            (_, Phase::Waiting) => match &self.reason {
                Some(reason) if reason.code == ReasonCode::Held => Said::Held,
                _ => Said::Waiting,
            },
            _ => Said::Working,
        }
    }

    fn says_of_removal(&self) -> Said<'_> {
        match self.state {
            DeploymentState::Removed => Said::Done,
            DeploymentState::Failed => self.failed(),
            _ if self.phase == Phase::Vetoed => Said::Vetoed,
            _ => Said::Working,
        }
    }

    fn failed(&self) -> Said<'_> {
        Said::Failed {
            why: self.reason.as_ref().map(|reason| reason.text.as_str()),
        }
    }
}

#[cfg(test)]
mod tests;
