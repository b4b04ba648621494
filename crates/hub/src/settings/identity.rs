//! What is set of users and sign-in.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use thimble_hub_api::identity::Role;

/// Users and sign-in.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IdentitySettings {
    /// Seconds that signing in lasts.
    pub session_s: u64,
    /// Seconds that a token may last at most.
    pub token_s_max: u64,
    /// What a password costs.
    pub passwords: PasswordSettings,
    /// OpenID providers, by name.
    pub openid: BTreeMap<String, OpenIdSettings>,
}

impl Default for IdentitySettings {
    fn default() -> Self {
        Self {
            session_s: 12 * 3600,
            token_s_max: 366 * 24 * 3600,
            passwords: PasswordSettings::default(),
            openid: BTreeMap::new(),
        }
    }
}

/// What comparing a password costs (argon2id).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PasswordSettings {
    /// KiB of memory for each, 19,456 at least (OWASP).
    pub memory_kib: u32,
    /// Passes over it, 2 at least.
    pub iterations: u32,
    /// Lanes.
    pub parallelism: u32,
    /// How many are compared at once.
    pub at_once: usize,
}

impl Default for PasswordSettings {
    fn default() -> Self {
        Self {
            memory_kib: MEMORY_KIB_MIN,
            iterations: ITERATIONS_MIN,
            parallelism: 1,
            at_once: 4,
        }
    }
}

/// The least memory (OWASP Password Storage Cheat Sheet, argon2id).
pub const MEMORY_KIB_MIN: u32 = 19_456;
/// The fewest passes, likewise.
pub const ITERATIONS_MIN: u32 = 2;

/// An OpenID provider.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenIdSettings {
    /// Its address (`iss`): `https://…`.
    pub issuer: String,
    /// What the hub is called there.
    pub client_id: String,
    /// A file with the hub's secret there, if it has one.
    #[serde(default)]
    pub client_secret: Option<PathBuf>,
    /// What is asked for beside `openid`.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Where the provider may send browsers back to, beside `http://127.0.0.1:PORT/…` and `http://[::1]:PORT/…`.
    #[serde(default)]
    pub redirect_urls: Vec<String>,
    /// Whose certificates are believed for it, PEM; otherwise those that the machine believes.
    #[serde(default)]
    pub authorities: Option<PathBuf>,
    /// The tenant that its users belong to, by name.
    pub tenant: String,
    /// The claim that says what a user may do: `groups`.
    #[serde(default = "groups")]
    pub claim: String,
    /// What each value of that claim means. Who has none of them cannot sign in.
    pub roles: BTreeMap<String, Role>,
}

fn groups() -> String {
    "groups".to_owned()
}
