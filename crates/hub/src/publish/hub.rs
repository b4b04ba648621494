//! The keys of a node's hub, for publishing.

use std::sync::Arc;

use thimble_hub_store::{Id as _, TenantId};
use thimble_protocol::UnixSeconds;

use super::{Answer, Keys, PublishError, Publisher};
use crate::Hub;

impl Publisher {
    /// The publisher of a node.
    #[must_use]
    pub fn of(hub: &Arc<Hub>) -> Self {
        let keys: Arc<dyn Keys> = Arc::<Hub>::clone(hub);
        Self::new(hub.blobs.clone(), keys)
    }
}

impl Keys for Hub {
    fn signing(&self, tenant: TenantId) -> Answer<'_, Arc<crate::authority::TenantKeys>> {
        Box::pin(async move {
            let now = UnixSeconds(u64::try_from(self.now_ms() / 1000).unwrap_or(0));
            let tenant = crate::authority::TenantId(tenant.bytes());
            let keys = self.vault.tenant_keys(tenant, now).await;
            let keys = keys.map_err(|error| PublishError::NoKey {
                reason: error.to_string(),
            })?;
            Ok(Arc::new(keys))
        })
    }

    fn open_secret(&self, context: &str, ciphertext: &[u8]) -> Result<Vec<u8>, PublishError> {
        let opened = self.vault.master().open(context, ciphertext);
        opened.map_err(|error| PublishError::Secret {
            reason: error.to_string(),
        })
    }
}
