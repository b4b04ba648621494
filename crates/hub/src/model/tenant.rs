//! Tenants as they are made.

use thimble_hub_store::{Id as _, Tenant, TenantId};

/// A tenant that there was not before. It belongs to itself.
#[must_use]
pub fn fresh(name: &str, parent: TenantId, now_ms: i64) -> Tenant {
    let id = TenantId::fresh();
    Tenant {
        id,
        tenant: id,
        edition: 0,
        created_ms: now_ms,
        parent,
        name: name.to_owned(),
        settings: serde_json::json!({}),
    }
}
