//! Which tenants' rows an operation may touch.

use crate::TenantId;
use crate::sql::Statement;

/// The tenants that an operation is about. There is none without deciding for one of these constructors, so that a query
/// without a tenant cannot be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope(Reach);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    Only(TenantId),
    Below(TenantId),
    Everything,
}

impl Scope {
    /// Whoever was authenticated for this tenant and no other: a device, a token of one tenant.
    #[must_use]
    pub const fn authenticated(tenant: TenantId) -> Self {
        Self(Reach::Only(tenant))
    }

    /// Whoever was authenticated for this tenant with a role, which it has in the tenants below as well.
    #[must_use]
    pub const fn authenticated_with_descendants(tenant: TenantId) -> Self {
        Self(Reach::Below(tenant))
    }

    /// All tenants: for the hub's own work (executor of rollouts, delivery of webhooks, listeners' indexes), never on behalf
    /// of somebody who asked.
    #[must_use]
    pub const fn whole_hub_for_its_own_work() -> Self {
        Self(Reach::Everything)
    }

    /// The tenant that was authenticated for; none for the hub's own work.
    #[must_use]
    pub const fn tenant(&self) -> Option<TenantId> {
        match self.0 {
            Reach::Only(tenant) | Reach::Below(tenant) => Some(tenant),
            Reach::Everything => None,
        }
    }

    /// Whether the tenants below its tenant are in it too.
    #[must_use]
    pub const fn reaches_below(&self) -> bool {
        !matches!(self.0, Reach::Only(_))
    }

    /// The tenant, if there is no other in it.
    pub(crate) const fn only(&self) -> Option<TenantId> {
        match self.0 {
            Reach::Only(tenant) => Some(tenant),
            Reach::Below(_) | Reach::Everything => None,
        }
    }

    /// Appends the condition that a column names a tenant of this scope.
    pub(crate) fn condition(&self, statement: &mut Statement, column: &str) {
        match self.0 {
            Reach::Only(tenant) => {
                statement.push(column).push(" = ").bind(&tenant);
            }
            Reach::Below(tenant) => {
                statement
                    .push(column)
                    .push(" IN (SELECT tenant FROM tenant_reach WHERE ancestor = ")
                    .bind(&tenant)
                    .push(")");
            }
            Reach::Everything => {
                statement.push("1 = 1");
            }
        }
    }
}
