//! What a rollout remembers from step to step, as the store keeps it.

use serde::{Deserialize, Serialize};
use thimble_hub_store::{Rollout, RolloutState};
use thimble_rollout::UnixMs;
use thimble_rollout::snapshot::{Progress, State};

use super::RolloutError;

/// The part of a rollout's record that only the executor and orders understand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Memory {
    /// Who began it: the id of a user.
    pub(super) author: String,
    /// Their name, as the audit trail has it.
    actor: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    soak_since_ms: Option<u64>,
    forgiven_before_ms: u64,
}

impl Memory {
    /// That of a rollout that somebody begins: the id of a user, and their name.
    pub(super) fn begun_by(author: &impl ToString, actor: &str) -> Self {
        Self {
            author: author.to_string(),
            actor: actor.to_owned(),
            ..Self::default()
        }
    }

    pub(super) fn of(rollout: &Rollout) -> Result<Self, RolloutError> {
        Self::deserialize(&rollout.memory).map_err(|error| RolloutError::Damaged {
            what: format!("memory of rollout {}", rollout.id),
            reason: error.to_string(),
        })
    }

    pub(super) fn progress(&self, rollout: &Rollout) -> Progress {
        Progress {
            state: planner_state(rollout.state),
            wave: u16::try_from(rollout.wave).unwrap_or(u16::MAX),
            soak_since: self.soak_since_ms.map(UnixMs),
            forgiven_before: UnixMs(self.forgiven_before_ms),
        }
    }
}

/// Who began a rollout, as the audit trail has it; nothing, if that is not known.
#[must_use]
pub fn author(rollout: &Rollout) -> String {
    Memory::of(rollout).map_or_else(|_| String::new(), |memory| memory.actor)
}

/// Writes how far a rollout is into its record; whether it says something new.
pub(super) fn put_progress(
    rollout: &mut Rollout,
    memory: &Memory,
    progress: &Progress,
) -> Result<bool, RolloutError> {
    let memory = Memory {
        author: memory.author.clone(),
        actor: memory.actor.clone(),
        soak_since_ms: progress.soak_since.map(|since| since.0),
        forgiven_before_ms: progress.forgiven_before.0,
    };
    let memory = serde_json::to_value(memory).map_err(|error| RolloutError::Damaged {
        what: format!("memory of rollout {}", rollout.id),
        reason: error.to_string(),
    })?;
    let state = kept_state(progress.state);
    let wave = u32::from(progress.wave);
    let is_new = (state, wave) != (rollout.state, rollout.wave) || memory != rollout.memory;
    rollout.state = state;
    rollout.wave = wave;
    rollout.memory = memory;
    Ok(is_new)
}

/// The planner's word for a state.
pub(super) const fn planner_state(state: RolloutState) -> State {
    match state {
        RolloutState::Planned => State::Planned,
        RolloutState::WaitingApproval => State::WaitingApproval,
        RolloutState::Running => State::Running,
        RolloutState::Paused => State::Paused,
        RolloutState::Aborted => State::Aborted,
        RolloutState::RollingBack => State::RollingBack,
        RolloutState::Finished => State::Finished,
        RolloutState::Failed => State::Failed,
    }
}

/// The store's word for a state.
pub(super) const fn kept_state(state: State) -> RolloutState {
    match state {
        State::Planned => RolloutState::Planned,
        State::WaitingApproval => RolloutState::WaitingApproval,
        State::Running => RolloutState::Running,
        State::Paused => RolloutState::Paused,
        State::Aborted => RolloutState::Aborted,
        State::RollingBack => RolloutState::RollingBack,
        State::Finished => RolloutState::Finished,
        State::Failed => RolloutState::Failed,
    }
}
