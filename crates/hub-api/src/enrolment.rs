//! How devices come to a fleet.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Timestamp, is_default};

/// A code that enrols so many devices until a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClaimCode {
    /// Its id.
    pub id: String,
    /// What it is for, in the words of who made it.
    pub name: String,
    /// How many devices it still enrols.
    pub uses_left: u32,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// Labels that those devices get.
    pub labels: BTreeMap<String, String>,
}

/// Where devices come in, and what they must know before they do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeviceEntrance {
    /// Where devices call: `https://HOST:PORT`.
    pub url: String,
    /// The authority of the certificate that they meet there, PEM; none if it is not the hub's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
}

/// A claim code to make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewClaimCode {
    /// What it is for.
    pub name: String,
    /// How many devices it enrols, 1 to 1,000,000.
    pub uses: u32,
    /// Seconds until it ends, at most a year.
    pub lifetime_s: u64,
    /// Labels that those devices get.
    #[serde(default, skip_serializing_if = "is_default")]
    pub labels: BTreeMap<String, String>,
}

/// A claim code that was made: the code itself is shown once.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct IssuedClaimCode {
    /// Its id.
    pub id: String,
    /// What whoever installs a device gives it.
    pub code: String,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

/// What came of a CSV of expected devices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Imported {
    /// Devices that are now expected.
    pub expected: u32,
}
