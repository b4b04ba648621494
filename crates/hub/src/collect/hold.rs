//! Keeping blobs from being deleted while they are copied.

use std::sync::Arc;
use std::time::Duration;

use thimble_hub_store::{Error as StoreError, Lease, Store};
use tokio_util::task::AbortOnDropHandle;

use super::{HOLDS, LEASE, fresh_owner};
use crate::hub::{Clock, Hub};

/// How long a hold lasts after its process died.
const HOLD_MS: u32 = 120_000;
/// How often it is prolonged.
const PROLONGED_EVERY: Duration = Duration::from_secs(20);
/// How often it is looked whether a collection ended.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// As long as there is one, no blob is deleted. Dropped, it ends by itself within two minutes.
pub struct Hold {
    store: Store,
    clock: Arc<dyn Clock>,
    lease: Lease,
    renewal: AbortOnDropHandle<Result<(), StoreError>>,
}

impl std::fmt::Debug for Hold {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Hold({})", self.lease.name)
    }
}

impl Hold {
    /// Waits until nobody deletes blobs, and keeps it so.
    ///
    /// # Errors
    /// The store failed.
    pub async fn take(hub: &Hub) -> Result<Self, StoreError> {
        let (store, clock, owner) = (hub.store.clone(), hub.clock(), fresh_owner());
        let name = format!("{HOLDS}{owner}");
        let lost = || StoreError::Fenced {
            lease: name.clone(),
        };
        let taken = store.take_lease(&name, &owner, HOLD_MS, clock.now_ms());
        let lease = taken.await?.ok_or_else(lost)?;
        let renewed = renew(store.clone(), Arc::clone(&clock), lease.clone());
        let hold = Self {
            renewal: AbortOnDropHandle::new(tokio::spawn(renewed)),
            store: store.clone(),
            clock: Arc::clone(&clock),
            lease,
        };
        let mut has_told = false;
        // After the hold: whoever collects looks for it after it took the lease.
        while !store
            .read()
            .await?
            .leases(LEASE, clock.now_ms())
            .await?
            .is_empty()
        {
            if !has_told {
                tracing::info!("blobs are being deleted at the moment: waiting until that is done");
                has_told = true;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(hold)
    }

    /// Ends it, and says whether it held all the time.
    ///
    /// # Errors
    /// [`StoreError::Fenced`]: it was lost, and what was copied may lack blobs; the store failed.
    pub async fn end(self) -> Result<(), StoreError> {
        self.renewal.abort();
        // It ended by itself only if it could not be prolonged.
        let held = match self.renewal.await {
            Ok(ended) => ended,
            Err(_) => {
                let now_ms = self.clock.now_ms();
                let prolonged = self.store.prolong_lease(&self.lease, HOLD_MS, now_ms);
                prolonged.await.map(drop)
            }
        };
        self.store.give_lease(&self.lease).await?;
        held
    }
}

async fn renew(store: Store, clock: Arc<dyn Clock>, lease: Lease) -> Result<(), StoreError> {
    loop {
        tokio::time::sleep(PROLONGED_EVERY).await;
        match store.prolong_lease(&lease, HOLD_MS, clock.now_ms()).await {
            // There is time for more tries; a lease that ran out meanwhile is found out.
            Ok(_) | Err(StoreError::Busy | StoreError::Retry) => {}
            Err(error) => return Err(error),
        }
    }
}
