//! Rows of keys: read, made and changed, each with an entry in the audit log.

use ring::digest::{SHA256, digest};
use thimble_hub_store::{Audit, Error as StoreError, Id as _, Key, KeyId, Match, Scope, Topic};
use thimble_protocol::UnixSeconds;

use super::{Vault, VaultError};
use crate::authority::TenantId;

impl Vault {
    /// Keys of a purpose, the oldest first.
    pub(super) async fn keys(
        &self,
        tenant: TenantId,
        purpose: &str,
    ) -> Result<Vec<Key>, VaultError> {
        let matches = [Match::equals("purpose", &purpose.to_owned())];
        let mut read = self.store.read().await?;
        let mut rows: Vec<Key> = read.all(&scope_of(tenant), &matches).await?;
        // Ids of keys say nothing about when they were made.
        rows.sort_by_key(|row| (row.created_ms, row.id));
        Ok(rows)
    }

    /// Keeps a key, unless another node was first with it.
    pub(super) async fn insert(
        &self,
        row: &Key,
        actor: &str,
        now: UnixSeconds,
    ) -> Result<(), VaultError> {
        let scope = Scope::authenticated(row.tenant);
        let audit = Audit::new(ms(now), actor, "key.create", row.id.to_string());
        let audit = audit.with(serde_json::json!({ "purpose": row.purpose }));
        let mut write = self.store.write().await?;
        match write.insert(&scope, row, &audit).await {
            Ok(()) => {}
            Err(StoreError::Exists { .. }) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        write.wake(Topic::Keys, Some(row.tenant), None);
        Ok(write.commit().await?)
    }

    pub(super) async fn update(
        &self,
        row: &Key,
        action: &str,
        actor: &str,
        now: UnixSeconds,
    ) -> Result<(), VaultError> {
        let scope = Scope::authenticated(row.tenant);
        let audit = Audit::new(ms(now), actor, action, row.id.to_string());
        let mut write = self.store.write().await?;
        write.update(&scope, row, &audit).await?;
        write.wake(Topic::Keys, Some(row.tenant), None);
        Ok(write.commit().await?)
    }
}

/// The hub's own keys belong to the tenant above all.
pub(super) fn hub() -> TenantId {
    TenantId(thimble_hub_store::TenantId::HUB.bytes())
}

pub(super) fn scope_of(tenant: TenantId) -> Scope {
    Scope::authenticated(thimble_hub_store::TenantId::from_bytes(tenant.0))
}

pub(super) fn context(id: KeyId) -> String {
    format!("key:{id}")
}

pub(super) fn ms(time: UnixSeconds) -> i64 {
    i64::try_from(time.0.saturating_mul(1000)).unwrap_or(i64::MAX)
}

pub(super) fn key_id(tenant: TenantId, purpose: &str, generation: usize) -> KeyId {
    let mut named = tenant.0.to_vec();
    named.extend_from_slice(purpose.as_bytes());
    named.extend_from_slice(&(generation as u64).to_be_bytes());
    let mut id = [0; 16];
    for (to, from) in id.iter_mut().zip(digest(&SHA256, &named).as_ref()) {
        *to = *from;
    }
    KeyId::from_bytes(
        uuid::Builder::from_custom_bytes(id)
            .into_uuid()
            .into_bytes(),
    )
}
