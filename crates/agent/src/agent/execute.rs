//! Carries a round out: stops, removes and applies, and puts back what failed. Each trial was kept before it is begun, and
//! each rollback too; whatever a restart finds is done again from its beginning.

mod act;
mod answers;
mod failures;

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

use thimble_protocol::DeploymentId;
use thimble_protocol::report::{DeploymentState, Phase, Reason, ReasonCode};

use super::ladder::not_reached;
use super::work::{Change, Executing, Observation, Part, PartStep, Work};
use super::{Agent, Turn};
use crate::gate::{Gate, gate};
use crate::graph::sort;
use crate::kept::{Entry, TRIAL_STARTS_MAX, Trial};

/// Attempts at one step before it counts as failed.
const ATTEMPTS_MAX: u32 = 3;

/// What could not be put back is tried again after 5 seconds and less and less often.
const LATER_MS: u64 = 900_000;

impl Agent {
    pub(super) fn executing(&mut self) -> Option<&mut Executing> {
        match &mut self.work {
            Work::Executing(executing) => Some(executing),
            Work::Idle | Work::Preparing(_) => None,
        }
    }

    pub(super) fn part_mut(&mut self, deployment: DeploymentId) -> Option<&mut Part> {
        self.executing()?
            .parts
            .iter_mut()
            .find(|part| part.deployment == deployment)
    }

    /// Begins a round that was made ready: from here on it is kept.
    pub(super) fn begin_round(&mut self, turn: &mut Turn<'_>) -> bool {
        let Work::Preparing(preparing) = core::mem::replace(&mut self.work, Work::Idle) else {
            return false;
        };
        let changes = preparing.changes.into_iter();
        let parts = changes
            .filter_map(|change| self.begin_trial(turn, change))
            .collect();
        self.kept.is_on_probation = false;
        self.kept.is_tight = preparing.is_tight;
        self.kept.trial_starts = 0;
        self.kept.is_confirmed = false;
        self.save(turn);
        self.work = Work::Executing(Box::new(Executing {
            parts,
            is_sorted: true,
            wake_ms: None,
        }));
        true
    }

    fn begin_trial(&mut self, turn: &Turn<'_>, change: Change) -> Option<Part> {
        let deployment = change.deployment;
        let opened = change.target.and_then(|target| target.opened);
        let (manifest, target) = opened.map_or((None, None), |(manifest, version)| {
            (Some(manifest), Some(version))
        });
        let entry = self.kept.entry_mut(deployment)?;
        if entry.fallback.is_none() {
            entry.fallback = Some(entry.running.clone());
        }
        entry.trial = Some(Trial {
            target,
            is_rolling_back: false,
        });
        let has_running = entry.running.is_some();
        let overridden = entry
            .wanted
            .as_ref()
            .and_then(|wanted| wanted.override_reason.clone());
        let asks = manifest
            .as_ref()
            .is_some_and(|manifest| manifest.update.consent_ms > 0);
        let text = overridden.map(|why| format!("`{}` was not asked: {why}", entry.app));
        if let Some(text) = text.filter(|_| asks && has_running) {
            self.note(turn, "veto-overridden", text);
        }
        let state = if manifest.is_none() {
            DeploymentState::Removing
        } else {
            DeploymentState::Installing
        };
        self.set(deployment, state, Phase::Switching, None);
        let step = if has_running {
            PartStep::Stop
        } else {
            PartStep::Apply
        };
        Some(Part {
            step,
            manifest,
            restarts: Some(0),
            ..Part::new(deployment)
        })
    }

    /// Goes on after a restart.
    pub(super) fn resume(&mut self, turn: &mut Turn<'_>) {
        if self.kept.trial_starts >= TRIAL_STARTS_MAX {
            let starts = self.kept.trial_starts;
            let tried = |entry: &&Entry| {
                entry
                    .trial
                    .as_ref()
                    .is_some_and(|trial| !trial.is_rolling_back)
            };
            let tried: Vec<DeploymentId> = self
                .kept
                .entries
                .iter()
                .filter(tried)
                .map(|entry| entry.deployment)
                .collect();
            for deployment in tried {
                let text =
                    format!("the device was restarted {starts} times while this was on trial");
                self.mark_failed(deployment, ReasonCode::Crashed, text);
            }
        }
        if !self.kept.is_on_probation {
            self.go_back_if_closed(turn);
        }
        self.save(turn);
        self.execute_kept();
    }

    /// A switch that a restart interrupted does not go on if nothing may change any more: what ran before is put back, and
    /// what was tried is not to blame.
    fn go_back_if_closed(&mut self, turn: &Turn<'_>) {
        let Gate::Closed { reason, .. } =
            gate(turn.now, &self.kept.policy, self.kept.is_held_here, 0)
        else {
            return;
        };
        for entry in &mut self.kept.entries {
            if let Some(trial) = entry.trial.as_mut().filter(|trial| !trial.is_rolling_back) {
                trial.is_rolling_back = true;
                entry.condition.reason.clone_from(&reason);
            }
        }
    }

    /// Why something is put back, as far as that outlived a restart.
    fn reason_of_before(&self, trial: &Trial) -> Option<Reason> {
        if !trial.is_rolling_back {
            return None;
        }
        let tried = trial.target.as_ref();
        let Some(code) = tried.and_then(|tried| self.kept.failure_of(tried)) else {
            return self.kept.is_rejected.then(not_reached);
        };
        let text = format!("it failed here ({code:?}) before the device was restarted");
        Some(Reason { code, text })
    }

    /// Executes the trials that are kept.
    pub(super) fn execute_kept(&mut self) {
        let mut parts = Vec::new();
        let mut conditions = Vec::new();
        for entry in &self.kept.entries {
            let Some(trial) = &entry.trial else {
                continue;
            };
            let state = match trial {
                Trial {
                    is_rolling_back: true,
                    ..
                } => DeploymentState::Failed,
                Trial {
                    target: Some(_), ..
                } => DeploymentState::Installing,
                Trial { target: None, .. } => DeploymentState::Removing,
            };
            let (step, phase) = match trial {
                Trial {
                    is_rolling_back: true,
                    ..
                } => (PartStep::StopTried, Phase::RollingBack),
                Trial {
                    target: Some(_), ..
                } => (PartStep::Load, Phase::Switching),
                Trial { target: None, .. } => (PartStep::Stop, Phase::Switching),
            };
            let known = entry.condition.reason.clone();
            let reason = known.or_else(|| self.reason_of_before(trial));
            conditions.push((entry.deployment, state, phase, reason));
            parts.push(Part {
                step,
                ..Part::new(entry.deployment)
            });
        }
        for (deployment, state, phase, reason) in conditions {
            self.set(deployment, state, phase, reason);
        }
        self.work = Work::Executing(Box::new(Executing {
            parts,
            is_sorted: false,
            wake_ms: None,
        }));
    }

    /// Does the next thing. Returns whether there may be more.
    pub(super) fn execute(&mut self, turn: &mut Turn<'_>) -> bool {
        let is_open = self.pending.is_some();
        let Some(executing) = self.executing() else {
            return false;
        };
        if is_open
            || executing
                .wake_ms
                .is_some_and(|wake_ms| turn.now.ms < wake_ms)
        {
            return false;
        }
        executing.wake_ms = None;
        if let Some(deployment) = executing.first(PartStep::Load) {
            return self.load_tried(turn, deployment);
        }
        if !executing.is_sorted {
            executing.sort();
            return true;
        }
        let stop = executing
            .last(PartStep::Stop)
            .or(executing.last(PartStep::StopTried));
        let (back, next) = (
            executing.first(PartStep::PutBack),
            executing.first(PartStep::Apply),
        );
        let is_over = executing
            .parts
            .iter()
            .all(|part| part.step == PartStep::Over);
        if let Some(deployment) = stop {
            return self.stop_or_remove(turn, deployment);
        }
        if let Some(deployment) = back {
            let deployment = self.next_removed().unwrap_or(deployment);
            return self.put_back(turn, deployment);
        }
        if let Some(deployment) = next {
            return self.apply_tried(turn, deployment);
        }
        if is_over {
            self.finish_round(turn);
            return true;
        }
        self.watch(turn)
    }

    /// One that is put back by removing it: that makes room for the others.
    fn next_removed(&mut self) -> Option<DeploymentId> {
        let Work::Executing(executing) = &self.work else {
            return None;
        };
        let is_new = |part: &&Part| {
            let entry = self.kept.entry(part.deployment);
            part.step == PartStep::PutBack && entry.is_some_and(|entry| entry.running.is_none())
        };
        executing
            .parts
            .iter()
            .find(is_new)
            .map(|part| part.deployment)
    }

    pub(super) fn end_part(&mut self, deployment: DeploymentId) -> bool {
        if let Some(part) = self.part_mut(deployment) {
            part.step = PartStep::Over;
        }
        true
    }

    /// Nothing is on trial any more.
    pub(super) fn finish_round(&mut self, turn: &mut Turn<'_>) {
        self.work = Work::Idle;
        self.kept.is_on_probation = false;
        self.kept.trial_starts = 0;
        for entry in &mut self.kept.entries {
            let reason = entry.condition.reason.as_ref();
            let waits = reason.is_some_and(|reason| reason.code == ReasonCode::Dependency);
            if waits && !entry.is_broken {
                entry.condition.not_before_ms = 0;
            }
        }
        self.save(turn);
    }
}

impl Part {
    pub(super) const fn new(deployment: DeploymentId) -> Self {
        Self {
            deployment,
            step: PartStep::Load,
            manifest: None,
            former: None,
            was_fetched: false,
            failures: 0,
            since_ms: 0,
            answers: 0,
            restarts: None,
            observation: Observation::NotAsked,
        }
    }

    fn roll_back(&mut self) {
        self.step = PartStep::StopTried;
        self.failures = 0;
        self.was_fetched = false;
    }
}

impl Executing {
    fn first(&self, step: PartStep) -> Option<DeploymentId> {
        self.parts
            .iter()
            .find(|part| part.step == step)
            .map(|part| part.deployment)
    }

    fn last(&self, step: PartStep) -> Option<DeploymentId> {
        self.parts
            .iter()
            .rev()
            .find(|part| part.step == step)
            .map(|part| part.deployment)
    }

    fn sort(&mut self) {
        let none: &[DeploymentId] = &[];
        let needs = |part: &Part| -> Vec<DeploymentId> {
            part.manifest
                .as_ref()
                .map_or(none, |manifest| &manifest.depends_on)
                .to_vec()
        };
        let needs: Vec<(DeploymentId, Vec<DeploymentId>)> = self
            .parts
            .iter()
            .map(|part| (part.deployment, needs(part)))
            .collect();
        let nodes: Vec<(DeploymentId, &[DeploymentId])> = needs
            .iter()
            .map(|(deployment, needs)| (*deployment, needs.as_slice()))
            .collect();
        let (sorted, _) = sort(&nodes);
        self.parts
            .sort_by_key(|part| sorted.iter().position(|one| *one == part.deployment));
        self.is_sorted = true;
    }
}
