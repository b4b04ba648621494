//! The registry of images: who may do what with which repository.
//!
//! Owns how the names of repositories are those of tenants (`TENANT/REPOSITORY`, the tenant by name or id), and how clients
//! that know only names and passwords sign in. Who may read a tenant pulls, who may change its apps pushes and deletes. A
//! repository of a tenant in which somebody has no role does not exist for them.

mod guard;
mod sessions;

use std::io;
use std::sync::Arc;

use axum::Router;
use futures_util::TryStreamExt as _;
use thimble_hub_blobs::{BlobError, Blobs, NameError, Space};
use thimble_hub_store::{Id as _, TenantId};
use thimble_image::Digest;

use crate::device::{Answer, BlobSource, ByteStream, FleetError};
use crate::hub::Hub;

use guard::Guard;

/// The registry: everything below `/v2`.
#[must_use]
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

/// What tenants keep, for the devices' listener.
#[derive(Clone, Debug)]
pub struct TenantBlobs(
    /// All of it.
    pub Blobs,
);

impl BlobSource for TenantBlobs {
    fn read(
        &self,
        tenant: crate::authority::TenantId,
        digest: Digest,
        offset: u64,
    ) -> Answer<'_, Option<(u64, ByteStream)>> {
        Box::pin(async move {
            let unavailable = |error: BlobError| FleetError::Unavailable(Box::new(error));
            let tenant = TenantId::from_bytes(tenant.0);
            let Ok(space) = space(&self.0, tenant) else {
                return Ok(None);
            };
            let Some(length_bytes) = space.size(&digest).await.map_err(unavailable)? else {
                return Ok(None);
            };
            // From its end on, or beyond it, nothing comes.
            if offset >= length_bytes {
                let nothing: ByteStream = Box::pin(futures_util::stream::empty());
                return Ok(Some((length_bytes, nothing)));
            }
            match space.read(&digest, Some(offset..length_bytes)).await {
                Ok(read) => {
                    let stream: ByteStream = Box::pin(read.stream.map_err(io::Error::other));
                    Ok(Some((read.length_bytes, stream)))
                }
                Err(BlobError::Missing) => Ok(None),
                Err(error) => Err(unavailable(error)),
            }
        })
    }
}
