//! What all connections of devices share.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyper::StatusCode;
use parking_lot::{Mutex, RwLock};
use thimble_image::Digest;
use thimble_protocol::{DeviceId, StateVersion, UnixSeconds};
use tokio::sync::Semaphore;

use super::answer::Problem;
use super::counts::Failures;
use super::fleet::{Fleet, FleetError};
use super::gate::{Gate, Permit};
use super::pace::{Jitter, Load, retry_after_s};
use super::seen::Seen;
use super::settings::Settings;
use super::versions::Versions;
use crate::authority::verifier::AnchorError;
use crate::authority::{DeviceAuthority, DeviceVerifier, TenantId, TenantKeys};

/// Tells the time.
pub type Clock = Arc<dyn Fn() -> UnixSeconds + Send + Sync>;

/// Tenants' keys that are held at once.
const KEYS_MAX: usize = 10_000;

/// What the devices' side is made of.
pub struct Parts {
    /// Limits and rhythms.
    pub settings: Settings,
    /// The store and the blobs.
    pub fleet: Arc<dyn Fleet>,
    /// The map that polls are answered from, filled.
    pub versions: Arc<Versions>,
    /// Who issues devices' certificates.
    pub authority: Arc<DeviceAuthority>,
    /// Who checks them.
    pub verifier: Arc<DeviceVerifier>,
    /// The time.
    pub clock: Clock,
    /// What spreads devices over time.
    pub seed: u64,
}

/// The devices' side of a node.
pub struct DeviceSide {
    pub(super) settings: Settings,
    pub(super) fleet: Arc<dyn Fleet>,
    pub(super) versions: Arc<Versions>,
    pub(super) verifier: Arc<DeviceVerifier>,
    pub(super) seen: Seen,
    pub(super) jitter: Jitter,
    pub(super) blobs: Arc<Semaphore>,
    pub(super) failures: Failures,
    pub(super) connections: AtomicUsize,
    pub(super) named: Mutex<Named>,
    authority: RwLock<Arc<DeviceAuthority>>,
    gate: Gate,
    keys: Mutex<HashMap<TenantId, Arc<TenantKeys>>>,
    clock: Clock,
}

/// Which blobs states and manifests name; forgotten all at once when there are too many.
#[derive(Default)]
pub(super) struct Named {
    /// Of a device: the version of its state, and the manifests in it.
    pub(super) states: HashMap<DeviceId, (StateVersion, Arc<[Digest]>)>,
    /// Of a manifest: its blobs. Never changes, as it is known by its digest.
    pub(super) manifests: HashMap<(TenantId, Digest), Arc<[Digest]>>,
}

impl core::fmt::Debug for DeviceSide {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter
            .debug_struct("DeviceSide")
            .field("versions", &self.versions)
            .field("connections", &self.connections())
            .finish_non_exhaustive()
    }
}

impl DeviceSide {
    /// Joins the parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let settings = parts.settings;
        Self {
            gate: Gate::new(
                settings.store_tasks_max,
                settings.store_queue_max,
                settings.store_wait,
            ),
            blobs: Arc::new(Semaphore::new(
                settings.blobs_max.clamp(1, Semaphore::MAX_PERMITS),
            )),
            fleet: parts.fleet,
            versions: parts.versions,
            verifier: parts.verifier,
            seen: Seen::default(),
            jitter: Jitter::new(parts.seed),
            failures: Failures::default(),
            connections: AtomicUsize::new(0),
            named: Mutex::default(),
            authority: RwLock::new(parts.authority),
            keys: Mutex::default(),
            clock: parts.clock,
            settings,
        }
    }

    /// The map that polls are answered from.
    #[must_use]
    pub fn versions(&self) -> &Arc<Versions> {
        &self.versions
    }

    /// Connections that are there.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Fills the map from the store; how many devices there are.
    ///
    /// # Errors
    /// The store cannot be asked.
    pub async fn fill(&self) -> Result<usize, FleetError> {
        let versions = Arc::clone(&self.versions);
        self.fleet
            .visit_devices(&mut |device| versions.set(&device))
            .await?;
        for (device, serial) in self.fleet.revoked_serials().await? {
            self.versions.revoke_serial(device, &serial);
        }
        Ok(self.versions.len())
    }

    /// Issues with this authority, and believes it, from now on.
    ///
    /// # Errors
    /// A certificate of it cannot be used; then the one before stays.
    pub fn replace_authority(&self, authority: Arc<DeviceAuthority>) -> Result<(), AnchorError> {
        self.verifier.replace_own(&authority)?;
        *self.authority.write() = authority;
        Ok(())
    }

    /// A tenant's keys changed: they are asked for again.
    pub fn forget_keys(&self, tenant: TenantId) {
        self.keys.lock().remove(&tenant);
    }

    /// Keys changed, and it is not known whose.
    pub fn forget_all_keys(&self) {
        self.keys.lock().clear();
    }

    /// Writes when devices were last heard of.
    pub async fn flush_seen(&self) {
        self.seen.flush(&self.fleet).await;
    }

    pub(super) fn authority(&self) -> Arc<DeviceAuthority> {
        Arc::clone(&self.authority.read())
    }

    pub(super) fn now(&self) -> UnixSeconds {
        (self.clock)()
    }

    /// How busy this node is.
    pub(super) fn load(&self) -> Load {
        let part = self.connections().saturating_mul(1000) / self.settings.connections_max.max(1);
        let connections = Load(u32::try_from(part.min(1000)).unwrap_or(1000));
        self.gate.load().max(connections)
    }

    /// A place at the store, or a problem that sends the device away for a while.
    pub(super) async fn enter(&self) -> Result<Permit<'_>, Problem> {
        self.gate.enter().await.map_err(|full| {
            self.busy(format!(
                "{} other devices wait for the hub's store: come again later",
                full.waiting
            ))
        })
    }

    pub(super) fn busy(&self, detail: String) -> Problem {
        let seconds = retry_after_s(&self.settings, Load(1000), &self.jitter);
        Problem::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            "The hub is busy",
            detail,
        )
        .retry_after(seconds)
    }

    /// What a device is told when the fleet cannot be asked; the node's log has the cause.
    pub(super) fn failed(&self, doing: &'static str, error: &FleetError) -> Problem {
        match error {
            FleetError::NoSuchDevice => gone(),
            FleetError::Unavailable(_) => {
                tracing::warn!(
                    doing,
                    error = error as &dyn std::error::Error,
                    "the fleet cannot be asked"
                );
                self.busy("the hub cannot reach its store: come again later".to_owned())
            }
            FleetError::Authority(_) | FleetError::Damaged { .. } => {
                tracing::error!(
                    doing,
                    error = error as &dyn std::error::Error,
                    "something that is needed cannot be used"
                );
                self.internal()
            }
        }
    }

    pub(super) fn internal(&self) -> Problem {
        let seconds = retry_after_s(&self.settings, self.load(), &self.jitter);
        Problem::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "The hub is at fault",
            "the hub failed; its log says why. Come again later",
        )
        .retry_after(seconds)
    }

    /// The keys of a tenant, asked for once.
    pub(super) async fn keys(&self, tenant: TenantId) -> Result<Arc<TenantKeys>, Problem> {
        let known = self.keys.lock().get(&tenant).cloned();
        if let Some(keys) = known {
            return Ok(keys);
        }
        let keys = self
            .fleet
            .keys(tenant, self.now())
            .await
            .map_err(|error| self.failed("reading a tenant's keys", &error))?;
        let mut all = self.keys.lock();
        if all.len() >= KEYS_MAX {
            all.clear();
        }
        all.insert(tenant, Arc::clone(&keys));
        Ok(keys)
    }
}

/// The device was revoked, retired or removed.
pub(super) fn gone() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "not-of-the-fleet",
        "Not one of the fleet",
        "this device, or this certificate of it, is not or no longer one of the fleet: enrol it again, with a new claim code",
    )
    .ending()
}
