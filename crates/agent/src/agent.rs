//! The agent: one value that events change.

use alloc::vec::Vec;
use core::fmt;

use thimble_protocol::StateVersion;

use crate::action::Action;
use crate::event::Event;
use crate::settings::{Now, Settings};
use crate::status::Status;
use crate::trust::Trust;

/// What a device does about the state that its hub declared.
#[derive(Debug)]
pub struct Agent {
    settings: Settings,
}

impl Agent {
    /// Makes the agent of a device that was never told anything.
    #[must_use]
    pub fn new(settings: Settings, now: Now) -> Self {
        let _ = now;
        Self { settings }
    }

    /// Makes the agent that goes on from what was saved last. Call [`handle`](Self::handle) with [`Event::Tick`] next.
    ///
    /// # Errors
    ///
    /// The bytes are not what an agent saved.
    pub fn restore(settings: Settings, saved: &[u8], now: Now) -> Result<Self, RestoreError> {
        let _ = saved;
        Ok(Self::new(settings, now))
    }

    /// Takes an event, and appends what is to be done.
    pub fn handle(
        &mut self,
        now: Now,
        event: Event<'_>,
        trust: &dyn Trust,
        actions: &mut Vec<Action>,
    ) {
        let _ = (now, event, trust, actions, self.settings);
    }

    /// Returns when [`Event::Tick`] is wanted if nothing else happens, in the milliseconds of [`Now`].
    #[must_use]
    pub fn deadline(&self) -> Option<u64> {
        None
    }

    /// Returns the version and the tag by which the session asks for states; absent before the first.
    #[must_use]
    pub fn tag(&self) -> Option<(StateVersion, [u8; 9])> {
        None
    }

    /// Returns how the agent is.
    #[must_use]
    pub fn status(&self, now: Now) -> Status {
        let _ = now;
        Status {
            adopted: StateVersion(0),
            committed: StateVersion(0),
            phase: thimble_protocol::report::Phase::Idle,
            is_held_here: false,
            is_held_by_hub: false,
            hub_answered_ms_ago: None,
            deployments: Vec::new(),
        }
    }
}

/// Why saved bytes cannot be gone on from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RestoreError {
    /// They are no agent's, or were damaged.
    Malformed,
    /// A later runtime wrote them.
    Newer {
        /// The form that it wrote.
        form: u32,
    },
}

impl fmt::Display for RestoreError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => formatter
                .write_str("what was saved is damaged; enrol again, the hub sends the state anew"),
            Self::Newer { form } => {
                write!(
                    formatter,
                    "a later runtime saved this (form {form}); install it again, or enrol again"
                )
            }
        }
    }
}

impl core::error::Error for RestoreError {}
