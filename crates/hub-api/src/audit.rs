//! Who changed what, and why.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Timestamp;

/// One change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Entry {
    /// Its number within the tenant, from 1.
    pub sequence: u64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// Who: `user:NAME`, `device:ID`, `hub`.
    pub actor: String,
    /// What was done: `device.approve`.
    pub action: String,
    /// To what: `device/ID`.
    pub subject: String,
    /// Why, if somebody said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What is different.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub detail: Option<serde_json::Value>,
    /// The SHA-256 over this entry and the hash of the one before it, in hexadecimal.
    pub hash: String,
}

/// What came of checking the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Verification {
    /// Whether each entry is as it was written.
    pub intact: bool,
    /// Entries that were checked.
    pub entries: u64,
    /// The hash of the last one: whoever noted it elsewhere can compare it later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<String>,
    /// The first entry that is not as it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken_at: Option<u64>,
}
