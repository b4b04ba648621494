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
    /// The waves, in this order; whoever is in none of them comes in a last one. None means one wave for all.
    #[serde(default, skip_serializing_if = "is_default")]
    pub waves: Vec<Wave>,
    /// Devices that begin per minute at most, over all waves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_per_minute: Option<u32>,
    /// Devices that may be down or updating at once, for each value of a label: `{"line": 1}`. Devices that are unhealthy or
    /// offline for another reason count too.
    #[serde(default, skip_serializing_if = "is_default")]
    pub budgets: BTreeMap<String, u32>,
    /// Failures after which a device is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_failures_max: Option<u32>,
    /// Seconds that a device may take before it counts as failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_timeout_s: Option<u32>,
    /// When the rollout ends by itself, as failed if it has not finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub deadline: Option<Timestamp>,
    /// What is done when an error threshold is passed.
    #[serde(default, skip_serializing_if = "is_default")]
    pub on_error: OnError,
}

/// Some of the devices, at once.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Wave {
    /// Its name, for people.
    #[serde(default, skip_serializing_if = "is_default")]
    pub name: String,
    /// Which devices, of those that are left; empty means all.
    #[serde(default, skip_serializing_if = "is_default")]
    pub selector: String,
    /// How many of those at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// How many of all devices of the rollout at most, 1 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
    /// Devices that are updated at once at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_once: Option<u32>,
    /// How many of its devices must have succeeded before the next wave begins, 0 to 100; 100 if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub success_percent: Option<u8>,
    /// How many may fail.
    #[serde(default, skip_serializing_if = "is_default")]
    pub errors: Threshold,
    /// How many may fail of each hardware type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errors_per_model: Option<Threshold>,
    /// Seconds that are waited after it has succeeded.
    #[serde(default, skip_serializing_if = "is_default")]
    pub soak_s: u32,
    /// Who has to approve it before it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<ApprovalRule>,
}

/// How many devices may fail; the smaller of both counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// Devices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// Percent of those that began, 0 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
}

/// What is done when too many failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnError {
    /// No more devices begin until somebody decides.
    #[default]
    Pause,
    /// Those that began go back.
    RollBack,
}

/// Who has to approve a wave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApprovalRule {
    /// How many different people, 1 or 2; whoever started the rollout does not count when two are asked for.
    pub people: u8,
    /// Roles of which one is needed; none means any that may approve.
    #[serde(default, skip_serializing_if = "is_default")]
    pub roles: Vec<Role>,
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
    /// How careful it is; absent means as the deployment's last rollout, without its deadline. A deployment that was never rolled
    /// out changes all devices at once then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Policy>,
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
    /// Who made it: `user:NAME`, as in the audit trail.
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
    /// How careful it would be: what was asked for, or what the deployment had.
    #[serde(default)]
    pub policy: Policy,
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
