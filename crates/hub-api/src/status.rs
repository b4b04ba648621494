//! How the fleet and the hub are.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The fleet in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Summary {
    /// Devices that wait for somebody's approval.
    pub pending: u64,
    /// Devices of the fleet.
    pub active: u64,
    /// Devices that are not trusted any more.
    pub revoked: u64,
    /// Devices out of service.
    pub retired: u64,
    /// Devices of the fleet that do not have yet what they are to have.
    pub out_of_date: u64,
}

/// How the hub is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// The hub's version.
    pub version: String,
    /// Whether it can answer: the store answers.
    pub ready: bool,
}
