//! Changes of devices, as the store keeps them, and what devices say of them.

use serde::{Deserialize, Serialize};
use thimble_hub_store::DeploymentId;
use thimble_image::Digest;
use thimble_protocol::report::{Change, Goal, Said};
use thimble_protocol::{Report, StateVersion};
use thimble_rollout::snapshot::{Attempt, Direction, Outcome, Reported, Wait};
use thimble_rollout::{Assigned, UnixMs};

use super::{deployment_id, kept_deployment_id};

/// A change of a device, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    is_back: bool,
    from: Option<(String, u64)>,
    to: Option<(String, u64)>,
    begun_ms: u64,
    outcome: Word,
    at_ms: u64,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    why: String,
    /// The device tried the rollout's revision, whatever was done since.
    #[serde(default)]
    has_failed: bool,
    /// The manifest that the device is to have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) manifest: Option<String>,
}

/// What came of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Word {
    Open,
    Succeeded,
    Failed,
    TimedOut,
    Replaced,
}

impl Kept {
    /// Reads one; nothing, if the text is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Writes it.
    pub(super) fn text(&self) -> Option<String> {
        serde_json::to_string(self).ok()
    }

    /// Keeps a change.
    pub(super) fn of(attempt: &Attempt, manifest: Option<String>) -> Self {
        let (outcome, at, why) = match &attempt.outcome {
            Outcome::Open => (Word::Open, attempt.begun_at, ""),
            Outcome::Succeeded { at } => (Word::Succeeded, *at, ""),
            Outcome::Failed { at, why } => (Word::Failed, *at, why.as_str()),
            Outcome::TimedOut { at } => (Word::TimedOut, *at, ""),
            Outcome::Replaced { at } => (Word::Replaced, *at, ""),
        };
        let pair = |assigned: Assigned| {
            let id = kept_deployment_id(assigned.deployment).to_string();
            (id, assigned.revision)
        };
        Self {
            is_back: attempt.direction == Direction::Back,
            from: attempt.from.map(pair),
            to: attempt.to.map(pair),
            begun_ms: attempt.begun_at.0,
            outcome,
            at_ms: at.0,
            why: why.to_owned(),
            has_failed: attempt.direction == Direction::Forward && outcome == Word::Failed,
            manifest,
        }
    }

    /// Remembers what the change before it says that must not be forgotten.
    pub(super) fn after(mut self, before: Option<&Self>) -> Self {
        self.has_failed |= before.is_some_and(|before| before.has_failed);
        self
    }

    /// Returns the change, as the planner knows it.
    pub(super) fn attempt(&self) -> Attempt {
        let assigned = |pair: &(String, u64)| {
            let id: DeploymentId = pair.0.parse().ok()?;
            Some(Assigned {
                deployment: deployment_id(id),
                revision: pair.1,
            })
        };
        let at = UnixMs(self.at_ms);
        Attempt {
            direction: if self.is_back {
                Direction::Back
            } else {
                Direction::Forward
            },
            from: self.from.as_ref().and_then(assigned),
            to: self.to.as_ref().and_then(assigned),
            begun_at: UnixMs(self.begun_ms),
            outcome: match self.outcome {
                Word::Open => Outcome::Open,
                Word::Succeeded => Outcome::Succeeded { at },
                Word::Failed => Outcome::Failed {
                    at,
                    why: self.why.clone(),
                },
                Word::TimedOut => Outcome::TimedOut { at },
                Word::Replaced => Outcome::Replaced { at },
            },
        }
    }

    /// Says whether nothing came of it yet, or too late.
    pub(super) const fn is_pending(&self) -> bool {
        matches!(self.outcome, Word::Open | Word::TimedOut)
    }

    /// Says whether it goes to what the rollout brings.
    pub(super) const fn is_forward(&self) -> bool {
        !self.is_back
    }

    /// Says whether the device tried it and went back.
    pub(super) const fn has_failed(&self) -> bool {
        self.has_failed
    }

    /// Returns what a device says of it.
    pub(super) fn reported(
        &self,
        state_version: Option<u64>,
        desired: Option<u64>,
        report: Option<&Report>,
    ) -> Reported {
        let versions = state_version.zip(desired);
        let change = versions.and_then(|(version, newest)| self.change(version, newest));
        let (Some(report), Some(change)) = (report, change) else {
            return Reported::Nothing;
        };
        match report.says_of(&change) {
            Said::Nothing => Reported::Nothing,
            Said::Working => Reported::Working,
            Said::Vetoed => Reported::Waiting(Wait::Veto),
            Said::Held => Reported::Waiting(Wait::Hold),
            Said::Waiting => Reported::Waiting(Wait::Window),
            Said::Done => Reported::Done,
            Said::Failed { why } => Reported::Failed {
                why: why.unwrap_or("the device did not say why").to_owned(),
            },
        }
    }

    /// Returns it as devices know it, with the state that tells them of it, and the newest that they have.
    fn change(&self, state_version: u64, newest: u64) -> Option<Change> {
        let (id, _) = self.to.as_ref().or(self.from.as_ref())?;
        let id: DeploymentId = id.parse().ok()?;
        let manifest = || self.manifest.as_deref()?.parse::<Digest>().ok();
        Some(Change {
            deployment: thimble_protocol::DeploymentId(deployment_id(id).0),
            goal: match &self.to {
                Some(_) => Goal::Installed(manifest()),
                None => Goal::Removed,
            },
            version: StateVersion(state_version),
            newest: StateVersion(newest),
        })
    }
}
