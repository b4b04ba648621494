//! Keys and authorities as the store keeps them: made when they are first needed, by whichever node is first.
//!
//! Private keys leave this module only inside of what uses them. Ids of keys are made of their tenant, purpose and
//! generation, so that two nodes that make the same key at once end up with one of them.

mod reseal;
mod rows;
mod signing;

use core::fmt;

use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use thimble_hub_store::{Audit, Error as StoreError, Key, Scope, Store, Topic};
use thimble_protocol::UnixSeconds;

use super::devices::{AuthorityError, DeviceAuthority};
use super::identity::TrustDomain;
use super::master::{MasterError, MasterKey};
use super::root::{Holder, Kept, Root};
pub use reseal::Resealed;
use rows::{context, hub, key_id, ms};

const ROOT: &str = "device-root";
const INTERMEDIATE: &str = "device-intermediate";
const SERVER: &str = "device-server";
const CURRENT: &str = "current";
const NEXT: &str = "next";
const OLD: &str = "old";
/// The hub's own certificate is replaced when less than this is left of it.
const SERVER_LEFT_S: u64 = 60 * 86_400;

/// Why a key or an authority cannot be had.
#[derive(Debug)]
#[non_exhaustive]
pub enum VaultError {
    /// The store failed.
    Store(StoreError),
    /// What is kept cannot be used.
    Authority(AuthorityError),
    /// The root's private key is not here: it is kept offline, and this needs it.
    RootIsOffline,
    /// A rotation is to be finished that was not begun.
    NoNextKey,
    /// Something cannot be sealed with another master key.
    NotResealed {
        /// What: `webhook …`.
        what: String,
        /// Why.
        error: MasterError,
    },
}

impl fmt::Display for VaultError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NotResealed { what, .. } => {
                return write!(
                    formatter,
                    "the {what} cannot be sealed anew: give the master key that was used before this one; what was sealed anew until now stays so"
                );
            }
            Self::Store(_) => "the store cannot be asked for keys",
            Self::Authority(_) => "a key of the hub cannot be used",
            Self::RootIsOffline => {
                "the root's private key is kept offline: bring it back for this, or give the hub a certificate in its settings"
            }
            Self::NoNextKey => "there is no next key: begin the rotation first",
        })
    }
}

impl core::error::Error for VaultError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Store(source) => Some(source),
            Self::Authority(source) => Some(source),
            Self::NotResealed { error, .. } => Some(error),
            Self::RootIsOffline | Self::NoNextKey => None,
        }
    }
}

impl From<StoreError> for VaultError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<AuthorityError> for VaultError {
    fn from(error: AuthorityError) -> Self {
        Self::Authority(error)
    }
}

impl From<MasterError> for VaultError {
    fn from(error: MasterError) -> Self {
        Self::Authority(AuthorityError::Sealed(error))
    }
}

/// The hub's own certificate and its private key.
pub type ServerKey = (CertificateDer<'static>, PrivatePkcs8KeyDer<'static>);

/// Keeps keys.
#[derive(Debug)]
pub struct Vault {
    store: Store,
    master: MasterKey,
    trust: TrustDomain,
}

impl Vault {
    /// Keys of a store, sealed with a master key.
    #[must_use]
    pub fn new(store: Store, master: MasterKey, trust: TrustDomain) -> Self {
        Self {
            store,
            master,
            trust,
        }
    }

    /// The master key: what secrets are sealed with too.
    #[must_use]
    pub fn master(&self) -> &MasterKey {
        &self.master
    }

    /// The authority of devices' certificates; makes root and intermediate the first time.
    ///
    /// # Errors
    /// The store failed, or a key was sealed with another master key.
    pub async fn device_authority(&self, now: UnixSeconds) -> Result<DeviceAuthority, VaultError> {
        let rows = self.keys(hub(), INTERMEDIATE).await?;
        if rows.is_empty() {
            self.make_first_intermediate(now).await?;
        }
        let root = self.root_row().await?;
        let mut rows = self.keys(hub(), INTERMEDIATE).await?;
        rows.sort_by_key(|row| row.state != CURRENT);
        let holders = rows.iter().map(|row| self.holder(row));
        let intermediates = holders.collect::<Result<Vec<_>, _>>()?;
        let root = CertificateDer::from(root.public);
        Ok(DeviceAuthority::new(
            self.trust.clone(),
            root,
            intermediates,
        ))
    }

    /// Makes another intermediate, which issues from now on; those before are still believed until they end.
    ///
    /// # Errors
    /// The root's private key is not here, or the store failed.
    pub async fn rotate_intermediate(
        &self,
        actor: &str,
        now: UnixSeconds,
    ) -> Result<DeviceAuthority, VaultError> {
        let rows = self.keys(hub(), INTERMEDIATE).await?;
        let root = self.root().await?;
        let holder = root.make_intermediate(&self.trust, now)?;
        let row = self.row_of(&holder, INTERMEDIATE, rows.len(), now)?;
        let scope = Scope::authenticated(row.tenant);
        let mut write = self.store.write().await?;
        for mut before in rows.into_iter().filter(|row| row.state == CURRENT) {
            OLD.clone_into(&mut before.state);
            write.update(&scope, &before, &Audit::part()).await?;
        }
        let audit = Audit::new(ms(now), actor, "key.rotate", row.id.to_string());
        write.insert(&scope, &row, &audit).await?;
        write.wake(Topic::Keys, Some(row.tenant), None);
        write.commit().await?;
        self.device_authority(now).await
    }

    /// Takes the root's private key away from the store, so that it can be kept offline: the PKCS #8, DER.
    ///
    /// # Errors
    /// It is not here any more, or the store failed.
    pub async fn take_root_offline(
        &self,
        actor: &str,
        now: UnixSeconds,
    ) -> Result<Vec<u8>, VaultError> {
        let mut row = self.root_row().await?;
        let sealed = row.ciphertext.take().ok_or(VaultError::RootIsOffline)?;
        let key = self.master.open(&context(row.id), &sealed)?;
        self.update(&row, "key.take-offline", actor, now).await?;
        Ok(key)
    }

    /// Puts the root's private key (PKCS #8, DER) back, for a rotation.
    ///
    /// # Errors
    /// It is not the root's key, or the store failed.
    pub async fn bring_root_back(
        &self,
        key: &[u8],
        actor: &str,
        now: UnixSeconds,
    ) -> Result<(), VaultError> {
        let mut row = self.root_row().await?;
        let sealed_key = self.master.seal(&context(row.id), key)?;
        let kept = Kept {
            certificate: row.public.clone(),
            sealed_key,
        };
        // Reads it as it will be read, so that another key is found out now.
        let holder = Holder::open(&self.master, &context(row.id), &kept)?;
        if !holder.has_its_key() {
            return Err(AuthorityError::OtherKey.into());
        }
        row.ciphertext = Some(kept.sealed_key);
        self.update(&row, "key.bring-back", actor, now).await
    }

    /// The hub's own certificate for these names, of its own root: the one that is kept if it is for them and not about to end.
    ///
    /// # Errors
    /// A new one is needed and the root's private key is not here; or the store failed.
    pub async fn server_certificate(
        &self,
        names: &[String],
        now: UnixSeconds,
    ) -> Result<ServerKey, VaultError> {
        let purpose = format!("{SERVER} {}", names.join(" "));
        let rows = self.keys(hub(), &purpose).await?;
        let generation = rows.len();
        let is_good = |row: &&Key| {
            row.not_after_ms
                .is_some_and(|end| end >= ms(UnixSeconds(now.0.saturating_add(SERVER_LEFT_S))))
        };
        if let Some(row) = rows.iter().rev().find(is_good)
            && let Some(sealed) = &row.ciphertext
        {
            let key = self.master.open(&context(row.id), sealed)?;
            return Ok((
                CertificateDer::from(row.public.clone()),
                PrivatePkcs8KeyDer::from(key),
            ));
        }
        let root = self.root().await?;
        let (certificate, key) = root.make_server_certificate(names, now)?;
        let id = key_id(hub(), &purpose, generation);
        let row = Key {
            id,
            tenant: thimble_hub_store::TenantId::HUB,
            edition: 0,
            created_ms: ms(now),
            purpose,
            state: CURRENT.to_owned(),
            public: certificate.to_vec(),
            ciphertext: Some(self.master.seal(&context(id), key.secret_pkcs8_der())?),
            not_after_ms: Some(ms(super::devices::lifetime_of(&certificate)?.end)),
        };
        self.insert(&row, "hub", now).await?;
        Ok((certificate, key))
    }

    async fn make_first_intermediate(&self, now: UnixSeconds) -> Result<(), VaultError> {
        if self.keys(hub(), ROOT).await?.is_empty() {
            let root = Root::create(&self.trust, now)?;
            let row = self.row_of(root.holder(), ROOT, 0, now)?;
            self.insert(&row, "hub", now).await?;
        }
        let root = self.root().await?;
        let holder = root.make_intermediate(&self.trust, now)?;
        let row = self.row_of(&holder, INTERMEDIATE, 0, now)?;
        self.insert(&row, "hub", now).await
    }

    async fn root(&self) -> Result<Root, VaultError> {
        let row = self.root_row().await?;
        Ok(Root::of(self.holder(&row)?))
    }

    async fn root_row(&self) -> Result<Key, VaultError> {
        let row = self.keys(hub(), ROOT).await?.pop();
        row.ok_or(VaultError::Store(StoreError::NotFound { what: "root" }))
    }

    fn holder(&self, row: &Key) -> Result<Holder, VaultError> {
        let kept = Kept {
            certificate: row.public.clone(),
            sealed_key: row.ciphertext.clone().ok_or(VaultError::RootIsOffline)?,
        };
        Ok(Holder::open(&self.master, &context(row.id), &kept)?)
    }

    fn row_of(
        &self,
        holder: &Holder,
        purpose: &str,
        generation: usize,
        now: UnixSeconds,
    ) -> Result<Key, VaultError> {
        let id = key_id(hub(), purpose, generation);
        let kept = holder.keep(&self.master, &context(id))?;
        Ok(Key {
            id,
            tenant: thimble_hub_store::TenantId::HUB,
            edition: 0,
            created_ms: ms(now),
            purpose: purpose.to_owned(),
            state: CURRENT.to_owned(),
            public: kept.certificate,
            ciphertext: Some(kept.sealed_key),
            not_after_ms: Some(ms(holder.lifetime().end)),
        })
    }
}
