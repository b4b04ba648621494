//! `trustpolicy.json` as it is written. A field that is not known is an error: it may have been meant to protect.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Policy {
    pub(super) version: String,
    pub(super) trust_policies: Vec<Statement>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Statement {
    pub(super) name: String,
    pub(super) registry_scopes: Vec<String>,
    pub(super) signature_verification: Verification,
    #[serde(default)]
    pub(super) trust_stores: Vec<String>,
    #[serde(default)]
    pub(super) trusted_identities: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Verification {
    pub(super) level: String,
    #[serde(default)]
    pub(super) r#override: BTreeMap<String, String>,
    /// When time stamps are looked at; here they never are.
    #[serde(default, rename = "verifyTimestamp")]
    pub(super) _verify_timestamp: Option<VerifyTimestamp>,
}

#[derive(Deserialize)]
pub(super) enum VerifyTimestamp {
    #[serde(rename = "always")]
    Always,
    #[serde(rename = "afterCertExpiry")]
    AfterExpiry,
}
