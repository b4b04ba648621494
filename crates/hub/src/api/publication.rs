//! What devices are to have follows what operators say of them: in the same transaction.

use std::collections::BTreeSet;
use std::sync::Arc;

use thimble_hub_api::ProblemKind;
use thimble_hub_store::{Device, DeviceState, Scope, TenantId, Write};

use super::reply::{Answer, Fault};
use crate::chain;
use crate::hub::Hub;
use crate::publish::{PublishError, Publisher, Signing};

impl From<PublishError> for Fault {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Store(error) => error.into(),
            error => Self::new(
                ProblemKind::WrongState,
                format_args!(
                    "what devices are to have then cannot be published, and nothing was changed: {}",
                    chain(&error)
                ),
            ),
        }
    }
}

/// Publishes for devices of one tenant.
pub(super) struct Publication {
    publisher: Publisher,
    signing: Signing,
    now_ms: i64,
}

impl Publication {
    /// Before the transaction begins: the first time, a key is made in one of its own.
    pub(super) async fn begin(hub: &Arc<Hub>, tenant: TenantId) -> Answer<Self> {
        let publisher = Publisher::of(hub);
        let signing = publisher.signing(tenant).await?;
        Ok(Self {
            publisher,
            signing,
            now_ms: hub.now_ms(),
        })
    }

    /// What this device is to have, after it was changed.
    pub(super) async fn of_device(
        &self,
        write: &mut Write,
        scope: &Scope,
        device: &Device,
    ) -> Answer<()> {
        if device.state == DeviceState::Active {
            let devices = BTreeSet::from([device.id]);
            self.publisher
                .publish(write, scope, &self.signing, &devices, self.now_ms)
                .await?;
        }
        Ok(())
    }

    /// What all devices are to have, after something changed that any of them may use.
    pub(super) async fn of_all(&self, write: &mut Write) -> Answer<()> {
        self.publisher
            .publish_all(write, &self.signing, self.now_ms)
            .await?;
        Ok(())
    }
}
