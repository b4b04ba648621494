//! The daemon itself, its images and volumes.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Timestamp;

/// The daemon and the device.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Device {
    /// The daemon's version.
    pub version: String,
    /// The version of this interface.
    pub api: String,
    /// What executes the WebAssembly.
    pub engine: String,
    /// Where the state is.
    pub root: String,
    /// Threads that run containers.
    pub workers: u32,
    /// When the daemon was started.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// Containers.
    pub containers: u32,
    /// Containers that run.
    pub running: u32,
    /// What the daemon gave up after its start.
    pub isolation: Vec<String>,
    /// What was found damaged and set aside.
    pub damaged: Vec<String>,
    /// Why the daemon was started again, if its last life ended unexpectedly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<String>,
}

/// An image to fetch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PullRequest {
    /// Its name.
    pub reference: String,
    /// Speaks HTTP without TLS to the registry.
    #[serde(default)]
    pub plain_http: bool,
}

/// A line of the answer while an image is fetched. The last one has `digest` or `problem`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct PullProgress {
    /// What is being done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// The digest of what was fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<crate::Problem>,
}

/// An image that was loaded from an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LoadedImage {
    /// The digest of its manifest or index: what a container can be made from.
    pub digest: String,
    /// Its name, if the archive has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// A named folder that the daemon keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Volume {
    /// Its name.
    pub name: String,
    /// Bytes in it.
    pub used_bytes: u64,
    /// The containers that have it.
    pub containers: Vec<String>,
}
