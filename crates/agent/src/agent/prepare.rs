//! Makes a round of changes ready: opens, sorts, measures, fetches, verifies, waits, asks. Nothing is stopped here, and nothing
//! of it is kept: a restart begins the round anew, with the blobs that are there by then.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use thimble_protocol::manifest::Blob;
use thimble_protocol::report::{DeploymentState, Phase, Reason, ReasonCode};
use thimble_protocol::{DeploymentId, Manifest};

use super::plan::Left;
use super::work::{Change, Doing, Pending, Preparing, Step, Work};
use super::{Agent, Turn};
use crate::action::Action;
use crate::event::{Capacity, Consent, Failure};
use crate::fits::{Coming, blobs, misfit};
use crate::gate::{Gate, gate};
use crate::graph::sort;

mod open;

/// What does not fit is tried again: room may have been made meanwhile.
const MISFIT_RETRY_MS: u64 = 900_000;

/// What was refused is tried again: the device's own policy may have changed.
const REFUSED_RETRY_MS: u64 = 3_600_000;

/// How much longer than it has an app is waited for, in case its driver forgot it.
const ASK_GRACE_MS: u64 = 2_000;

impl Agent {
    fn preparing(&mut self) -> Option<&mut Preparing> {
        match &mut self.work {
            Work::Preparing(preparing) => Some(preparing),
            Work::Idle | Work::Executing(_) => None,
        }
    }

    /// Does the next thing. Returns whether there may be more.
    pub(super) fn prepare(&mut self, turn: &mut Turn<'_>) -> bool {
        let Some(preparing) = self.preparing() else {
            return false;
        };
        if preparing.changes.is_empty() {
            self.give_up(turn);
            return true;
        }
        let (step, wake_ms) = (preparing.step, preparing.wake_ms);
        if self.pending.is_some() {
            return step == Step::Ask && self.watch_question(turn);
        }
        let is_resting = step != Step::Wait && wake_ms.is_some_and(|wake_ms| turn.now.ms < wake_ms);
        if is_resting {
            return false;
        }
        match step {
            Step::Open => self.open_next(turn),
            Step::Sort => self.sort_changes(turn),
            Step::Measure | Step::MeasureAgain => self.measure(turn),
            Step::Fetch => self.fetch_next(turn),
            Step::Verify => self.verify_next(turn),
            Step::Wait => self.wait(turn),
            Step::Ask => self.ask_next(turn),
            Step::Begin => self.begin_round(turn),
        }
    }

    /// Drops the round.
    pub(super) fn give_up(&mut self, turn: &mut Turn<'_>) {
        let pending = self.pending.take();
        let is_question = |pending: &Pending| matches!(pending.doing, Doing::Ask { .. });
        if let Some(question) = pending.filter(is_question) {
            turn.actions.push(Action::StopAsking {
                ticket: question.ticket,
            });
        }
        self.work = Work::Idle;
    }

    fn go_to(&mut self, step: Step) {
        if let Some(preparing) = self.preparing() {
            preparing.step = step;
            preparing.wake_ms = None;
            preparing.failures = 0;
        }
    }

    /// Sorts what is left, and leaves out what cannot come first.
    fn sort_changes(&mut self, turn: &Turn<'_>) -> bool {
        while let Some((deployment, why)) = self.first_unmet(turn) {
            self.leave_out(deployment, why);
        }
        let Some(preparing) = self.preparing() else {
            return false;
        };
        let none: &[DeploymentId] = &[];
        let nodes: Vec<(DeploymentId, &[DeploymentId])> = preparing
            .changes
            .iter()
            .map(|change| {
                (
                    change.deployment,
                    change
                        .manifest()
                        .map_or(none, |manifest| &manifest.depends_on),
                )
            })
            .collect();
        let (sorted, stuck) = sort(&nodes);
        let place = |change: &Change| sorted.iter().position(|one| *one == change.deployment);
        preparing.changes.sort_by_key(place);
        for deployment in stuck {
            let text = String::from("deployments depend on each other in a circle: break it");
            let left = Left::failed(
                ReasonCode::Invalid,
                text,
                turn.now.ms.saturating_add(REFUSED_RETRY_MS),
            );
            self.leave_out(deployment, left);
        }
        self.go_to(Step::Measure);
        true
    }

    /// The first change that depends on something that is not there and does not come now, or whose app's name is taken.
    fn first_unmet(&mut self, turn: &Turn<'_>) -> Option<(DeploymentId, Left)> {
        let kept = &self.kept;
        let Work::Preparing(preparing) = &self.work else {
            return None;
        };
        let later_ms = turn.now.ms.saturating_add(REFUSED_RETRY_MS);
        let changes = |one: DeploymentId| {
            preparing
                .changes
                .iter()
                .find(|change| change.deployment == one)
        };
        for change in &preparing.changes {
            let Some(manifest) = change.manifest() else {
                continue;
            };
            for need in &manifest.depends_on {
                match kept.entry(*need) {
                    Some(entry) if entry.wanted.is_some() => {
                        if kept.differs(entry) && changes(*need).is_none() {
                            let not_before_ms = entry.condition.not_before_ms;
                            return Some((
                                change.deployment,
                                Left::dependency(*need, not_before_ms),
                            ));
                        }
                    }
                    Some(_) | None => {
                        let text = format!(
                            "it depends on {need}, which this device is not to have: deploy that too"
                        );
                        return Some((
                            change.deployment,
                            Left::failed(ReasonCode::Dependency, text, later_ms),
                        ));
                    }
                }
            }
            let is_other = |deployment: DeploymentId| deployment != change.deployment;
            let holder = kept.entries.iter().find(|entry| {
                let goes = changes(entry.deployment).is_some_and(|change| change.target.is_none());
                is_other(entry.deployment)
                    && entry.app == manifest.app
                    && entry.running.is_some()
                    && !goes
            });
            let rival = preparing.changes.iter().find(|rival| {
                let is_same = rival
                    .manifest()
                    .is_some_and(|other| other.app == manifest.app);
                is_other(rival.deployment) && is_same
            });
            if let Some(holder) = holder {
                let text = format!(
                    "the app `{}` is {}'s here: remove that first",
                    manifest.app, holder.deployment
                );
                let not_before_ms =
                    later_ms.min(holder.condition.not_before_ms.max(turn.now.ms + 1));
                return Some((
                    change.deployment,
                    Left::failed(ReasonCode::Invalid, text, not_before_ms),
                ));
            }
            if let Some(rival) = rival {
                let text = format!(
                    "{} and {} are both called `{}`",
                    change.deployment, rival.deployment, manifest.app
                );
                return Some((
                    change.deployment,
                    Left::failed(ReasonCode::Invalid, text, later_ms),
                ));
            }
        }
        None
    }

    fn measure(&mut self, turn: &mut Turn<'_>) -> bool {
        let Some(preparing) = self.preparing() else {
            return false;
        };
        let manifests = preparing.changes.iter().filter_map(Change::manifest);
        let images = manifests
            .flat_map(|manifest| &manifest.containers)
            .map(|container| &container.image);
        let mut needed: Vec<Blob> = images.flat_map(blobs).collect();
        needed.sort_unstable_by_key(|blob| blob.digest);
        needed.dedup_by_key(|blob| blob.digest);
        if needed.is_empty() {
            let is_first = preparing.step == Step::Measure;
            self.go_to(if is_first { Step::Fetch } else { Step::Begin });
            return true;
        }
        let ticket = self.open_ticket(Doing::Measure, None);
        turn.actions.push(Action::Measure {
            ticket,
            blobs: needed,
        });
        false
    }

    pub(super) fn measured(&mut self, turn: &Turn<'_>, capacity: &Capacity) {
        loop {
            let Some(preparing) = self.preparing() else {
                return;
            };
            let coming: Vec<Coming<'_>> = preparing
                .changes
                .iter()
                .map(|change| Coming {
                    deployment: change.deployment,
                    manifest: change.manifest(),
                })
                .collect();
            let Some(misfit) = misfit(&coming, capacity) else {
                break;
            };
            let not_before_ms = turn.now.ms.saturating_add(MISFIT_RETRY_MS);
            self.leave_out(
                misfit.deployment,
                Left::failed(misfit.code, misfit.text, not_before_ms),
            );
        }
        let Some(preparing) = self.preparing() else {
            return;
        };
        if preparing.step == Step::MeasureAgain {
            self.go_to(Step::Begin);
            return;
        }
        let mut missing: Vec<(DeploymentId, Blob)> = Vec::new();
        for change in &preparing.changes {
            let images = change
                .manifest()
                .into_iter()
                .flat_map(|manifest| &manifest.containers);
            for blob in images.flat_map(|container| blobs(&container.image)) {
                let is_new = !missing.iter().any(|(_, other)| other.digest == blob.digest);
                if is_new && capacity.missing.contains(&blob.digest) {
                    missing.push((change.deployment, blob));
                }
            }
        }
        missing.reverse();
        preparing.blobs = missing;
        self.go_to(Step::Fetch);
    }

    pub(super) fn not_measured(&mut self, turn: &Turn<'_>) {
        self.rest(turn);
    }

    fn fetch_next(&mut self, turn: &mut Turn<'_>) -> bool {
        let Some(preparing) = self.preparing() else {
            return false;
        };
        let Some((deployment, blob)) = preparing.blobs.last().copied() else {
            self.go_to(Step::Verify);
            return true;
        };
        self.progress(deployment, Phase::Fetching, None);
        let ticket = self.open_ticket(Doing::Fetch { deployment }, None);
        turn.actions.push(Action::Fetch { ticket, blob });
        false
    }

    fn verify_next(&mut self, turn: &mut Turn<'_>) -> bool {
        let Some(preparing) = self.preparing() else {
            return false;
        };
        let next = preparing.changes.iter().find_map(|change| {
            let target = change
                .target
                .as_ref()
                .filter(|target| !target.is_verified)?;
            let (manifest, _) = target.opened.as_ref()?;
            Some((change.deployment, manifest.clone()))
        });
        let Some((deployment, manifest)) = next else {
            self.go_to(Step::Wait);
            return true;
        };
        self.progress(deployment, Phase::Verifying, None);
        let ticket = self.open_ticket(Doing::Verify { deployment }, None);
        turn.actions.push(Action::Verify { ticket, manifest });
        false
    }

    pub(super) fn verified(&mut self, deployment: DeploymentId) {
        let changes = self
            .preparing()
            .into_iter()
            .flat_map(|preparing| &mut preparing.changes);
        for change in changes.filter(|change| change.deployment == deployment) {
            if let Some(target) = &mut change.target {
                target.is_verified = true;
            }
        }
    }

    pub(super) fn not_verified(
        &mut self,
        turn: &Turn<'_>,
        deployment: DeploymentId,
        failure: Failure,
    ) {
        if failure.is_passing {
            self.rest(turn);
            return;
        }
        let not_before_ms = turn.now.ms.saturating_add(REFUSED_RETRY_MS);
        self.leave_out(
            deployment,
            Left::failed(failure.code, failure.text, not_before_ms),
        );
    }

    /// Whether the round may begin: holds, windows, delay, and a hub to be reached by those that have to reach it.
    fn gate(&self, turn: &Turn<'_>) -> Gate {
        let open = gate(
            turn.now,
            &self.kept.policy,
            self.kept.is_held_here,
            self.delay_until_ms,
        );
        let Work::Preparing(preparing) = &self.work else {
            return open;
        };
        let asks_for_hub =
            |change: &Change| change.rules().is_some_and(|rules| rules.hub_within_s > 0);
        let is_reachable = self.contact.answered_ms.is_some() && !self.contact.is_failing;
        let is_bound = !self.kept.is_imported && preparing.changes.iter().any(asks_for_hub);
        if open != Gate::Open || !is_bound || is_reachable {
            return open;
        }
        let text =
            String::from("the hub must be reached once this runs, and it is not reached now");
        Gate::Closed {
            reason: Some(Reason {
                code: ReasonCode::HubNotReached,
                text,
            }),
            wake_ms: None,
        }
    }

    fn wait(&mut self, turn: &Turn<'_>) -> bool {
        match self.gate(turn) {
            Gate::Open => {
                self.go_to(Step::Ask);
                true
            }
            Gate::Closed { reason, wake_ms } => {
                let Some(preparing) = self.preparing() else {
                    return false;
                };
                preparing.wake_ms = wake_ms;
                let waiting: Vec<DeploymentId> = preparing
                    .changes
                    .iter_mut()
                    .map(|change| {
                        change.is_agreed = false;
                        change.deployment
                    })
                    .collect();
                for deployment in waiting {
                    self.progress(deployment, Phase::Waiting, reason.clone());
                }
                false
            }
        }
    }

    fn ask_next(&mut self, turn: &mut Turn<'_>) -> bool {
        let Work::Preparing(preparing) = &mut self.work else {
            return false;
        };
        for change in preparing
            .changes
            .iter_mut()
            .filter(|change| !change.is_agreed)
        {
            let deployment = change.deployment;
            let entry = self.kept.entry(deployment);
            let running = entry.and_then(|entry| entry.running.as_ref());
            let rules = change
                .rules()
                .or_else(|| running.map(|version| version.rules));
            let within_ms = rules.map_or(0, |rules| rules.consent_ms);
            let wanted = entry.and_then(|entry| entry.wanted.as_ref());
            let is_overridden = wanted.is_some_and(|wanted| wanted.override_reason.is_some());
            let is_broken = entry.is_some_and(|entry| entry.is_broken);
            if running.is_none() || within_ms == 0 || is_overridden || is_broken {
                change.is_agreed = true;
                continue;
            }
            let app = entry.map(|entry| entry.app.clone()).unwrap_or_default();
            let until_ms = turn
                .now
                .ms
                .saturating_add(u64::from(within_ms))
                .saturating_add(ASK_GRACE_MS);
            self.progress(deployment, Phase::Asking, None);
            let ticket = self.open_ticket(Doing::Ask { deployment }, Some(until_ms));
            turn.actions.push(Action::Ask {
                ticket,
                deployment,
                app,
                within_ms,
            });
            return false;
        }
        self.go_to(Step::MeasureAgain);
        true
    }

    /// While an app is asked: withdraws the question if nothing may change any more, or if nothing will answer it.
    fn watch_question(&mut self, turn: &mut Turn<'_>) -> bool {
        if self.gate(turn) != Gate::Open {
            if let Some(pending) = self.pending.take() {
                turn.actions.push(Action::StopAsking {
                    ticket: pending.ticket,
                });
            }
            self.go_to(Step::Wait);
            return true;
        }
        let is_late =
            |until_ms: Option<u64>| until_ms.is_some_and(|until_ms| turn.now.ms >= until_ms);
        let Some(pending) = self.pending.take_if(|pending| is_late(pending.until_ms)) else {
            return false;
        };
        turn.actions.push(Action::StopAsking {
            ticket: pending.ticket,
        });
        if let Doing::Ask { deployment } = pending.doing {
            self.answered(turn, deployment, Consent::Silent);
        }
        true
    }

    pub(super) fn answered(&mut self, turn: &Turn<'_>, deployment: DeploymentId, consent: Consent) {
        let entry = self.kept.entry(deployment);
        let running = entry
            .and_then(|entry| entry.running.as_ref())
            .map(|version| version.rules);
        let app = entry.map(|entry| entry.app.clone()).unwrap_or_default();
        let Some(preparing) = self.preparing() else {
            return;
        };
        let Some(change) = preparing
            .changes
            .iter_mut()
            .find(|change| change.deployment == deployment)
        else {
            return;
        };
        change.is_agreed = true;
        let rules = change.rules().or(running).unwrap_or_default();
        let is_removal = change.target.is_none();
        match consent {
            Consent::Yes | Consent::NotAsked => {}
            Consent::Silent => {
                let text = format!(
                    "`{app}` was asked and said nothing within {} ms: the change goes on",
                    rules.consent_ms
                );
                self.note(turn, "app-silent", text);
            }
            Consent::No(text) => {
                let wait_ms = u64::from(rules.ask_again_s.max(1)).saturating_mul(1000);
                let left = Left {
                    state: if is_removal {
                        DeploymentState::Removing
                    } else {
                        DeploymentState::Pending
                    },
                    phase: Phase::Vetoed,
                    reason: Reason {
                        code: ReasonCode::Vetoed,
                        text: text.chars().take(200).collect::<String>().to_string(),
                    },
                    not_before_ms: turn.now.ms.saturating_add(wait_ms),
                };
                self.leave_out(deployment, left);
            }
        }
    }

    /// Tries again later.
    fn rest(&mut self, turn: &Turn<'_>) {
        let Some(failures) = self.preparing().map(|preparing| preparing.failures) else {
            return;
        };
        let wake_ms = turn.now.ms.saturating_add(self.backoff_ms(failures));
        if let Some(preparing) = self.preparing() {
            preparing.failures = failures.saturating_add(1);
            preparing.wake_ms = Some(wake_ms);
        }
    }

    /// The hub answers again: what failed for want of it is tried now.
    pub(super) fn hurry(&mut self) {
        if let Some(preparing) = self.preparing().filter(|preparing| preparing.failures > 0) {
            preparing.wake_ms = None;
        }
    }
}

impl Change {
    pub(super) fn manifest(&self) -> Option<&Manifest> {
        let (manifest, _) = self.target.as_ref()?.opened.as_ref()?;
        Some(manifest)
    }

    fn rules(&self) -> Option<thimble_protocol::manifest::UpdateRules> {
        self.manifest().map(|manifest| manifest.update)
    }
}
