//! How the agent is, for whoever stands at the device.

use alloc::string::String;
use alloc::vec::Vec;

use thimble_protocol::StateVersion;
use thimble_protocol::report::{DeploymentStatus, Phase};

/// How the agent is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The greatest version that was taken.
    pub adopted: StateVersion,
    /// The version that runs and was committed.
    pub committed: StateVersion,
    /// What is being done.
    pub phase: Phase,
    /// Whether the device is held by whoever stands at it.
    pub is_held_here: bool,
    /// Whether the hub holds it, or a hold of the hub has not ended.
    pub is_held_by_hub: bool,
    /// Milliseconds since the hub last answered; absent if it has not since the agent began.
    pub hub_answered_ms_ago: Option<u64>,
    /// Each deployment, and its app's name once that is known.
    pub deployments: Vec<(Option<String>, DeploymentStatus)>,
}
