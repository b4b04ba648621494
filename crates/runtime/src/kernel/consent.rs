//! Asking a container whether it may be replaced now.

use crate::config::ContainerId;
use crate::host::Question;

use super::{Effect, Kernel, StateError};

/// What became of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// The container hears it; its answer is traced, if it gives one in time.
    Asked,
    /// The container did not ask to be asked.
    Unwanted,
}

impl Kernel {
    /// Asks a container whether it may be replaced now. The answer comes as
    /// [`Trace::UpdateAnswered`](crate::record::Trace::UpdateAnswered); whoever asks looks at the time itself. A question
    /// that is still open is forgotten.
    ///
    /// # Errors
    /// [`StateError`] when it is not running or paused.
    pub fn ask_update(
        &mut self,
        id: ContainerId,
        question: Question,
    ) -> Result<(Asked, Effect), StateError> {
        let slot = self.live_slot(id)?;
        if let Some(body) = &mut slot.body {
            if !body.host.wants_update_question() {
                return Ok((Asked::Unwanted, Effect::default()));
            }
            body.host.ask_update(question);
        } else if slot.wants_update_question {
            slot.ending().question = Some(question);
        } else {
            return Ok((Asked::Unwanted, Effect::default()));
        }
        let notify = self.wake(id);
        // One that runs goes on until its slice ends: nothing is lost by that.
        Ok((
            Asked::Asked,
            Effect {
                notify,
                ..Effect::default()
            },
        ))
    }
}
