//! Who asks: tenants, users, roles, tokens.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Timestamp, is_default};

/// What somebody may do.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Reads, and changes devices, labels, apps, deployments and rollouts.
    Operator,
    /// Reads, and approves devices and rollouts.
    Approver,
    /// Those of information technology: apps, deployments and rollouts.
    It,
    /// Those of the plant: approves, holds devices, gives them windows, and decides on vetoes.
    Ot,
    /// Everything, users and tokens too.
    Admin,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 6] = [
        Self::Viewer,
        Self::Operator,
        Self::Approver,
        Self::It,
        Self::Ot,
        Self::Admin,
    ];

    /// The word for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Approver => "approver",
            Self::It => "it",
            Self::Ot => "ot",
            Self::Admin => "admin",
        }
    }

    /// The role of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// Signs in.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// The user's name.
    pub user: String,
    /// The password.
    pub password: String,
}

/// What signing in gives: shown once.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct IssuedToken {
    /// The token's id, by which it is revoked.
    pub id: String,
    /// What is sent as `Authorization: Bearer …`.
    pub token: String,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

/// Whoever asks, as the hub sees them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Whoami {
    /// The user's id.
    pub id: String,
    /// The user's name.
    pub user: String,
    /// The tenant that is asked for.
    pub tenant: String,
    /// What they may do there.
    pub roles: Vec<Role>,
    /// When the token ends.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

/// An OEM or a customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tenant {
    /// Its id.
    pub id: String,
    /// Its name, which is the first part of its images' names.
    pub name: String,
    /// The OEM of a customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// A tenant to make below the one that is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTenant {
    /// Its name: 1 to 63 of a-z, 0-9 and `-`, beginning and ending with a letter or digit.
    pub name: String,
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct User {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether it signs in with a password, or at an OpenID provider.
    pub is_local: bool,
    /// Whether it may not sign in.
    pub is_disabled: bool,
    /// What it may do in the tenant that is asked for.
    pub roles: Vec<Role>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// A user to make.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// Its name: 1 to 128 printable characters without spaces; an address of mail, for example.
    pub name: String,
    /// Its password; without one it can only have tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// What it may do in the tenant that is asked for.
    #[serde(default, skip_serializing_if = "is_default")]
    pub roles: Vec<Role>,
}

/// What is to be different about a user.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserChange {
    /// A new password. Ends the user's sessions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Whether it may not sign in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
}

/// What a user may do in a tenant, all of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Roles {
    /// The roles.
    pub roles: Vec<Role>,
}

/// Something that acts as its user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Token {
    /// Its id.
    pub id: String,
    /// What it is for, in the words of who made it.
    pub name: String,
    /// The user.
    pub user: String,
    /// What it may do at most; absent means everything that its user may do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

/// A token to make for whoever asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What it is for.
    pub name: String,
    /// What it may do at most: no more than its user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Seconds until it ends.
    pub lifetime_s: u64,
}

/// How to sign in at an OpenID provider with a browser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OpenIdStart {
    /// Where the browser goes.
    pub authorization_url: String,
    /// What has to come back; the sign-in is finished with it.
    pub state: String,
}

/// Begins to sign in at an OpenID provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenIdBegin {
    /// Which provider, as the hub's settings name it.
    pub provider: String,
    /// Where the provider sends the browser: the hub's own address, or `http://127.0.0.1:PORT/…` for a program on this machine.
    pub redirect_url: String,
}

/// Finishes it.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenIdFinish {
    /// What the beginning gave.
    pub state: String,
    /// What the provider gave.
    pub code: String,
}
