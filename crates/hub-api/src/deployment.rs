//! Which devices are to run which version of an app, and how.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::Limits;
use crate::{Timestamp, is_default};

/// A deployment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Deployment {
    /// Its id: the same whatever it deploys.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The newest revision: what it is to become.
    pub revision: u64,
    /// What it is to become.
    pub spec: DeploymentSpec,
    /// Whether it is being removed from its devices.
    #[serde(default, skip_serializing_if = "is_default")]
    pub is_being_removed: bool,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it was changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

/// A revision of a deployment: it never changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Revision {
    /// Its number, from 1.
    pub revision: u64,
    /// What was declared.
    pub spec: DeploymentSpec,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// Who.
    pub author: String,
}

/// A deployment, declared. Devices change only through a rollout.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeploymentSpec {
    /// The app's name.
    pub app: String,
    /// The app's version.
    pub version: String,
    /// Which devices: `line=1, site in (a, b), !canary`; empty means all.
    #[serde(default, skip_serializing_if = "is_default")]
    pub selector: String,
    /// Of two deployments of one app on a device, the greater priority wins.
    #[serde(default, skip_serializing_if = "is_default")]
    pub priority: i32,
    /// What is different from the version, by container; `*` is every container.
    #[serde(default, skip_serializing_if = "is_default")]
    pub containers: BTreeMap<String, Settings>,
    /// What is different on some devices, in this order.
    #[serde(default, skip_serializing_if = "is_default")]
    pub overrides: Vec<Override>,
    /// How containers are replaced.
    #[serde(default, skip_serializing_if = "is_default")]
    pub update: UpdateRules,
    /// Names of deployments that must be installed first.
    #[serde(default, skip_serializing_if = "is_default")]
    pub depends_on: Vec<String>,
}

/// What is different from a version for a container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Arguments instead of the version's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub args: Option<Vec<String>>,
    /// Environment variables, over the version's.
    #[serde(default, skip_serializing_if = "is_default")]
    pub env: BTreeMap<String, String>,
    /// Environment variables whose value is a secret: variable, and the secret's name.
    #[serde(default, skip_serializing_if = "is_default")]
    pub secret_env: BTreeMap<String, String>,
    /// Grants instead of the version's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grants: Option<Vec<String>>,
    /// Limits instead of the version's, each by itself.
    #[serde(default, skip_serializing_if = "is_default")]
    pub limits: Limits,
}

/// What is different on some devices.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// Which devices.
    pub selector: String,
    /// What is different there, by container; `*` is every container.
    pub containers: BTreeMap<String, Settings>,
}

/// How a deployment's containers are replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UpdateRules {
    /// Milliseconds that the running app has to say yes; 0 does not ask.
    pub consent_ms: u32,
    /// Seconds until a refused change is asked for again.
    pub ask_again_s: u32,
    /// Seconds that the new containers must run without a crash and in health before they are kept.
    pub probation_s: u32,
    /// Seconds within which the hub must have been reached while on probation; 0 does not ask for it.
    pub hub_within_s: u32,
}

impl Default for UpdateRules {
    fn default() -> Self {
        Self {
            consent_ms: 10_000,
            ask_again_s: 600,
            probation_s: 60,
            hub_within_s: 900,
        }
    }
}

/// A deployment to make.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDeployment {
    /// Its name: 1 to 63 of a-z, 0-9 and `-`.
    pub name: String,
    /// What it is to be.
    pub spec: DeploymentSpec,
}

/// On which devices a deployment would be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Placement {
    /// Devices that its selector chooses and that can run it.
    pub placed: u64,
    /// Devices that its selector chooses and where it will not be, with the reason.
    pub refused: Vec<Refusal>,
    /// How many of those there are: the list holds the first 1,000.
    pub refused_count: u64,
}

/// A device where a deployment will not be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Refusal {
    /// The device's id.
    pub device: String,
    /// The device's name.
    pub name: String,
    /// Why not, and what to do.
    pub reason: String,
}
