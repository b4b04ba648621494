//! Waits until a change may begin, and asks the apps.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use thimble_protocol::DeploymentId;
use thimble_protocol::report::{DeploymentState, Phase, Reason, ReasonCode};

use super::super::plan::Left;
use super::super::work::{Change, Doing, Step, Work};
use super::super::{Agent, Turn};
use super::ASK_GRACE_MS;
use crate::action::Action;
use crate::event::Consent;
use crate::gate::{Gate, gate};

impl Agent {
    /// Whether the round may begin: holds, windows, delay, and a hub to be reached by those that have to reach it.
    pub(super) fn gate(&self, turn: &Turn<'_>) -> Gate {
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

    pub(super) fn wait(&mut self, turn: &Turn<'_>) -> bool {
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

    pub(super) fn ask_next(&mut self, turn: &mut Turn<'_>) -> bool {
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
    pub(super) fn watch_question(&mut self, turn: &mut Turn<'_>) -> bool {
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

    pub(in super::super) fn answered(
        &mut self,
        turn: &Turn<'_>,
        deployment: DeploymentId,
        consent: Consent,
    ) {
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
}
