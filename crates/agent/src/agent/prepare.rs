//! Makes a round of changes ready: opens, sorts, measures, fetches, verifies, waits, asks. Nothing is stopped here, and nothing
//! of it is kept: a restart begins the round anew, with the blobs that are there by then.

use thimble_protocol::{DeploymentId, Manifest};

use super::work::{Change, Doing, Pending, Preparing, Step, Work};
use super::{Agent, Turn};
use crate::action::Action;
use crate::gate::Gate;

mod ask;
mod open;
mod order;
mod room;

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
            Step::Begin if self.gate(turn) == Gate::Open => self.begin_round(turn),
            Step::Begin => {
                // It closed while room was measured.
                self.go_to(Step::Wait);
                true
            }
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

impl Preparing {
    pub(super) fn change(&self, deployment: DeploymentId) -> Option<&Change> {
        self.changes
            .iter()
            .find(|change| change.deployment == deployment)
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
