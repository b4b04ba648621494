//! How devices get from what they have to what was declared.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::identity::Role;
use crate::{Timestamp, is_default};

/// How careful a rollout is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The waves, one after the other; a canary is a small first wave. None means one wave of all devices.
    #[serde(default, skip_serializing_if = "is_default")]
    pub waves: Vec<Wave>,
    /// Devices that may be down or updating at once among those with the same value of a label: `{"line": {"count": 1}}`.
    /// Devices that are unhealthy or offline for another reason count too.
    #[serde(default, skip_serializing_if = "is_default")]
    pub budgets: BTreeMap<String, Threshold>,
    /// Updates that are begun within any minute at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_per_minute: Option<u32>,
    /// Updates that are open at once at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_once_max: Option<u32>,
    /// A device with so many failed updates is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failures_per_device_max: Option<u32>,
    /// Seconds after which an update that is not done has failed; a device that waits for a window, a hold or its app waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt_timeout_s: Option<u32>,
    /// Seconds without a sign of life after which a device is offline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offline_after_s: Option<u32>,
    /// Seconds before its window at which a device is told, so that it can fetch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_lead_s: Option<u32>,
    /// When the rollout begins, at the earliest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub begins_at: Option<Timestamp>,
    /// When the rollout ends, finished or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub deadline: Option<Timestamp>,
    /// What is done when there were too many failures.
    #[serde(default, skip_serializing_if = "is_default")]
    pub on_failures: OnFailures,
}

/// A part of the devices.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Wave {
    /// Its name, for people.
    #[serde(default, skip_serializing_if = "is_default")]
    pub name: String,
    /// Which devices may be in it; empty means every device.
    #[serde(default, skip_serializing_if = "is_default")]
    pub selector: String,
    /// How many of them; not together with `percent`. Neither means all that are left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// How many of a hundred of all that its selector picks, at least one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
    /// Percent of its devices that must have succeeded before the next wave begins. Without it all must be through, in
    /// failure or success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success_percent: Option<u8>,
    /// Failures of its devices that are borne; without numbers, all of them.
    #[serde(default, skip_serializing_if = "is_default")]
    pub failures_max: Threshold,
    /// Failures that are borne of its devices of one hardware type.
    #[serde(default, skip_serializing_if = "is_default")]
    pub hardware_failures_max: Threshold,
    /// Seconds that it is watched before the next wave begins.
    #[serde(default, skip_serializing_if = "is_default")]
    pub soak_s: u32,
    /// Who must approve before it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalRule>,
}

/// How much is borne; of both numbers the smaller one counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// So many at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// So many of a hundred at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
}

/// What is done when there were too many failures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnFailures {
    /// It pauses.
    #[default]
    Pause,
    /// It ends.
    Abort,
    /// It is rolled back.
    RollBack,
}

/// Who must approve a wave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalRule {
    /// How many different people.
    pub people: u8,
    /// Roles of which each of them has one; none means any that may approve.
    #[serde(default, skip_serializing_if = "is_default")]
    pub roles: Vec<Role>,
    /// Whoever made the rollout is not one of them.
    #[serde(default, skip_serializing_if = "is_default")]
    pub excludes_author: bool,
}

/// Where a rollout is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RolloutState {
    /// It has not begun.
    Planned,
    /// Its next wave has to be approved.
    WaitingApproval,
    /// It goes on by itself.
    Running,
    /// No more devices begin.
    Paused,
    /// It was given up; those that began finish.
    Aborted,
    /// Devices go back to what they had.
    RollingBack,
    /// Every device that can have it has it.
    Finished,
    /// It ended otherwise.
    Failed,
}

/// A rollout to begin.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRollout {
    /// The deployment's name or id.
    pub deployment: String,
    /// Which revision; absent means the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// How careful it is.
    #[serde(default, skip_serializing_if = "is_default")]
    pub policy: Policy,
}

/// A rollout.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Rollout {
    /// Its id.
    pub id: String,
    /// The deployment's id.
    pub deployment: String,
    /// The revision that devices get.
    pub revision: u64,
    /// How careful it is.
    pub policy: Policy,
    /// Where it is.
    pub state: RolloutState,
    /// Its wave, from 0.
    pub wave: u32,
    /// Why it is where it is: what it waits for, which numbers made it stop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Devices by where they are.
    pub counts: BTreeMap<String, u64>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Who made it.
    pub author: String,
}

/// A device of a rollout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RolloutDevice {
    /// The device's id.
    pub device: String,
    /// The device's name.
    pub name: String,
    /// Its wave, from 0, if it is in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wave: Option<u32>,
    /// Where it is: `waiting`, `updating`, `succeeded`, `failed`, `skipped`, ….
    pub status: String,
    /// Why.
    pub reason: String,
}

/// What a rollout would do now, and nothing is done.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Preview {
    /// Devices that would begin at once.
    pub begins: Vec<RolloutDevice>,
    /// How many of those there are: the list holds the first 1,000.
    pub begins_count: u64,
    /// Devices that would not, and why.
    pub waits: Vec<RolloutDevice>,
    /// How many of those there are: the list holds the first 1,000.
    pub waits_count: u64,
}

/// What a rollout can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RolloutOrder {
    /// Its next wave may begin.
    Approve,
    /// No more devices begin.
    Pause,
    /// It goes on.
    Resume,
    /// It is given up; those that began finish.
    Abort,
    /// Devices go back to what they had.
    RollBack,
}

impl RolloutOrder {
    /// The last part of the path.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Abort => "abort",
            Self::RollBack => "roll-back",
        }
    }
}
