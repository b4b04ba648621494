//! Blobs of tenants, each in the name space that is called as the tenant's id.

use core::ops::Range;
use std::io;

use futures_util::{StreamExt as _, stream};
use thimble_hub_blobs::{BlobError, Blobs, NameSpace, Space};
use thimble_image::Digest;

use super::BlobSource;
use crate::authority::TenantId;
use crate::device::fleet::{Answer, ByteStream, FleetError};

/// The space of a tenant.
fn space(blobs: &Blobs, tenant: TenantId) -> Result<Space, FleetError> {
    let name: Result<NameSpace, _> = tenant.to_string().parse();
    let name = name.map_err(|_| FleetError::Damaged {
        what: "a name space",
    })?;
    Ok(blobs.space(name, None))
}

impl BlobSource for Blobs {
    fn read(
        &self,
        tenant: TenantId,
        digest: Digest,
        range: Range<u64>,
    ) -> Answer<'_, Option<(u64, ByteStream)>> {
        Box::pin(async move {
            let space = space(self, tenant)?;
            let is_all = range.start == 0 && range.end == u64::MAX;
            match space.read(&digest, (!is_all).then_some(range)).await {
                Ok(read) => {
                    let stream = read.stream.map(|piece| piece.map_err(io::Error::other));
                    Ok(Some((read.length_bytes, stream.boxed())))
                }
                Err(BlobError::Range { length_bytes }) => {
                    Ok(Some((length_bytes, stream::empty().boxed())))
                }
                Err(BlobError::Missing) => Ok(None),
                Err(error) => Err(FleetError::Unavailable(Box::new(error))),
            }
        })
    }
}
