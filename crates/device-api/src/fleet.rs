//! The device as one of a fleet.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Timestamp;

/// How the device's agent is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FleetStatus {
    /// Where it is with its hub.
    pub link: FleetLink,
    /// The hub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hub: Option<String>,
    /// The device, as the hub knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// What people compare before they approve the device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// What is wrong, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Until when the device's certificate counts.
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_until: Option<Timestamp>,
    /// When the hub last answered, in this life of the daemon.
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_contact: Option<Timestamp>,
    /// The greatest version of its desired state that the device took.
    #[serde(default)]
    pub adopted: u64,
    /// The version that runs and was kept.
    #[serde(default)]
    pub committed: u64,
    /// What the agent does: `idle`, `fetching`, `verifying`, `asking`, `vetoed`, `waiting`, `switching`, `probation`,
    /// `rolling-back`, `rolled-back`.
    #[serde(default)]
    pub phase: String,
    /// Whether somebody at the device holds it.
    #[serde(default)]
    pub held_here: bool,
    /// Whether the hub holds it.
    #[serde(default)]
    pub held_by_hub: bool,
    /// The deployments.
    #[serde(default)]
    pub deployments: Vec<FleetDeployment>,
}

/// Where a device is with its hub.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FleetLink {
    /// It has no hub.
    #[default]
    None,
    /// It asks to become one of the fleet.
    Enrolling,
    /// Somebody has to approve it.
    Pending,
    /// The hub answers.
    Connected,
    /// The hub does not answer; what runs goes on.
    Offline,
    /// The hub refuses the device; what runs goes on.
    Refused,
}

impl FleetLink {
    /// The word that users read.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Enrolling => "enrolling",
            Self::Pending => "pending",
            Self::Connected => "connected",
            Self::Offline => "offline",
            Self::Refused => "refused",
        }
    }
}

/// How a deployment is on the device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FleetDeployment {
    /// Which.
    pub deployment: String,
    /// Its app, once that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// The digest of its manifest.
    pub manifest: String,
    /// The digest of the manifest that runs meanwhile, if it is another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<String>,
    /// `pending`, `installing`, `installed`, `failed`, `removing` or `removed`.
    pub state: String,
    /// Where it is within that.
    pub phase: String,
    /// What is wrong or waited for, in a word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The same for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// A hub that a device is to belong to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FleetEnrol {
    /// Where the hub's devices call: `https://HOST[:PORT]`.
    pub hub: String,
    /// The authorities that the hub's certificate comes from, PEM; the system's without them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// The code with which the device enrols.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim_code: Option<String>,
}
