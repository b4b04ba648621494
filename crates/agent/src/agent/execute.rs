//! Carries a round out: stops, removes and applies, and puts back what failed. Each trial was kept before it is begun, and
//! each rollback too; whatever a restart finds is done again from its beginning.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use thimble_image::Digest;
use thimble_protocol::DeploymentId;
use thimble_protocol::manifest::Blob;
use thimble_protocol::report::{DeploymentState, Phase, Reason, ReasonCode};

use super::work::{Change, Doing, Executing, Observation, Part, PartStep, Work};
use super::{Agent, Turn};
use crate::action::Action;
use crate::event::Failure;
use crate::gate::{Gate, gate};
use crate::graph::sort;
use crate::kept::{Entry, TRIAL_STARTS_MAX, Trial, Version};

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
        let mut parts = Vec::with_capacity(preparing.changes.len());
        for Change {
            deployment, target, ..
        } in preparing.changes
        {
            let opened = target.and_then(|target| target.opened);
            let (manifest, version) = opened.map_or((None, None), |(manifest, version)| {
                (Some(manifest), Some(version))
            });
            let Some(entry) = self.kept.entry_mut(deployment) else {
                continue;
            };
            if entry.fallback.is_none() {
                entry.fallback = Some(entry.running.clone());
            }
            entry.trial = Some(Trial {
                target: version,
                is_rolling_back: false,
            });
            let is_removal = manifest.is_none();
            let overridden = entry
                .wanted
                .as_ref()
                .and_then(|wanted| wanted.override_reason.clone());
            let is_asked = manifest
                .as_ref()
                .is_some_and(|manifest| manifest.update.consent_ms > 0);
            let app = entry.app.clone();
            let has_running = entry.running.is_some();
            if let Some(why) = overridden.filter(|_| is_asked && has_running) {
                self.note(
                    turn,
                    "veto-overridden",
                    format!("`{app}` was not asked: {why}"),
                );
            }
            let state = if is_removal {
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
            parts.push(Part {
                step,
                manifest,
                restarts: Some(0),
                ..Part::new(deployment)
            });
        }
        self.kept.is_on_probation = false;
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
            conditions.push((
                entry.deployment,
                state,
                phase,
                entry.condition.reason.clone(),
            ));
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
        let first = |step: PartStep| {
            executing
                .parts
                .iter()
                .find(|part| part.step == step)
                .map(|part| part.deployment)
        };
        let last = |step: PartStep| {
            executing
                .parts
                .iter()
                .rev()
                .find(|part| part.step == step)
                .map(|part| part.deployment)
        };
        if let Some(deployment) = first(PartStep::Load) {
            return self.load_tried(turn, deployment);
        }
        if !executing.is_sorted {
            executing.sort();
            return true;
        }
        if let Some(deployment) = last(PartStep::Stop) {
            return self.stop_or_remove(turn, deployment);
        }
        if let Some(deployment) = last(PartStep::StopTried) {
            return self.stop_or_remove(turn, deployment);
        }
        if let Some(deployment) = first(PartStep::PutBack) {
            return self.put_back(turn, deployment);
        }
        if let Some(deployment) = first(PartStep::Apply) {
            return self.apply_tried(turn, deployment);
        }
        if executing
            .parts
            .iter()
            .all(|part| part.step == PartStep::Over)
        {
            self.finish_round(turn);
            return true;
        }
        self.watch(turn)
    }

    /// Loads the manifest of what is tried, after a restart.
    fn load_tried(&mut self, turn: &mut Turn<'_>, deployment: DeploymentId) -> bool {
        let trial = self
            .kept
            .entry(deployment)
            .and_then(|entry| entry.trial.as_ref());
        match trial
            .and_then(|trial| trial.target.as_ref())
            .map(Version::blob)
        {
            Some(blob) => self.load_manifest(turn, deployment, blob),
            None => self.end_part(deployment),
        }
    }

    fn load_manifest(&mut self, turn: &mut Turn<'_>, deployment: DeploymentId, blob: Blob) -> bool {
        let digest = blob.digest;
        let ticket = self.open_ticket(Doing::Load { deployment, digest }, None);
        turn.actions.push(Action::Load { ticket, digest });
        false
    }

    /// A manifest that a trial or a rollback needs is here, or is not.
    pub(super) fn loaded_part(
        &mut self,
        turn: &mut Turn<'_>,
        deployment: DeploymentId,
        digest: Digest,
        envelope: Option<&[u8]>,
    ) {
        let step = self.part_mut(deployment).map(|part| part.step);
        let Some(envelope) = envelope else {
            let blob = self.manifest_blob(deployment, digest);
            let was_fetched = self
                .part_mut(deployment)
                .is_some_and(|part| core::mem::replace(&mut part.was_fetched, true));
            match blob {
                Some(blob) if !was_fetched => {
                    let ticket = self.open_ticket(Doing::Fetch { deployment }, None);
                    turn.actions.push(Action::Fetch { ticket, blob });
                }
                Some(_) | None => {
                    let text = String::from(
                        "its manifest is not on the device any more and cannot be had",
                    );
                    self.not_done(
                        turn,
                        deployment,
                        Failure {
                            code: ReasonCode::Unavailable,
                            text,
                            is_passing: true,
                        },
                    );
                }
            }
            return;
        };
        let opened = turn.trust.reopen_manifest(envelope, digest);
        let is_on_probation = self.kept.is_on_probation;
        match (opened, step) {
            (Ok(manifest), Some(PartStep::Load)) => {
                if let Some(part) = self.part_mut(deployment) {
                    part.manifest = Some(Box::new(manifest));
                    part.step = if is_on_probation {
                        PartStep::Apply
                    } else {
                        PartStep::Stop
                    };
                    part.was_fetched = false;
                }
            }
            (Ok(manifest), _) => {
                if let Some(part) = self.part_mut(deployment) {
                    part.former = Some(Box::new(manifest));
                    part.was_fetched = false;
                }
            }
            (Err(refusal), _) => {
                self.not_done(
                    turn,
                    deployment,
                    Failure {
                        code: ReasonCode::Untrusted,
                        text: refusal.text,
                        is_passing: false,
                    },
                );
            }
        }
    }

    /// The blob of a manifest of one of a deployment's versions.
    fn manifest_blob(&self, deployment: DeploymentId, digest: Digest) -> Option<Blob> {
        let entry = self.kept.entry(deployment)?;
        let version = entry
            .versions()
            .find(|version| version.manifest == digest)?;
        Some(version.blob())
    }

    fn stop_or_remove(&mut self, turn: &mut Turn<'_>, deployment: DeploymentId) -> bool {
        let Some(entry) = self.kept.entry(deployment) else {
            return self.end_part(deployment);
        };
        let app = entry.app.clone();
        let is_removal = matches!(
            &entry.trial,
            Some(Trial {
                target: None,
                is_rolling_back: false
            })
        );
        if is_removal {
            let ticket = self.open_ticket(Doing::Remove { deployment }, None);
            turn.actions.push(Action::Remove {
                ticket,
                deployment,
                app,
            });
        } else {
            let ticket = self.open_ticket(Doing::Stop { deployment }, None);
            turn.actions.push(Action::Stop {
                ticket,
                deployment,
                app,
            });
        }
        false
    }

    fn apply_tried(&mut self, turn: &mut Turn<'_>, deployment: DeploymentId) -> bool {
        let manifest = self
            .part_mut(deployment)
            .and_then(|part| part.manifest.clone());
        let trial = self
            .kept
            .entry(deployment)
            .and_then(|entry| entry.trial.as_ref());
        let version = trial.and_then(|trial| trial.target.as_ref());
        let (Some(manifest), Some(version)) = (manifest, version) else {
            return self.end_part(deployment);
        };
        let (digest, secrets) = (version.manifest, self.kept.secrets_of(version));
        let ticket = self.open_ticket(Doing::Apply { deployment }, None);
        turn.actions.push(Action::Apply {
            ticket,
            manifest,
            digest,
            secrets,
        });
        false
    }

    /// Applies what ran before, or removes what was tried if nothing did.
    fn put_back(&mut self, turn: &mut Turn<'_>, deployment: DeploymentId) -> bool {
        let former = self
            .part_mut(deployment)
            .and_then(|part| part.former.clone());
        let Some(entry) = self.kept.entry(deployment) else {
            return self.end_part(deployment);
        };
        match (&entry.running, former) {
            (None, _) => {
                let app = entry.app.clone();
                let ticket = self.open_ticket(Doing::Remove { deployment }, None);
                turn.actions.push(Action::Remove {
                    ticket,
                    deployment,
                    app,
                });
                false
            }
            (Some(version), None) => {
                let blob = version.blob();
                self.load_manifest(turn, deployment, blob)
            }
            (Some(version), Some(manifest)) => {
                let (digest, secrets) = (version.manifest, self.kept.secrets_of(version));
                let ticket = self.open_ticket(Doing::Apply { deployment }, None);
                turn.actions.push(Action::Apply {
                    ticket,
                    manifest,
                    digest,
                    secrets,
                });
                false
            }
        }
    }

    pub(super) fn stopped(&mut self, deployment: DeploymentId) {
        if let Some(part) = self.part_mut(deployment) {
            part.failures = 0;
            part.step = match part.step {
                PartStep::StopTried => PartStep::PutBack,
                PartStep::Stop => PartStep::Apply,
                other => other,
            };
        }
    }

    pub(super) fn removed(&mut self, turn: &mut Turn<'_>, deployment: DeploymentId) {
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

    pub(super) fn applied(&mut self, turn: &mut Turn<'_>, deployment: DeploymentId) {
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
    fn rolled_back(&mut self, turn: &mut Turn<'_>, deployment: DeploymentId) {
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

    /// A step failed: it is done again, or the trial has failed, or what was before is broken.
    pub(super) fn not_done(
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
    fn break_off(&mut self, turn: &mut Turn<'_>, deployment: DeploymentId, failure: Failure) {
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
    pub(super) fn fail_part(
        &mut self,
        turn: &mut Turn<'_>,
        deployment: DeploymentId,
        code: ReasonCode,
        text: String,
    ) {
        self.mark_failed(deployment, code, text);
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
                if depends && is_tried {
                    dependents.push(part.deployment);
                }
            }
            for dependent in dependents {
                let reason = Reason {
                    code: ReasonCode::Dependency,
                    text: format!("{one}, on which it depends, failed"),
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
    fn mark_failed(&mut self, deployment: DeploymentId, code: ReasonCode, text: String) {
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
