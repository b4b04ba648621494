//! Somebody who was authenticated, and the tenant that they ask for.

use thimble_hub_api::identity::Role;
use thimble_hub_store::{Audit, Scope, TenantId, TokenId, UserId};

use super::{IdentityError, Permission, Permissions};

/// Somebody who was authenticated, and the tenant that they ask for. Only authentication makes one.
#[derive(Clone, Debug)]
pub struct Caller {
    pub(super) user: UserId,
    pub(super) user_name: String,
    pub(super) tenant: TenantId,
    pub(super) tenant_name: String,
    pub(super) roles: Vec<Role>,
    pub(super) permissions: Permissions,
    pub(super) token: TokenId,
    pub(super) expires_ms: i64,
}

impl Caller {
    /// The tenant that is asked for, and no other.
    #[must_use]
    pub const fn scope(&self) -> Scope {
        Scope::authenticated(self.tenant)
    }

    /// The tenant that is asked for, and those below it.
    #[must_use]
    pub const fn reach(&self) -> Scope {
        Scope::authenticated_with_descendants(self.tenant)
    }

    /// The tenant that is asked for.
    #[must_use]
    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Its name.
    #[must_use]
    pub fn tenant_name(&self) -> &str {
        &self.tenant_name
    }

    /// Who it is.
    #[must_use]
    pub const fn user(&self) -> UserId {
        self.user
    }

    /// Their name.
    #[must_use]
    pub fn user_name(&self) -> &str {
        &self.user_name
    }

    /// What they are in the tenant.
    #[must_use]
    pub fn roles(&self) -> &[Role] {
        &self.roles
    }

    /// What they may do there.
    #[must_use]
    pub const fn permissions(&self) -> Permissions {
        self.permissions
    }

    /// The token that they showed.
    #[must_use]
    pub const fn token(&self) -> TokenId {
        self.token
    }

    /// When it ends.
    #[must_use]
    pub const fn expires_ms(&self) -> i64 {
        self.expires_ms
    }

    /// How the audit trail names them.
    #[must_use]
    pub fn actor(&self) -> String {
        format!("user:{}", self.user_name)
    }

    /// An entry of the audit trail about something that they do.
    #[must_use]
    pub fn audit(&self, now_ms: i64, action: &str, subject: impl Into<String>) -> Audit {
        Audit::new(now_ms, self.actor(), action, subject)
    }

    /// Finds out that they may do this.
    ///
    /// # Errors
    /// [`IdentityError::Forbidden`].
    pub fn require(&self, permission: Permission) -> Result<(), IdentityError> {
        if self.permissions.allow(permission) {
            return Ok(());
        }
        Err(IdentityError::Forbidden {
            permission,
            tenant: self.tenant_name.clone(),
        })
    }
}
