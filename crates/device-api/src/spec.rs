//! What a container is to be, as its operator declares it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A container, declared. What is left out is what the image asks for, within the device's defaults.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContainerSpec {
    /// Name: 1 to 128 characters of a-z, 0-9, `.`, `_` and `-`, not beginning with a dot. Made up if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The image: a reference (`registry/name:tag`), or the digest (`sha256:…`) of one that is here.
    pub image: String,
    /// Arguments instead of the image's, without the program's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub args: Option<Vec<String>>,
    /// Environment variables, besides the image's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Exported function to run instead of the image's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<String>,
    /// What it is granted, as `--allow` takes it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<String>,
    /// Grants everything that the image asks for.
    #[serde(default, skip_serializing_if = "is_default")]
    pub allow_requested: bool,
    /// Folders of the device in the container.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<Mount>,
    /// Listening sockets: `tcp/PORT` or `tcp/ADDRESS:PORT`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub listen: Vec<String>,
    /// What it may use at most.
    #[serde(default, skip_serializing_if = "is_default")]
    pub limits: LimitsSpec,
    /// When it is started again after its end: `no`, `on-failure`, `on-failure:N` or `always`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<String>,
    /// Time between being asked to stop and being killed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_grace_ms: Option<u64>,
    /// Time after which it is ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// How its health is known, instead of what the image says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<HealthSpec>,
    /// Containers that must be so far before this one starts. Within an app, names of the app's containers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<Dependency>,
    /// Its side of the bus.
    #[serde(default, skip_serializing_if = "is_default")]
    pub bus: BusSpec,
    /// What is kept of its output.
    #[serde(default, skip_serializing_if = "is_default")]
    pub logs: LogSpec,
    /// Anything else, for people and tools.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Keeps its standard input open for whoever attaches; otherwise it reads the end at once.
    #[serde(default, skip_serializing_if = "is_default")]
    pub interactive: bool,
    /// Removes it after its end.
    #[serde(default, skip_serializing_if = "is_default")]
    pub auto_remove: bool,
    /// The app it belongs to; set by the daemon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
}

/// A folder of the device in a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Mount {
    /// What `source` names.
    #[serde(default)]
    pub kind: MountKind,
    /// The volume's name (as a container's name), or the folder's absolute path.
    pub source: String,
    /// Absolute path inside the container.
    pub target: String,
    /// Whether it is read-only.
    #[serde(default)]
    pub read_only: bool,
}

/// Where a mount's folder is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MountKind {
    /// A named folder that the daemon keeps; made when it is first used, and kept when the container is removed.
    #[default]
    Volume,
    /// A folder of the device; the daemon's settings must list it.
    Bind,
}

/// What a container may use at most; what is left out is the image's or the device's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitsSpec {
    /// Linear memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Share of the processor among those that want it, in thousandths: 1000 is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_share_thousandths: Option<u32>,
    /// Bytes in each of its volumes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_bytes: Option<u64>,
    /// Bytes in its key-value store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_value_bytes: Option<u64>,
    /// Open descriptors, standard streams and mounts included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub descriptors: Option<u32>,
    /// Open sockets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sockets: Option<u32>,
    /// Timers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timers: Option<u32>,
    /// Subscriptions to the bus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscriptions: Option<u32>,
}

/// A container's side of the bus.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BusSpec {
    /// Messages that wait to be received at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_messages: Option<u32>,
    /// Bytes of the messages that wait at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_bytes: Option<u32>,
    /// Bytes of one message's payload at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_bytes: Option<u32>,
    /// What happens to a message that does not fit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_policy: Option<QueuePolicy>,
}

/// What happens when a message arrives at a full queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum QueuePolicy {
    /// The oldest messages give way.
    DropOldest,
    /// The new message is refused, and its publisher told.
    Refuse,
}

/// What is kept of a container's output.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LogSpec {
    /// Bytes of a file at most; then the next is begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_bytes_max: Option<u64>,
    /// Files at most, the current one included; 0 keeps the end of it in memory alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files_max: Option<u32>,
}

/// How a container's health is known: it reports through the `thimble` module.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HealthSpec {
    /// Time from its start until it must have reported that it is healthy.
    pub start_ms: u64,
    /// Longest time between two reports; none if one is enough.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat_ms: Option<u64>,
    /// What is done when it is unhealthy.
    #[serde(default)]
    pub action: HealthAction,
}

/// What is done with an unhealthy container.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HealthAction {
    /// It is killed, which its restart policy takes for a failure.
    #[default]
    Restart,
    /// It is told, and nothing else.
    Report,
}

/// Another container that must be so far before this one starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Dependency {
    /// The other container.
    pub name: String,
    /// How far it must be.
    #[serde(default)]
    pub condition: DependencyCondition,
}

/// How far another container must be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DependencyCondition {
    /// It runs.
    #[default]
    Started,
    /// It runs and has reported that it is healthy.
    Healthy,
    /// It has ended with exit code 0.
    Completed,
}

/// What is changed of a container, whether it runs or not; what is left out stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Update {
    /// New limits.
    #[serde(default, skip_serializing_if = "is_default")]
    pub limits: LimitsSpec,
    /// New restart policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restart: Option<String>,
    /// New side of the bus.
    #[serde(default, skip_serializing_if = "is_default")]
    pub bus: BusSpec,
    /// New keeping of output.
    #[serde(default, skip_serializing_if = "is_default")]
    pub logs: LogSpec,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
