//! Tenants' keys that sign what devices get, and how they are replaced.

use thimble_hub_store::{Audit, Id as _, Key, Topic};
use thimble_protocol::UnixSeconds;

use super::rows::{context, key_id, ms, scope_of};
use super::{CURRENT, NEXT, OLD, Vault, VaultError};
use crate::authority::{TenantId, TenantKeys, TenantSigner};

const SIGNING: &str = "signing";

impl Vault {
    /// The keys of a tenant that sign what its devices get; makes the first the first time.
    ///
    /// # Errors
    /// The store failed, or a key was sealed with another master key.
    pub async fn tenant_keys(
        &self,
        tenant: TenantId,
        now: UnixSeconds,
    ) -> Result<TenantKeys, VaultError> {
        let mut rows = self.keys(tenant, SIGNING).await?;
        if rows.is_empty() {
            self.make_signer(tenant, 0, CURRENT, "hub", now).await?;
            rows = self.keys(tenant, SIGNING).await?;
        }
        let of = |state: &str| rows.iter().rev().find(|row| row.state == state);
        let present = of(CURRENT).ok_or(VaultError::NoNextKey)?;
        let present = self.signer(present)?;
        let next = match of(NEXT) {
            Some(row) => Some(self.signer(row)?),
            None => None,
        };
        Ok(TenantKeys::new(present, next))
    }

    /// Makes a tenant's next key, which states announce from now on; nothing if there is one.
    ///
    /// # Errors
    /// The store failed.
    pub async fn begin_signing_rotation(
        &self,
        tenant: TenantId,
        actor: &str,
        now: UnixSeconds,
    ) -> Result<(), VaultError> {
        let keys = self.tenant_keys(tenant, now).await?;
        if keys.next().is_none() {
            let generation = self.keys(tenant, SIGNING).await?.len();
            self.make_signer(tenant, generation, NEXT, actor, now)
                .await?;
        }
        Ok(())
    }

    /// Signs with the next key from now on. Only when every device took a state that announced it.
    ///
    /// # Errors
    /// There is no next key, or the store failed.
    pub async fn finish_signing_rotation(
        &self,
        tenant: TenantId,
        actor: &str,
        now: UnixSeconds,
    ) -> Result<(), VaultError> {
        let rows = self.keys(tenant, SIGNING).await?;
        let find = |state: &str| rows.iter().find(|row| row.state == state).cloned();
        let (Some(mut next), present) = (find(NEXT), find(CURRENT)) else {
            return Err(VaultError::NoNextKey);
        };
        let scope = scope_of(tenant);
        let mut write = self.store.write().await?;
        if let Some(mut present) = present {
            OLD.clone_into(&mut present.state);
            write.update(&scope, &present, &Audit::part()).await?;
        }
        CURRENT.clone_into(&mut next.state);
        let audit = Audit::new(ms(now), actor, "key.rotate", next.id.to_string());
        write.update(&scope, &next, &audit).await?;
        write.wake(Topic::Keys, Some(next.tenant), None);
        Ok(write.commit().await?)
    }

    async fn make_signer(
        &self,
        tenant: TenantId,
        generation: usize,
        state: &str,
        actor: &str,
        now: UnixSeconds,
    ) -> Result<(), VaultError> {
        let signer = TenantSigner::create()?;
        let id = key_id(tenant, SIGNING, generation);
        let row = Key {
            id,
            tenant: thimble_hub_store::TenantId::from_bytes(tenant.0),
            edition: 0,
            created_ms: ms(now),
            purpose: SIGNING.to_owned(),
            state: state.to_owned(),
            public: signer.public().point.clone(),
            ciphertext: Some(signer.keep(&self.master, &context(id))?),
            not_after_ms: None,
        };
        self.insert(&row, actor, now).await
    }

    fn signer(&self, row: &Key) -> Result<TenantSigner, VaultError> {
        let sealed = row.ciphertext.as_deref().unwrap_or_default();
        Ok(TenantSigner::open(&self.master, &context(row.id), sealed)?)
    }
}
