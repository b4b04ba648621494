//! The registry of images: who may do what with which repository.
//!
//! Owns how the names of repositories are those of tenants (`TENANT/REPOSITORY`, the tenant by name or id), and how clients
//! that know only names and passwords sign in. Who may read a tenant pulls, who may change its apps pushes and deletes. A
//! repository of a tenant in which somebody has no role does not exist for them.

mod guard;
mod sessions;

use std::sync::Arc;

use axum::Router;
use thimble_hub_blobs::{Blobs, NameError, Space};
use thimble_hub_store::TenantId;

use crate::hub::Hub;

use guard::Guard;

/// The registry: everything below `/v2`.
pub fn router(hub: Arc<Hub>) -> Router {
    let blobs = hub.blobs.clone();
    thimble_hub_blobs::router(blobs, Arc::new(Guard::new(hub)))
}

/// What a tenant keeps, for the hub's own work.
///
/// # Errors
/// Never, for ids of tenants are names of name spaces.
pub fn space(blobs: &Blobs, tenant: TenantId) -> Result<Space, NameError> {
    Ok(blobs.space(tenant.to_string().parse()?, None))
}
