//! Rollouts: carries out what `thimble_rollout` plans, and takes operators' orders about it.
//!
//! A tenant's rollouts have one owner at a time, by a lease whose number every transaction checks. A step reads the fleet as it
//! is at one moment, plans, and keeps all of the plan in one transaction: assignments, desired states, where every device
//! stands and why, the audit entry, and what webhooks are told. Whoever dies in between has done nothing, and whoever comes
//! next plans again. Nothing here decides who is updated.

mod attempt;
mod burial;
mod due;
mod error;
mod executor;
mod fleet;
mod keep;
mod memory;
mod order;
mod policy;
mod preview;
mod rows;
mod snapshot;
mod step;

use thimble_hub_store::{DeploymentId, DeviceId, Id as _, RolloutId};
use thimble_rollout::{Assigned, UnixMs};

pub use error::RolloutError;
pub use executor::{Executor, Pace};
pub use memory::author;
pub use order::{Request, Vote, abort, approve, create, last_policy, pause, resume, roll_back};
pub use policy::planner_policy;
pub use preview::{Preview, Refused, placement, simulate};

/// The target of a rollout that removes its deployment everywhere.
pub const REMOVAL: u64 = 0;

fn device_id(id: DeviceId) -> thimble_rollout::DeviceId {
    thimble_rollout::DeviceId(id.bytes())
}

fn kept_device_id(id: thimble_rollout::DeviceId) -> DeviceId {
    DeviceId::from_bytes(id.0)
}

fn deployment_id(id: DeploymentId) -> thimble_rollout::DeploymentId {
    thimble_rollout::DeploymentId(id.bytes())
}

fn kept_deployment_id(id: thimble_rollout::DeploymentId) -> DeploymentId {
    DeploymentId::from_bytes(id.0)
}

fn rollout_id(id: RolloutId) -> thimble_rollout::RolloutId {
    thimble_rollout::RolloutId(id.bytes())
}

fn kept_rollout_id(id: thimble_rollout::RolloutId) -> RolloutId {
    RolloutId::from_bytes(id.0)
}

fn assigned(deployment: DeploymentId, revision: u64) -> Assigned {
    Assigned {
        deployment: deployment_id(deployment),
        revision,
    }
}

fn moment(at_ms: i64) -> UnixMs {
    UnixMs(u64::try_from(at_ms).unwrap_or(0))
}

fn kept_moment(at: UnixMs) -> i64 {
    i64::try_from(at.0).unwrap_or(i64::MAX)
}
