//! What comes of a step that failed: another attempt, the way back, or a repair later.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use thimble_protocol::DeploymentId;
use thimble_protocol::report::{DeploymentState, Phase, Reason, ReasonCode};

use super::super::work::{Part, PartStep, Work};
use super::super::{Agent, Turn};
use super::{ATTEMPTS_MAX, LATER_MS};
use crate::event::Failure;
use crate::kept::Trial;

impl Agent {
    /// A step failed: it is done again, or the trial has failed, or what was before is broken.
    pub(in super::super) fn not_done(
        &mut self,
        turn: &mut Turn<'_>,
        deployment: DeploymentId,
        failure: Failure,
    ) {
        let Some(part) = self.part_mut(deployment) else {
            return;
        };
        part.was_fetched = false;
        part.failures = part.failures.saturating_add(1);
        let (step, failures) = (part.step, part.failures);
        let is_fatal = !failure.is_passing && matches!(step, PartStep::Apply | PartStep::Load);
        if !is_fatal && failures < ATTEMPTS_MAX {
            let wake_ms = turn.now.ms.saturating_add(self.backoff_ms(failures));
            if let Some(executing) = self.executing() {
                executing.wake_ms = Some(wake_ms);
            }
            return;
        }
        let is_removal = self.kept.entry(deployment).is_some_and(|entry| {
            matches!(
                &entry.trial,
                Some(Trial {
                    target: None,
                    is_rolling_back: false
                })
            )
        });
        match step {
            PartStep::Apply => self.fail_part(turn, deployment, failure.code, failure.text),
            PartStep::Load | PartStep::Stop if !is_removal => {
                // What is tried is not to blame.
                let not_before_ms = turn.now.ms.saturating_add(LATER_MS);
                self.mark_back(deployment, failure.code, failure.text, not_before_ms);
                self.take_back(turn, deployment);
            }
            _ => {
                self.break_off(turn, deployment, failure);
                if is_removal {
                    // What comes may need its room, or its name.
                    self.take_back(turn, deployment);
                }
            }
        }
    }

    /// What was before cannot be put back, or what is to go cannot be removed: tried again later, for as long as it takes.
    pub(super) fn break_off(
        &mut self,
        turn: &mut Turn<'_>,
        deployment: DeploymentId,
        failure: Failure,
    ) {
        let failures = self
            .kept
            .entry(deployment)
            .map_or(0, |entry| entry.condition.failures);
        let not_before_ms = turn
            .now
            .ms
            .saturating_add(self.backoff_ms(failures.saturating_add(2)).min(LATER_MS));
        let Some(entry) = self.kept.entry_mut(deployment) else {
            return;
        };
        let is_removal = matches!(
            entry.trial.take(),
            Some(Trial {
                target: None,
                is_rolling_back: false
            })
        );
        entry.is_broken = !is_removal;
        entry.condition.failures = failures.saturating_add(1);
        entry.condition.not_before_ms = not_before_ms;
        let Failure { code, text, .. } = failure;
        let phase = if entry.wanted.is_some() {
            Phase::RollingBack
        } else {
            Phase::Idle
        };
        self.set(
            deployment,
            DeploymentState::Failed,
            phase,
            Some(Reason { code, text }),
        );
        self.end_part(deployment);
        self.save(turn);
    }

    /// A trial has failed: it and what depends on it are put back.
    pub(in super::super) fn fail_part(
        &mut self,
        turn: &mut Turn<'_>,
        deployment: DeploymentId,
        code: ReasonCode,
        text: String,
    ) {
        self.mark_failed(deployment, code, text);
        self.take_back(turn, deployment);
    }

    /// What is marked to be put back is put back, and what depends on it too.
    fn take_back(&mut self, turn: &mut Turn<'_>, deployment: DeploymentId) {
        let is_tight = self.kept.is_tight;
        let mut failed = Vec::from([deployment]);
        while let Some(one) = failed.pop() {
            if let Some(part) = self
                .part_mut(one)
                .filter(|part| part.step != PartStep::Over)
            {
                part.roll_back();
            }
            for bound in self.bound_to(one) {
                let text = if is_tight {
                    format!("{one} failed, and there is no room for that as it was beside this")
                } else {
                    format!("{one}, on which it depends, failed")
                };
                let reason = Reason {
                    code: ReasonCode::Dependency,
                    text,
                };
                self.set(
                    bound,
                    DeploymentState::Failed,
                    Phase::RollingBack,
                    Some(reason),
                );
                if let Some(trial) = self
                    .kept
                    .entry_mut(bound)
                    .and_then(|entry| entry.trial.as_mut())
                {
                    trial.is_rolling_back = true;
                }
                failed.push(bound);
            }
        }
        self.save(turn);
    }

    /// Deployments that are tried and cannot stay if another one is put back or stays: they depend on it, need its room, or
    /// are to have its name.
    fn bound_to(&self, one: DeploymentId) -> Vec<DeploymentId> {
        let holder = self.kept.entry(one).filter(|entry| entry.running.is_some());
        let app = holder.map(|entry| entry.app.as_str());
        let Work::Executing(executing) = &self.work else {
            return Vec::new();
        };
        let is_tried = |part: &&Part| {
            let is_back = matches!(
                part.step,
                PartStep::StopTried | PartStep::PutBack | PartStep::Over
            );
            part.deployment != one && !is_back
        };
        let is_bound = |part: &&Part| {
            let entry = self.kept.entry(part.deployment);
            let trial = entry.and_then(|entry| entry.trial.as_ref());
            let is_update =
                trial.is_some_and(|trial| trial.target.is_some() && !trial.is_rolling_back);
            let depends = part
                .manifest
                .as_ref()
                .is_some_and(|manifest| manifest.depends_on.contains(&one));
            let has_name = app.is_some() && entry.map(|entry| entry.app.as_str()) == app;
            is_update && (self.kept.is_tight || depends || has_name)
        };
        let parts = executing.parts.iter();
        parts
            .filter(is_tried)
            .filter(is_bound)
            .map(|part| part.deployment)
            .collect()
    }

    /// Notes that what is tried failed, and is not to be tried again.
    pub(super) fn mark_failed(&mut self, deployment: DeploymentId, code: ReasonCode, text: String) {
        let Some(entry) = self.kept.entry(deployment) else {
            return;
        };
        let target = entry.trial.as_ref().and_then(|trial| trial.target.clone());
        let tried = target.as_ref().map(|target| target.manifest);
        let is_still_wanted = entry.wanted.as_ref().map(|wanted| wanted.manifest) == tried;
        if let Some(target) = target {
            self.kept.remember_failure(&target, code);
        }
        let not_before_ms = if is_still_wanted { u64::MAX } else { 0 };
        self.mark_back(deployment, code, text, not_before_ms);
    }

    /// Notes that what was before is put back.
    fn mark_back(
        &mut self,
        deployment: DeploymentId,
        code: ReasonCode,
        text: String,
        not_before_ms: u64,
    ) {
        let Some(entry) = self.kept.entry_mut(deployment) else {
            return;
        };
        let Some(trial) = &mut entry.trial else {
            return;
        };
        trial.is_rolling_back = true;
        entry.condition.not_before_ms = not_before_ms;
        self.set(
            deployment,
            DeploymentState::Failed,
            Phase::RollingBack,
            Some(Reason { code, text }),
        );
    }
}
