//! Sealing everything anew after the master key was replaced: keys, values of secrets, secrets of webhooks.
//!
//! Page by page, each in one transaction. What is sealed with the present key already is left, so that a pass that was cut is
//! simply begun again. Seals for devices are none of the master key's, and neither are passwords and tokens, which are hashes.

use serde_json::json;
use thimble_hub_store::{
    Audit, Key, Page, Record, Scope, SecretRevision, TenantId, Topic, Webhook,
};
use thimble_protocol::UnixSeconds;

use super::rows::{context, ms};
use super::{Vault, VaultError};
use crate::authority::MasterKey;

/// Rows of one transaction.
const ROWS_AT_ONCE: u32 = 100;

/// What was sealed anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resealed {
    /// Keys.
    pub keys: usize,
    /// Values of secrets.
    pub secrets: usize,
    /// Secrets of webhooks.
    pub webhooks: usize,
}

impl Resealed {
    /// All of it.
    #[must_use]
    pub const fn total(&self) -> usize {
        self.keys + self.secrets + self.webhooks
    }
}

/// A row in which something is sealed with the master key.
trait Sealed: Record {
    /// For what it is sealed.
    fn context(&self) -> String;
    /// The sealed bytes, if there are some.
    fn sealed(&mut self) -> Option<&mut Vec<u8>>;
}

impl Sealed for Key {
    fn context(&self) -> String {
        context(self.id)
    }

    fn sealed(&mut self) -> Option<&mut Vec<u8>> {
        self.ciphertext.as_mut()
    }
}

impl Sealed for SecretRevision {
    fn context(&self) -> String {
        crate::publish::secret_context(self.secret, self.number)
    }

    fn sealed(&mut self) -> Option<&mut Vec<u8>> {
        Some(&mut self.ciphertext)
    }
}

impl Sealed for Webhook {
    fn context(&self) -> String {
        crate::webhooks::secret_context(self)
    }

    fn sealed(&mut self) -> Option<&mut Vec<u8>> {
        // One that came without its secret from another hub has none.
        Some(&mut self.secret).filter(|secret| !secret.is_empty())
    }
}

impl Vault {
    /// Seals everything anew that `old` sealed, so that the old master key can be forgotten. What was sealed anew stays so if
    /// this is interrupted: begin it again. No node may work with the old key meanwhile.
    ///
    /// # Errors
    /// Something was sealed with neither, or the store failed.
    pub async fn reseal(
        &self,
        old: &MasterKey,
        actor: &str,
        now: UnixSeconds,
    ) -> Result<Resealed, VaultError> {
        Ok(Resealed {
            keys: self.reseal_rows::<Key>(old, actor, now).await?,
            secrets: self.reseal_rows::<SecretRevision>(old, actor, now).await?,
            webhooks: self.reseal_rows::<Webhook>(old, actor, now).await?,
        })
    }

    async fn reseal_rows<R: Sealed>(
        &self,
        old: &MasterKey,
        actor: &str,
        now: UnixSeconds,
    ) -> Result<usize, VaultError> {
        let everything = Scope::whole_hub_for_its_own_work();
        let mut page = Page::first(ROWS_AT_ONCE);
        let mut total = 0;
        loop {
            let mut write = self.store.write().await?;
            let listed = write.page::<R>(&everything, &[], &page).await?;
            let mut count = 0_usize;
            for mut row in listed.items {
                let (what, id) = (row.context(), row.id().to_string());
                let Some(sealed) = row.sealed() else {
                    continue;
                };
                let resealed = self.master.reseal(old, &what, sealed);
                let resealed = resealed.map_err(|error| VaultError::NotResealed {
                    what: format!("{} {id}", R::WHAT),
                    error,
                })?;
                if resealed != *sealed {
                    *sealed = resealed;
                    write.update(&everything, &row, &Audit::part()).await?;
                    count += 1;
                }
            }
            if count > 0 {
                let audit = Audit::new(ms(now), actor, "key.reseal", TenantId::HUB.to_string())
                    .with(json!({ "kind": R::WHAT, "count": count }));
                write.audit(&everything, TenantId::HUB, &audit).await?;
                write.wake(Topic::Keys, None, None);
                write.commit().await?;
                total += count;
            }
            page.after = listed.next;
            if page.after.is_none() {
                return Ok(total);
            }
        }
    }
}
