//! When it is time to collect: every so often, on whichever node is first.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use thimble_hub_store::{Audit, Error as StoreError, Scope, TenantId};

use super::{CollectionError, collect, fresh_owner};
use crate::chain;
use crate::hub::Hub;

/// The setting of the hub that says when the last collection ended.
const LAST: &str = "blobs.collected";
/// Who collects, in the audit log.
const ACTOR: &str = "hub";
/// How long is waited for another node, a copy or a store that failed.
const RETRY_S: u64 = 60;
/// How long a node sleeps at most: clocks are set, and other nodes collect.
const SLEEP_S_MAX: u64 = 600;

/// Collects in the background.
pub struct Collector {
    hub: Arc<Hub>,
    owner: String,
    began_ms: i64,
}

impl std::fmt::Debug for Collector {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Collector({})", self.owner)
    }
}

impl Collector {
    /// That of a node.
    #[must_use]
    pub fn new(hub: Arc<Hub>) -> Self {
        Self {
            began_ms: hub.now_ms(),
            owner: fresh_owner(),
            hub,
        }
    }

    /// Collects as often as the settings say until it is told to stop. What is being collected then is left, and goes the next
    /// time.
    pub async fn run(&self, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        if self.hub.settings.blobs.collect_every_s == 0 {
            return stop.await;
        }
        loop {
            let round = async {
                let wait_s = self.round().await;
                tokio::time::sleep(Duration::from_secs(wait_s)).await;
            };
            tokio::select! {
                () = &mut stop => return,
                () = round => {}
            }
        }
    }

    /// Collects if it is time; seconds until it is worth to look again.
    async fn round(&self) -> u64 {
        let wait_s = match self.wait_s().await {
            Ok(0) => match self.due().await {
                Ok(()) => return 1,
                Err(
                    error @ (CollectionError::Collecting { .. } | CollectionError::Copying { .. }),
                ) => {
                    tracing::debug!(%error, "blobs are not collected now");
                    RETRY_S
                }
                Err(error) => {
                    let source = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::warn!(%error, source, "blobs cannot be collected");
                    RETRY_S
                }
            },
            Ok(wait_s) => wait_s,
            Err(error) => {
                tracing::warn!(%error, "it cannot be read when blobs were collected");
                RETRY_S
            }
        };
        wait_s.min(SLEEP_S_MAX)
    }

    /// Seconds until it is time.
    async fn wait_s(&self) -> Result<u64, StoreError> {
        let scope = Scope::authenticated(TenantId::HUB);
        let mut read = self.hub.store.read().await?;
        let last = read.setting(&scope, TenantId::HUB, LAST).await?;
        let last_ms = last.and_then(|last| last.get("at_ms")?.as_i64());
        let every_ms = self.hub.settings.blobs.collect_every_s.saturating_mul(1000);
        let since_ms = last_ms.unwrap_or(self.began_ms);
        let due_ms = since_ms.saturating_add(i64::try_from(every_ms).unwrap_or(i64::MAX));
        let wait_ms = due_ms.saturating_sub(self.hub.now_ms());
        Ok(u64::try_from(wait_ms).unwrap_or(0).div_ceil(1000))
    }

    async fn due(&self) -> Result<(), CollectionError> {
        let all = collect(&self.hub, &self.owner, ACTOR).await?;
        let (mut deleted, mut failed) = (0_u64, 0_u64);
        for one in &all {
            match &one.collected {
                Ok(collected) => deleted = deleted.saturating_add(collected.deleted),
                Err(error) => {
                    failed += 1;
                    let reason = chain(error);
                    tracing::warn!(tenant = %one.tenant, reason, "nothing was deleted");
                }
            }
        }
        let now_ms = self.hub.now_ms();
        let audit = Audit::new(now_ms, ACTOR, "blobs.collect", "hub")
            .with(json!({ "tenants": all.len(), "deleted": deleted, "failed": failed }));
        let scope = Scope::authenticated(TenantId::HUB);
        let mut write = self.hub.store.write().await?;
        let last = json!({ "at_ms": now_ms });
        write
            .put_setting(&scope, TenantId::HUB, LAST, &last, &audit)
            .await?;
        Ok(write.commit().await?)
    }
}
