//! Takes note of what was done.

use thimble_protocol::DeploymentId;
use thimble_protocol::report::{DeploymentState, Phase};

use super::super::work::{Observation, Part, PartStep};
use super::super::{Agent, Turn};

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
            self.rolled_back(turn, deployment);
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
            if let Some(entry) = self.kept.entry_mut(deployment) {
                entry.trial = None;
            }
            self.rolled_back(turn, deployment);
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

    /// What was before runs again.
    pub(super) fn rolled_back(&mut self, turn: &mut Turn<'_>, deployment: DeploymentId) {
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
}
