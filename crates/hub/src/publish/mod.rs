//! What each device is to have: its desired state, compiled from its assignments, windows, holds and secrets.
//!
//! A state gets the next version only if it says something else than the one before. Manifests are signed once for each
//! content and shared by devices; secrets are sealed once for each device and value. So publishing again changes nothing.
//! Publishing is part of the transaction that changed what it compiles: a state never tells of what was not kept.

mod compile;
mod device;
mod error;
mod hub;
mod image;
mod load;
mod manifest;
mod parts;
mod secret;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use thimble_hub_blobs::{Blobs, NameSpace, Space};
use thimble_hub_store::{
    Audit, DeploymentId, DeviceId, NewState, Scope, SecretId, TenantId, Write,
};
use thimble_image::Digest;

use crate::authority::TenantKeys;

pub use device::{FleetSettings, LadderStep};
pub(crate) use device::{labels_of, wire_window};
pub use error::PublishError;
pub use load::{RevisionSpec, VersionDocument, revision_spec};
pub(crate) use load::{is_meant, named_or_of_id};
pub use manifest::{Layered, compile_manifest};

/// Devices whose states are compiled at a time.
const DEVICES_AT_ONCE: usize = 1000;

/// An answer that takes a while.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, PublishError>> + Send + 'a>>;

/// The keys that publishing needs.
pub trait Keys: Send + Sync {
    /// The keys that sign what a tenant's devices are sent.
    fn signing(&self, tenant: TenantId) -> Answer<'_, Arc<TenantKeys>>;

    /// Opens the value of a secret, which was kept under [`secret_context`].
    ///
    /// # Errors
    /// [`PublishError::Secret`]: it was kept with another key, or is damaged.
    fn open_secret(&self, context: &str, ciphertext: &[u8]) -> Result<Vec<u8>, PublishError>;
}

/// What the value of a secret is encrypted with beside the key, so that it cannot be put in another's place.
#[must_use]
pub fn secret_context(secret: SecretId, number: u64) -> String {
    format!("secret/{secret}/{number}")
}

/// Where a tenant's content lies among the blobs.
///
/// # Errors
/// Never for an id; the type says that a name can be wrong.
pub fn space(blobs: &Blobs, tenant: TenantId) -> Result<Space, PublishError> {
    let name: NameSpace = tenant.to_string().parse()?;
    Ok(blobs.space(name, None))
}

/// Publishes desired states.
#[derive(Clone)]
pub struct Publisher {
    blobs: Blobs,
    keys: Arc<dyn Keys>,
}

impl fmt::Debug for Publisher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Publisher")
    }
}

/// What signs for a tenant.
#[derive(Clone, Debug)]
pub struct Signing {
    tenant: TenantId,
    keys: Arc<TenantKeys>,
}

/// What a device is to have after publishing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The version of its state.
    pub version: u64,
    /// Whether that is a new one.
    pub is_new: bool,
    /// The manifest of each of its deployments.
    pub manifests: BTreeMap<DeploymentId, Digest>,
}

impl Publisher {
    /// Puts one together.
    #[must_use]
    pub fn new(blobs: Blobs, keys: Arc<dyn Keys>) -> Self {
        Self { blobs, keys }
    }

    /// Reads what signs for a tenant: before the transaction begins, since the first time a key is made in one of its own.
    ///
    /// # Errors
    /// [`PublishError::NoKey`], and the store's.
    pub async fn signing(&self, tenant: TenantId) -> Result<Signing, PublishError> {
        let keys = self.keys.signing(tenant).await?;
        Ok(Signing { tenant, keys })
    }

    /// Publishes what these devices of a tenant are to have now, as it is in this transaction. Call it after the changes, and
    /// before the commit. Devices of other tenants are left out. It writes no entry into the audit log: the change that it follows has one.
    ///
    /// # Errors
    /// [`PublishError`] says what cannot be compiled, and why. Then nothing may be committed.
    pub async fn publish(
        &self,
        write: &mut Write,
        scope: &Scope,
        signing: &Signing,
        devices: &BTreeSet<DeviceId>,
        now_ms: i64,
    ) -> Result<HashMap<DeviceId, Published>, PublishError> {
        let mut published = HashMap::with_capacity(devices.len());
        if devices.is_empty() {
            return Ok(published);
        }
        let mut work = compile::Work::begin(self, write, scope, signing, now_ms).await?;
        let devices: Vec<DeviceId> = devices.iter().copied().collect();
        for piece in devices.chunks(DEVICES_AT_ONCE) {
            let states: Vec<NewState> = work.devices(write, piece, &mut published).await?;
            write.publish_states(scope, states, &Audit::part())?;
        }
        let needs = work.needs.iter().map(|digest| *digest.as_bytes()).collect();
        write.need(signing.tenant, &needs, now_ms).await?;
        Ok(published)
    }

    /// Publishes what all devices of a tenant are to have: after a secret or the tenant's settings changed. Devices for which
    /// that says nothing new keep their version.
    ///
    /// # Errors
    /// As [`Publisher::publish`].
    pub async fn publish_all(
        &self,
        write: &mut Write,
        signing: &Signing,
        now_ms: i64,
    ) -> Result<HashMap<DeviceId, Published>, PublishError> {
        let scope = Scope::authenticated(signing.tenant);
        let assignments = write.all_assignments(&scope).await?;
        let devices = assignments.iter().map(|one| one.device).collect();
        self.publish(write, &scope, signing, &devices, now_ms).await
    }
}
