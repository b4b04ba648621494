//! Whether a guest lets itself be replaced now: what it asked for, and the question that is open.

use alloc::boxed::Box;

use thimble_abi::Errno;

use crate::record::Trace;
use crate::time::{Instant, nanos};

use super::{Context, HostState};

/// A question whether a container may be replaced now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    /// By what its answer is known; not 0.
    pub id: u32,
    /// Until when an answer counts.
    pub until: Instant,
}

/// What a container keeps of it between calls.
#[derive(Default)]
pub(super) struct Consent {
    /// Whether it wants to be asked.
    is_wanted: bool,
    /// What it was asked and has not answered.
    open: Option<Box<Open>>,
}

struct Open {
    question: Question,
    /// Whether the guest has received the event.
    is_told: bool,
}

impl HostState {
    /// Whether the guest wants to be asked before it is replaced.
    #[must_use]
    pub const fn wants_update_question(&self) -> bool {
        self.consent.is_wanted
    }

    /// Asks the guest whether it may be replaced now; it hears of it with its next event. A question that is still open
    /// is forgotten.
    pub fn ask_update(&mut self, question: Question) {
        self.consent.open = Some(Box::new(Open {
            question,
            is_told: false,
        }));
    }
}

impl Context<'_> {
    /// The question that the guest has not heard of, and the milliseconds that it has for the answer.
    pub(super) fn untold_question(&mut self, now: Instant) -> Option<(u32, u64)> {
        let open = self.state.consent.open.as_deref()?;
        let Question { id, until } = open.question;
        if now >= until {
            self.state.consent.open = None;
            return None;
        }
        let left_ms = nanos(until.since(now)).div_ceil(1_000_000);
        (!open.is_told).then_some((id, left_ms))
    }

    /// Hears that the guest has received the question.
    pub(super) fn question_told(&mut self) {
        if let Some(open) = &mut self.state.consent.open {
            open.is_told = true;
        }
    }

    /// The guest wants to be asked, or no longer.
    pub(super) fn want_update_question(&mut self, on: u32) -> Result<(), Errno> {
        match on {
            0 => {
                self.state.consent.is_wanted = false;
                if let Some(open) = self.state.consent.open.take() {
                    self.answered(open.question.id, true, "");
                }
            }
            1 => self.state.consent.is_wanted = true,
            _ => return Err(Errno::Invalid),
        }
        Ok(())
    }

    /// The guest answers.
    pub(super) fn answer_update(
        &mut self,
        id: u32,
        answer: u32,
        reason: &str,
    ) -> Result<(), Errno> {
        let is_allowed = match answer {
            0 => false,
            1 => true,
            _ => return Err(Errno::Invalid),
        };
        let now = self.ports.clock.now();
        let is_open = self
            .state
            .consent
            .open
            .as_deref()
            .is_some_and(|open| open.question.id == id && now < open.question.until);
        if !is_open {
            return Err(Errno::NoEntry);
        }
        self.state.consent.open = None;
        self.answered(id, is_allowed, reason);
        Ok(())
    }

    fn answered(&self, question: u32, is_allowed: bool, reason: &str) {
        self.ports.observer.trace(
            self.state.id,
            Trace::UpdateAnswered {
                question,
                is_allowed,
                reason,
            },
        );
    }
}
