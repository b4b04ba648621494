//! What is to change.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use thimble_protocol::manifest::Blob;
use thimble_protocol::report::{DeploymentState, Phase, Reason, ReasonCode};
use thimble_protocol::{DeploymentId, Manifest};

use super::work::{Change, Preparing, Step, Target, Work};
use super::{Agent, Turn};
use crate::kept::Entry;

impl Agent {
    /// Begins what is to be done next, if there is anything. Returns whether it did.
    pub(super) fn plan(&mut self, turn: &mut Turn<'_>) -> bool {
        if self.repair(turn) {
            return true;
        }
        self.commit_state(turn);
        if self.kept.is_rejected {
            return self.put_back_state(turn);
        }
        let is_due = |entry: &&Entry| {
            entry.condition.not_before_ms <= turn.now.ms && self.kept.differs(entry)
        };
        if !self.kept.entries.iter().any(|entry| is_due(&entry)) {
            return false;
        }
        let mut changes: Vec<Change> = self
            .kept
            .entries
            .iter()
            .filter(is_due)
            .map(change)
            .collect();
        changes.sort_by_key(|change| change.target.is_none());
        self.work = Work::Preparing(Box::new(Preparing {
            step: Step::Open,
            changes,
            blobs: Vec::new(),
            wake_ms: None,
            failures: 0,
            is_tight: false,
        }));
        true
    }

    /// When there is something to plan.
    pub(super) fn plan_deadline(&self) -> Option<u64> {
        let is_waiting = |entry: &&Entry| {
            entry.is_broken || (!self.kept.is_rejected && self.kept.differs(entry))
        };
        let waiting = self.kept.entries.iter().filter(is_waiting);
        let times = waiting.map(|entry| entry.condition.not_before_ms);
        times
            .filter(|not_before_ms| *not_before_ms != u64::MAX)
            .min()
    }

    /// Puts back what could not be put back before.
    fn repair(&mut self, turn: &mut Turn<'_>) -> bool {
        let is_due =
            |entry: &Entry| entry.is_broken && entry.condition.not_before_ms <= turn.now.ms;
        let mut due = self
            .kept
            .entries
            .iter_mut()
            .filter(|entry| is_due(entry))
            .peekable();
        if due.peek().is_none() {
            return false;
        }
        for entry in due {
            let target = entry.running.clone();
            entry.trial = Some(crate::kept::Trial {
                target,
                is_rolling_back: true,
            });
        }
        self.save(turn);
        self.execute_kept();
        true
    }

    /// Notes that all of the adopted state is in force.
    fn commit_state(&mut self, turn: &mut Turn<'_>) {
        if self.kept.committed == self.kept.adopted || self.kept.is_rejected {
            return;
        }
        let is_done = |entry: &Entry| !entry.is_broken && !self.kept.differs(entry);
        if self.kept.entries.iter().all(is_done) {
            self.kept.committed = self.kept.adopted;
            self.reporting.is_dirty = true;
            self.save(turn);
        }
    }

    /// Leaves a change out of the round, and whatever depends on it.
    pub(super) fn leave_out(&mut self, deployment: DeploymentId, why: Left) {
        let Left {
            state,
            phase,
            reason,
            not_before_ms,
        } = why;
        self.set(deployment, state, phase, Some(reason));
        if let Some(entry) = self.kept.entry_mut(deployment) {
            entry.condition.not_before_ms = not_before_ms;
        }
        let Work::Preparing(preparing) = &mut self.work else {
            return;
        };
        preparing
            .changes
            .retain(|change| change.deployment != deployment);
        if preparing.step == Step::Fetch {
            // Others may need blobs that were fetched for this one.
            preparing.blobs.clear();
            preparing.step = Step::Measure;
        }
        // What stays keeps its name.
        let holder = self
            .kept
            .entry(deployment)
            .filter(|entry| entry.running.is_some());
        let app = holder.map(|entry| entry.app.as_str());
        let depends = |change: &&Change| {
            let needs = |manifest: &Manifest| {
                manifest.depends_on.contains(&deployment) || Some(manifest.app.as_str()) == app
            };
            change.manifest().is_some_and(needs)
        };
        let dependents: Vec<DeploymentId> = preparing
            .changes
            .iter()
            .filter(depends)
            .map(|change| change.deployment)
            .collect();
        for dependent in dependents {
            self.leave_out(dependent, Left::dependency(deployment, not_before_ms));
        }
    }

    /// Says how a deployment is. What is new is reported.
    pub(super) fn set(
        &mut self,
        deployment: DeploymentId,
        state: DeploymentState,
        phase: Phase,
        reason: Option<Reason>,
    ) {
        let Some(entry) = self.kept.entry_mut(deployment) else {
            return;
        };
        let condition = &mut entry.condition;
        if (condition.state, condition.phase) != (state, phase) || condition.reason != reason {
            condition.state = state;
            condition.phase = phase;
            condition.reason = reason;
            self.reporting.is_dirty = true;
        }
    }

    /// Says how far the preparations of a deployment are, unless it failed or was refused before: then nothing is said
    /// until that has changed, so that trying again does not cost a report each time.
    pub(super) fn progress(
        &mut self,
        deployment: DeploymentId,
        phase: Phase,
        reason: Option<Reason>,
    ) {
        let Some(entry) = self.kept.entry(deployment) else {
            return;
        };
        let is_early = matches!(phase, Phase::Fetching | Phase::Verifying);
        let is_failed = entry.condition.state == DeploymentState::Failed;
        let is_vetoed = entry.condition.phase == Phase::Vetoed;
        if (is_failed && is_early) || (is_vetoed && (is_early || phase == Phase::Asking)) {
            return;
        }
        let state = if entry.wanted.is_none() {
            DeploymentState::Removing
        } else {
            DeploymentState::Pending
        };
        self.set(deployment, state, phase, reason);
    }
}

/// How a deployment is that was left out of a round.
#[derive(Clone, Debug)]
pub(super) struct Left {
    pub(super) state: DeploymentState,
    pub(super) phase: Phase,
    pub(super) reason: Reason,
    pub(super) not_before_ms: u64,
}

impl Left {
    /// It failed, and is tried again at that time.
    pub(super) const fn failed(code: ReasonCode, text: String, not_before_ms: u64) -> Self {
        Self {
            state: DeploymentState::Failed,
            phase: Phase::Idle,
            reason: Reason { code, text },
            not_before_ms,
        }
    }

    /// It is refused until it changes.
    pub(super) fn failed_before(code: ReasonCode) -> Self {
        let text = format!(
            "it failed here before ({code:?}), and is refused until it or a secret of it changes"
        );
        Self {
            state: DeploymentState::Failed,
            phase: Phase::RolledBack,
            reason: Reason {
                code: ReasonCode::FailedBefore,
                text,
            },
            not_before_ms: u64::MAX,
        }
    }

    /// It waits for another one.
    pub(super) fn dependency(on: DeploymentId, not_before_ms: u64) -> Self {
        let reason = Reason {
            code: ReasonCode::Dependency,
            text: format!("it waits for {on}, on which it depends"),
        };
        Self {
            state: DeploymentState::Pending,
            phase: Phase::Waiting,
            reason,
            not_before_ms,
        }
    }
}

fn change(entry: &Entry) -> Change {
    let target = entry.wanted.as_ref().map(|wanted| Target {
        blob: Blob {
            digest: wanted.manifest,
            bytes: wanted.manifest_bytes,
        },
        was_fetched: false,
        opened: None,
        is_verified: false,
    });
    Change {
        deployment: entry.deployment,
        target,
        is_agreed: false,
    }
}
