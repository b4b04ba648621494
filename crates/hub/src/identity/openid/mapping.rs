//! What a provider says of a user, and the roles that it gives.

use std::collections::BTreeMap;

use openidconnect::AdditionalClaims;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thimble_hub_api::identity::Role;

/// Values of the claim at most that are looked at.
const VALUES_MAX: usize = 1000;

/// Claims beside those of the standard.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Claims {
    #[serde(flatten)]
    pub(super) rest: BTreeMap<String, Value>,
}

impl AdditionalClaims for Claims {}

/// Somebody whom a provider knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::identity) struct Identified {
    /// The provider (`iss`).
    pub(in crate::identity) issuer: String,
    /// Its name of the user (`sub`).
    pub(in crate::identity) subject: String,
    /// What people call them.
    pub(in crate::identity) name: String,
    /// The address of mail, if the provider has verified it.
    pub(in crate::identity) email: Option<String>,
    /// The roles that they have.
    pub(in crate::identity) roles: Vec<Role>,
    /// The tenant that they belong to, by name.
    pub(in crate::identity) tenant: String,
    /// The provider, as the settings name it.
    pub(in crate::identity) provider: String,
}

/// The values of a claim: a text, or a list of texts. A path leads into objects: `realm_access.roles`.
pub(super) fn values(claims: &BTreeMap<String, Value>, path: &str) -> Vec<String> {
    let mut found = claims.get(path);
    if found.is_none() {
        let mut parts = path.split('.');
        found = parts.next().and_then(|first| claims.get(first));
        for part in parts {
            found = found.and_then(|value| value.get(part));
        }
    }
    match found {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(items)) => items
            .iter()
            .take(VALUES_MAX)
            .filter_map(|item| item.as_str().map(str::to_owned))
            .collect(),
        _ => Vec::new(),
    }
}

/// The roles that these values give.
pub(super) fn roles(values: &[String], mapping: &BTreeMap<String, Role>) -> Vec<Role> {
    let mut roles: Vec<Role> = values
        .iter()
        .filter_map(|value| mapping.get(value).copied())
        .collect();
    roles.sort_unstable();
    roles.dedup();
    roles
}
