//! Who may do what: tenants, users, roles, tokens.

use serde_json::Value;

use crate::record::record;
use crate::{TenantId, UserId};

record! {
    /// An OEM or a customer, to whom everything else belongs. The hub itself, [`TenantId::HUB`], is above all.
    Tenant(TenantId) is "tenant" in "tenants", fixed [parent], home parent {
        /// Whose customer it is; never changes.
        parent: TenantId,
        /// What it is called; unique below its parent.
        name: String,
        /// What is set for it.
        settings: Value,
    }
}

record! {
    /// Somebody who can sign in.
    User(UserId) is "user" in "users" {
        /// The name to sign in with; unique in the hub.
        name: String,
        /// The address of mail, if it is known.
        email: Option<String>,
        /// The hash of the password as a PHC string; none for users of a provider.
        password: Option<String>,
        /// The OpenID provider (`iss`).
        issuer: Option<String>,
        /// The provider's name of the user (`sub`); unique with the provider.
        subject: Option<String>,
        /// Cannot sign in, and tokens do not work.
        is_disabled: bool,
    }
}

record! {
    /// A role that a user has in a tenant, and in those below it.
    RoleBinding(BindingId) is "role binding" in "role_bindings", names [account in User] {
        /// Whose role.
        account: UserId,
        /// Which role.
        role: String,
    }
}

record! {
    /// A token that acts as its user.
    Token(TokenId) is "token" in "tokens", names [account in User], fixed [account, hash] {
        /// As whom it acts.
        account: UserId,
        /// What it is for.
        name: String,
        /// The SHA-256 of the secret; the secret is not kept. Unique.
        hash: Vec<u8>,
        /// The greatest role that it has; none: as its user.
        role: Option<String>,
        /// When it ends.
        expires_ms: i64,
        /// When it was taken back.
        revoked_ms: Option<i64>,
    }
}
