//! Apps and their versions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Timestamp, is_default};

/// An app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct App {
    /// Its id.
    pub id: String,
    /// Its name: the first part of its containers' names on a device.
    pub name: String,
    /// What it is, for people.
    pub description: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// An app to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewApp {
    /// Its name: 1 to 63 of a-z, 0-9 and `-`, beginning with a letter.
    pub name: String,
    /// What it is, for people.
    #[serde(default, skip_serializing_if = "is_default")]
    pub description: String,
}

/// A version of an app: it never changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AppVersion {
    /// Its id.
    pub id: String,
    /// The app's name.
    pub app: String,
    /// The version, for people.
    pub version: String,
    /// What it consists of, images by digest.
    pub containers: Vec<ContainerSpec>,
    /// When it was published.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// A version to publish.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAppVersion {
    /// The version: 1 to 64 printable characters without spaces.
    pub version: String,
    /// The containers, each after those that it depends on; at most 16.
    pub containers: Vec<ContainerSpec>,
}

/// A container of a version.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContainerSpec {
    /// Its name within the app: 1 to 63 of a-z, 0-9 and `-`.
    pub name: String,
    /// The image in the hub's registry: `REPOSITORY:TAG` or `REPOSITORY@sha256:…`, without the tenant.
    pub image: String,
    /// Arguments instead of the image's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub args: Option<Vec<String>>,
    /// Environment variables, besides the image's.
    #[serde(default, skip_serializing_if = "is_default")]
    pub env: BTreeMap<String, String>,
    /// Environment variables whose value is a secret: variable, and the secret's name.
    #[serde(default, skip_serializing_if = "is_default")]
    pub secret_env: BTreeMap<String, String>,
    /// What it may do, in the words of the grant vocabulary.
    #[serde(default, skip_serializing_if = "is_default")]
    pub grants: Vec<String>,
    /// Its volumes.
    #[serde(default, skip_serializing_if = "is_default")]
    pub mounts: Vec<Mount>,
    /// Addresses to listen on: `tcp/8080`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub listen: Vec<String>,
    /// What it may use at most.
    #[serde(default, skip_serializing_if = "is_default")]
    pub limits: Limits,
    /// When it is started again: `no`, `always`, `on-failure`, `on-failure:N`, `unless-stopped`.
    #[serde(default = "restart", skip_serializing_if = "is_restart")]
    pub restart: String,
    /// What it must report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    /// Containers of the same app that must run first.
    #[serde(default, skip_serializing_if = "is_default")]
    pub depends_on: Vec<String>,
}

fn restart() -> String {
    "always".to_owned()
}

fn is_restart(value: &String) -> bool {
    value == "always"
}

/// A volume of a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Mount {
    /// The volume's name within the app.
    pub volume: String,
    /// Where the container sees it.
    pub target: String,
    /// Whether it may only read it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub read_only: bool,
}

/// What a container may use at most; what is left out is the device's own rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Linear memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Its part of the processor relative to others, 1000 is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_share_thousandths: Option<u32>,
    /// Files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_bytes: Option<u64>,
    /// Keys and values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_value_bytes: Option<u64>,
    /// Open files and sockets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub descriptors: Option<u32>,
    /// Sockets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sockets: Option<u32>,
    /// Timers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timers: Option<u32>,
    /// Subscriptions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subscriptions: Option<u32>,
}

/// What a container must report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ContainerHealth)]
pub struct Health {
    /// Time until it must have reported for the first time.
    pub start_ms: u32,
    /// Time between two reports at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat_ms: Option<u32>,
}
