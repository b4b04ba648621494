//! Deleting blobs that nothing needs any more: on one node at a time, and never while the hub is copied.
//!
//! Needed is what manifests of repositories need, what a published version of an app names, and what the desired state of a
//! device or its last report names. Everything else goes when it is older than the time of grace, in which pushes end. A
//! collection holds the lease `collect`, which ends long after the collection gave up deleting; copies hold leases of their own
//! ([`Hold`]), and of a copy and a collection that begin at once, one sees the other.

mod hold;
mod keeper;
mod run;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::json;
use thimble_hub_blobs::{CollectError, Collected, Collection, NameError};
use thimble_hub_store::{
    Audit, Error as StoreError, Id as _, Lease, Scope, Store, Tenant, TenantId,
};

use crate::hub::{Clock, Hub};

pub use hold::Hold;
pub(crate) use keeper::blobs_of;
pub use run::Collector;

/// The lease of whoever collects.
const LEASE: &str = "collect";
/// What leases of copies begin with.
const HOLDS: &str = "copy:";
/// How long the lease lasts: longer than anything is deleted after it was taken.
const LEASE_MS: u32 = 30 * 60_000;
/// The setting of a tenant that says what was deleted so far.
const FREED: &str = "blobs.freed";

/// Why nothing was collected, or not all.
#[derive(Debug)]
#[non_exhaustive]
pub enum CollectionError {
    /// Another node collects.
    Collecting {
        /// How long at most until it can be tried again.
        wait_ms: i64,
    },
    /// The hub, or a part of it, is being copied.
    Copying {
        /// How long at most until that ends, unless it goes on.
        wait_ms: i64,
    },
    /// The blobs failed, or it is not known what is needed.
    Collect {
        /// Whose.
        tenant: TenantId,
        /// Why.
        source: CollectError,
    },
    /// A tenant has no place among the blobs.
    Name(NameError),
    /// The store failed, or the lease was lost.
    Store(StoreError),
}

impl fmt::Display for CollectionError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Collecting { wait_ms } => write!(
                formatter,
                "another node collects, or did until it broke: try again in {} s at the latest",
                wait_ms / 1000 + 1
            ),
            Self::Copying { wait_ms } => write!(
                formatter,
                "a backup or an export is being made: try again when it is done (if it was killed, in {} s)",
                wait_ms / 1000 + 1
            ),
            Self::Collect { tenant, .. } => {
                write!(
                    formatter,
                    "the blobs of tenant {tenant} are left as they are"
                )
            }
            Self::Name(_) => formatter.write_str("a tenant has no place among the blobs"),
            Self::Store(_) => formatter.write_str("the store failed, or another node took over"),
        }
    }
}

impl std::error::Error for CollectionError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Collect { source, .. } => Some(source),
            Self::Name(error) => Some(error),
            Self::Store(error) => Some(error),
            Self::Collecting { .. } | Self::Copying { .. } => None,
        }
    }
}

impl From<StoreError> for CollectionError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What was collected of a tenant, or would be.
#[derive(Debug)]
pub struct OfTenant {
    /// Which.
    pub tenant: TenantId,
    /// Its name.
    pub name: String,
    /// What, or why nothing.
    pub collected: Result<Collected, CollectionError>,
}

/// Collects once, of all tenants. What stands in the way of one is told of it, and the others go on.
///
/// # Errors
/// [`CollectionError`]: somebody else collects, a copy is made, or the store failed.
pub async fn collect(
    hub: &Arc<Hub>,
    owner: &str,
    actor: &str,
) -> Result<Vec<OfTenant>, CollectionError> {
    let mut lease = take(&hub.store, hub.clock().as_ref(), owner).await?;
    let collected = of_all(hub, &mut lease, actor).await;
    hub.store.give_lease(&lease).await?;
    collected
}

/// What [`collect`] would do now.
///
/// # Errors
/// The store failed.
pub async fn survey(hub: &Arc<Hub>) -> Result<Vec<OfTenant>, CollectionError> {
    let mut surveyed = Vec::new();
    for tenant in tenants(&hub.store).await? {
        let keeper = keeper::Keeper::new(hub, tenant.id, None)?;
        let collected = keeper.space().survey(&collection(hub, &keeper)).await;
        surveyed.push(of_tenant(tenant, collected));
    }
    Ok(surveyed)
}

async fn of_all(
    hub: &Arc<Hub>,
    lease: &mut Lease,
    actor: &str,
) -> Result<Vec<OfTenant>, CollectionError> {
    let mut all = Vec::new();
    for tenant in tenants(&hub.store).await? {
        *lease = hub
            .store
            .prolong_lease(lease, LEASE_MS, hub.now_ms())
            .await?;
        let keeper = keeper::Keeper::new(hub, tenant.id, Some(lease.clone()))?;
        let collected = keeper.space().collect(&collection(hub, &keeper)).await;
        // Whatever came of it: nothing is about to be deleted any more.
        let mut write = hub.store.write().await?;
        write.fence(lease);
        write.acquit(tenant.id).await?;
        write.commit().await?;
        if let Ok(collected) = &collected {
            tell(hub, tenant.id, collected, actor).await?;
        }
        all.push(of_tenant(tenant, collected));
    }
    Ok(all)
}

fn of_tenant(tenant: Tenant, collected: Result<Collected, CollectError>) -> OfTenant {
    let id = tenant.id;
    OfTenant {
        tenant: id,
        name: tenant.name,
        collected: collected.map_err(|source| CollectionError::Collect { tenant: id, source }),
    }
}

fn collection<'a>(hub: &Hub, keeper: &'a keeper::Keeper) -> Collection<'a> {
    let now_ms = u64::try_from(hub.now_ms()).unwrap_or(0);
    Collection {
        keeper,
        grace: Duration::from_secs(hub.settings.blobs.collect_grace_s),
        now: UNIX_EPOCH + Duration::from_millis(now_ms),
    }
}

async fn tenants(store: &Store) -> Result<Vec<Tenant>, StoreError> {
    let everything = Scope::whole_hub_for_its_own_work();
    store.read().await?.all(&everything, &[]).await
}

/// Takes the lease, unless a copy is being made.
async fn take(store: &Store, clock: &dyn Clock, owner: &str) -> Result<Lease, CollectionError> {
    let now_ms = clock.now_ms();
    let Some(lease) = store.take_lease(LEASE, owner, LEASE_MS, now_ms).await? else {
        let held = store.read().await?.leases(LEASE, now_ms).await?;
        let until_ms = held.first().map_or(now_ms, |lease| lease.until_ms);
        let wait_ms = until_ms.saturating_sub(now_ms);
        return Err(CollectionError::Collecting { wait_ms });
    };
    // After the lease: whoever copies looks for it after it said that it copies.
    let holds = store.read().await?.leases(HOLDS, now_ms).await?;
    let Some(until_ms) = holds.iter().map(|hold| hold.until_ms).max() else {
        return Ok(lease);
    };
    store.give_lease(&lease).await?;
    let wait_ms = until_ms.saturating_sub(now_ms);
    Err(CollectionError::Copying { wait_ms })
}

/// Writes down what was deleted, in the tenant's trail and as a figure, if anything was.
async fn tell(
    hub: &Hub,
    tenant: TenantId,
    collected: &Collected,
    actor: &str,
) -> Result<(), StoreError> {
    if (collected.deleted, collected.uploads, collected.remains) == (0, 0, 0) {
        return Ok(());
    }
    tracing::info!(
        %tenant,
        deleted = collected.deleted,
        deleted_bytes = collected.deleted_bytes,
        kept = collected.kept,
        uploads = collected.uploads,
        "blobs that nothing needs were deleted"
    );
    let scope = Scope::authenticated(tenant);
    let audit = Audit::new(
        hub.now_ms(),
        actor,
        "blobs.collect",
        format!("tenant/{tenant}"),
    )
    .with(json!({
        "deleted": collected.deleted,
        "deleted_bytes": collected.deleted_bytes,
        "kept": collected.kept,
        "uploads": collected.uploads,
        "remains": collected.remains,
    }));
    let mut write = hub.store.write().await?;
    let before = write.setting(&scope, tenant, FREED).await?;
    let freed = json!({
        "blobs": figure(before.as_ref(), "blobs").saturating_add(collected.deleted),
        "bytes": figure(before.as_ref(), "bytes").saturating_add(collected.deleted_bytes),
    });
    write
        .put_setting(&scope, tenant, FREED, &freed, &audit)
        .await?;
    write.commit().await
}

/// How many blobs of a tenant were deleted since it is there, and their bytes.
///
/// # Errors
/// The store failed.
pub async fn freed(
    read: &mut thimble_hub_store::Read,
    tenant: TenantId,
) -> Result<(u64, u64), StoreError> {
    let scope = Scope::authenticated(tenant);
    let freed = read.setting(&scope, tenant, FREED).await?;
    Ok((
        figure(freed.as_ref(), "blobs"),
        figure(freed.as_ref(), "bytes"),
    ))
}

fn figure(setting: Option<&serde_json::Value>, name: &str) -> u64 {
    let value = setting.and_then(|setting| setting.get(name));
    value.and_then(serde_json::Value::as_u64).unwrap_or(0)
}

/// A name that no other node has.
#[must_use]
pub fn fresh_owner() -> String {
    thimble_hub_store::EventId::fresh().to_string()
}
