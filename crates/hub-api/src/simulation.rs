//! What would come of a deployment that nobody has made.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::deployment::{NewDeployment, Placement};
use crate::rollout::{Policy, Preview};

/// A deployment to think through: one that there is counts as changed to this.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSimulation {
    /// What would be declared.
    pub deployment: NewDeployment,
    /// How careful the rollout would be; absent means as the deployment's last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Policy>,
}

/// What would come of it, and nothing is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Simulation {
    /// The revision that it would be; the present one if nothing is different.
    pub revision: u64,
    /// Whether that revision would be made.
    pub is_new: bool,
    /// On which devices it would be.
    pub placement: Placement,
    /// What its rollout would do now.
    pub preview: Preview,
}
