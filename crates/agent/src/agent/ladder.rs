//! What is done when the hub does not answer, each rung once for each outage.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use thimble_protocol::DeploymentId;
use thimble_protocol::report::{DeploymentState, Phase, Reason, ReasonCode};
use thimble_protocol::state::{Escalation, Rung};

use super::work::Work;
use super::{Agent, Turn};
use crate::action::Action;
use crate::gate::held;
use crate::kept::Trial;

impl Agent {
    /// The hub answered, whatever it said.
    pub(super) fn hub_answered(&mut self, turn: &mut Turn<'_>) {
        self.contact.answered_ms = Some(turn.now.ms);
        self.contact.outage_s = 0;
        self.contact.answers = self.contact.answers.wrapping_add(1);
        if core::mem::replace(&mut self.contact.is_failing, false) {
            self.hurry();
            self.reporting.retry_at_ms = None;
        }
        let was_out = self.kept.rungs_taken > 0 || self.kept.outage_s > 0;
        let is_news = !self.kept.is_confirmed && !matches!(self.work, Work::Executing(_));
        if !was_out && !is_news {
            return;
        }
        self.kept.rungs_taken = 0;
        self.kept.outage_s = 0;
        if is_news {
            self.kept.is_confirmed = true;
            for entry in &mut self.kept.entries {
                entry.fallback = None;
            }
        }
        self.save(turn);
    }

    /// The next rung, and when it is due.
    fn next_rung(&self) -> Option<(Rung, u64)> {
        let taken = usize::try_from(self.kept.rungs_taken).ok()?;
        let rung = *self.kept.ladder.get(taken)?;
        let since_ms = self.contact.answered_ms.unwrap_or(self.contact.began_ms);
        let left_s = rung.after_s.saturating_sub(self.contact.outage_s);
        Some((
            rung,
            since_ms.saturating_add(u64::from(left_s).saturating_mul(1000)),
        ))
    }

    pub(super) fn rung_deadline(&self) -> Option<u64> {
        self.next_rung().map(|(_, due_ms)| due_ms)
    }

    /// Takes the next rung if it is due. Returns whether it did.
    pub(super) fn take_rung(&mut self, turn: &mut Turn<'_>) -> bool {
        let Some((rung, _)) = self
            .next_rung()
            .filter(|(_, due_ms)| turn.now.ms >= *due_ms)
        else {
            return false;
        };
        self.kept.rungs_taken = self.kept.rungs_taken.saturating_add(1);
        let text = format!(
            "the hub has not answered for {} s: {:?}",
            rung.after_s, rung.step
        );
        self.note(turn, "escalated", text);
        match rung.step {
            Escalation::RollBack => self.roll_back_state(turn, rung.after_s),
            Escalation::RestartAgent | Escalation::RestartDevice => {
                // What comes after counts on from here, and this rung is not taken again.
                self.kept.outage_s = rung.after_s;
                self.save(turn);
                turn.actions.push(Action::Escalate(rung.step));
            }
            step => turn.actions.push(Action::Escalate(step)),
        }
        true
    }

    /// Refuses the adopted state, and has what ran before put back.
    fn roll_back_state(&mut self, turn: &mut Turn<'_>, after_s: u32) {
        let is_held = held(turn.now, &self.kept.policy, self.kept.is_held_here).is_some();
        if self.kept.is_confirmed || is_held {
            return;
        }
        self.kept.is_rejected = true;
        self.save(turn);
        if matches!(self.work, Work::Executing(_)) {
            self.fail_trials(turn, &format!("the hub was not reached for {after_s} s"));
        } else {
            self.give_up(turn);
        }
    }

    /// Goes back to what ran when the hub was last reached after a commit, if something else runs. Returns whether it does.
    pub(super) fn put_back_state(&mut self, turn: &mut Turn<'_>) -> bool {
        let mut changed: Vec<DeploymentId> = Vec::new();
        for entry in &mut self.kept.entries {
            let Some(fallback) = entry.fallback.take() else {
                continue;
            };
            if fallback != entry.running {
                let tried = core::mem::replace(&mut entry.running, fallback);
                entry.trial = Some(Trial {
                    target: tried,
                    is_rolling_back: true,
                });
                entry.removed = None;
                changed.push(entry.deployment);
            }
        }
        if changed.is_empty() {
            return false;
        }
        for deployment in changed {
            self.set(
                deployment,
                DeploymentState::Failed,
                Phase::RollingBack,
                Some(not_reached()),
            );
        }
        self.kept.is_confirmed = true;
        self.save(turn);
        self.execute_kept();
        true
    }
}

/// Why the ladder takes back what was in force.
pub(super) fn not_reached() -> Reason {
    Reason {
        code: ReasonCode::HubNotReached,
        text: String::from("the hub was not reached since this was installed"),
    }
}
