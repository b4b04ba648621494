//! What comes of a step that failed: another attempt, the way back, or a repair later.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use thimble_protocol::DeploymentId;
use thimble_protocol::report::{DeploymentState, Phase, Reason, ReasonCode};

use super::super::work::PartStep;
use super::super::{Agent, Turn};
use super::{ATTEMPTS_MAX, LATER_MS};
use crate::event::Failure;
use crate::kept::Entry;
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
            PartStep::StopTried => self.stopped(deployment),
            PartStep::Load | PartStep::Stop | PartStep::Apply if !is_removal => {
                self.fail_part(turn, deployment, failure.code, failure.text);
            }
            _ => self.break_off(turn, deployment, failure),
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
        let is_tight = self.kept.is_tight;
        let is_update = |entry: &&Entry| {
            entry
                .trial
                .as_ref()
                .is_some_and(|trial| trial.target.is_some())
        };
        let updates: Vec<DeploymentId> = self
            .kept
            .entries
            .iter()
            .filter(is_update)
            .map(|entry| entry.deployment)
            .collect();
        let mut failed = Vec::from([deployment]);
        while let Some(one) = failed.pop() {
            let Some(executing) = self.executing() else {
                break;
            };
            let mut dependents = Vec::new();
            for part in &mut executing.parts {
                if part.deployment == one {
                    part.roll_back();
                }
                let depends = part
                    .manifest
                    .as_ref()
                    .is_some_and(|manifest| manifest.depends_on.contains(&one));
                let is_tried = !matches!(
                    part.step,
                    PartStep::StopTried | PartStep::PutBack | PartStep::Over
                );
                let is_bound = depends || (is_tight && updates.contains(&part.deployment));
                if is_bound && is_tried {
                    dependents.push(part.deployment);
                }
            }
            for dependent in dependents {
                let reason = Reason {
                    code: ReasonCode::Dependency,
                    text: if is_tight {
                        format!("{one} failed, and there is no room for that as it was beside this")
                    } else {
                        format!("{one}, on which it depends, failed")
                    },
                };
                self.set(
                    dependent,
                    DeploymentState::Failed,
                    Phase::RollingBack,
                    Some(reason),
                );
                if let Some(trial) = self
                    .kept
                    .entry_mut(dependent)
                    .and_then(|entry| entry.trial.as_mut())
                {
                    trial.is_rolling_back = true;
                }
                failed.push(dependent);
            }
        }
        self.save(turn);
    }

    /// Notes that what is tried failed, and is not to be tried again.
    pub(super) fn mark_failed(&mut self, deployment: DeploymentId, code: ReasonCode, text: String) {
        let Some(trial) = self
            .kept
            .entry_mut(deployment)
            .and_then(|entry| entry.trial.as_mut())
        else {
            return;
        };
        trial.is_rolling_back = true;
        let target = trial.target.clone();
        let tried = target.as_ref().map(|target| target.manifest);
        if let Some(target) = target {
            self.kept.remember_failure(&target, code);
        }
        if let Some(entry) = self.kept.entry_mut(deployment) {
            let is_still_wanted = entry.wanted.as_ref().map(|wanted| wanted.manifest) == tried;
            entry.condition.not_before_ms = if is_still_wanted { u64::MAX } else { 0 };
        }
        self.set(
            deployment,
            DeploymentState::Failed,
            Phase::RollingBack,
            Some(Reason { code, text }),
        );
    }
}
