//! Takes note of what was done.

use thimble_protocol::DeploymentId;
use thimble_protocol::report::{DeploymentState, Phase};

use super::super::work::{Observation, Part, PartStep};
use super::super::{Agent, Turn};
use crate::kept::{Trial, Version};

impl Agent {
    pub(in super::super) fn stopped(&mut self, deployment: DeploymentId) {
        if let Some(part) = self.part_mut(deployment) {
            part.failures = 0;
            part.step = match part.step {
                PartStep::StopTried => PartStep::PutBack,
                PartStep::Stop => PartStep::Apply,
                other => other,
            };
        }
    }

    pub(in super::super) fn removed(&mut self, turn: &mut Turn<'_>, deployment: DeploymentId) {
        let Some(entry) = self.kept.entry_mut(deployment) else {
            return;
        };
        let Some(trial) = entry.trial.take() else {
            return;
        };
        if trial.is_rolling_back {
            self.rolled_back(turn, deployment, Some(&trial));
            return;
        }
        entry.removed = entry.running.take().map(|version| version.manifest);
        entry.is_broken = false;
        entry.condition.containers.clear();
        entry.condition.is_told = false;
        self.set(deployment, DeploymentState::Removed, Phase::Idle, None);
        self.end_part(deployment);
        self.save(turn);
    }

    pub(in super::super) fn applied(&mut self, turn: &mut Turn<'_>, deployment: DeploymentId) {
        let (now_ms, answers) = (turn.now.ms, self.contact.answers);
        let Some(part) = self.part_mut(deployment) else {
            return;
        };
        part.failures = 0;
        if part.step == PartStep::PutBack {
            let entry = self.kept.entry_mut(deployment);
            let trial = entry.and_then(|entry| entry.trial.take());
            self.rolled_back(turn, deployment, trial.as_ref());
            return;
        }
        part.step = PartStep::Probation;
        part.since_ms = now_ms;
        part.answers = answers;
        part.observation = Observation::NotAsked;
        self.set(
            deployment,
            DeploymentState::Installing,
            Phase::Probation,
            None,
        );
        let Some(executing) = self.executing() else {
            return;
        };
        let is_settled = |part: &Part| matches!(part.step, PartStep::Probation | PartStep::Over);
        if executing.parts.iter().all(is_settled) && !self.kept.is_on_probation {
            self.kept.is_on_probation = true;
            self.save(turn);
        }
    }

    /// What was before runs again, instead of what was tried.
    fn rolled_back(
        &mut self,
        turn: &mut Turn<'_>,
        deployment: DeploymentId,
        trial: Option<&Trial>,
    ) {
        let Some(entry) = self.kept.entry_mut(deployment) else {
            return;
        };
        let was_broken = core::mem::replace(&mut entry.is_broken, false);
        entry.condition.failures = 0;
        // What depends on one that failed is tried again with it; what failed itself is refused when its manifest is opened.
        entry.condition.not_before_ms = if was_broken {
            0
        } else {
            entry.condition.not_before_ms
        };
        let is_wanted = entry.wanted.is_some();
        let reason = entry.condition.reason.clone();
        let is_as_declared = !self
            .kept
            .entry(deployment)
            .is_some_and(|entry| self.kept.differs(entry));
        if is_as_declared && is_wanted {
            self.set(deployment, DeploymentState::Installed, Phase::Idle, None);
        } else if is_as_declared {
            self.set(deployment, DeploymentState::Removed, Phase::Idle, reason);
        } else if trial.is_some_and(|trial| !self.is_wanted(deployment, trial.target.as_ref())) {
            // What failed is not what is declared by now, of which nothing can be said yet.
            self.describe_next(deployment);
        } else {
            self.set(
                deployment,
                DeploymentState::Failed,
                Phase::RolledBack,
                reason,
            );
        }
        self.end_part(deployment);
        self.save(turn);
    }

    /// Whether this is what is declared.
    fn is_wanted(&self, deployment: DeploymentId, version: Option<&Version>) -> bool {
        let entry = self.kept.entry(deployment);
        let wanted = entry.and_then(|entry| entry.wanted.as_ref());
        wanted.map(|wanted| wanted.manifest) == version.map(|version| version.manifest)
    }

    /// Something is at its end, and something else is declared meanwhile: its turn comes.
    pub(in super::super) fn describe_next(&mut self, deployment: DeploymentId) {
        let entry = self.kept.entry(deployment);
        let state = if entry.is_some_and(|entry| entry.wanted.is_some()) {
            DeploymentState::Pending
        } else {
            DeploymentState::Removing
        };
        self.set(deployment, state, Phase::Idle, None);
    }
}
