//! The devices' side of a hub: real store, real blobs, real keys, on a port of its own.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use rustls::pki_types::PrivateKeyDer;
use sha2::{Digest as _, Sha256};
use thimble_hub::authority::{
    DeviceAuthority, DeviceVerifier, ExternalAuthority, MasterKey, ServerCertificate, TrustDomain,
    Vault,
};
use thimble_hub::device::listener::tls;
use thimble_hub::device::{
    Clock, DeviceSide, Listener, Parts, Settings, StoredFleet, Versions, stored,
};
use thimble_hub_blobs::{Blobs, Limits, Storage};
use thimble_hub_store::{
    Audit, ClaimCode, ClaimCodeId, Id as _, NewState, Options, Scope, Store, Tenant, TenantId,
};
use thimble_image::Digest;
use thimble_protocol::{DesiredState, DeviceId, StateVersion, UnixSeconds};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A node that runs.
pub struct Node {
    /// What the hub knows.
    pub store: Store,
    /// Its keys.
    pub vault: Arc<Vault>,
    /// The blobs.
    pub blobs: Blobs,
    /// The devices' side.
    pub side: Arc<DeviceSide>,
    /// The authority of devices' certificates.
    pub authority: Arc<DeviceAuthority>,
    /// Who checks them.
    pub verifier: Arc<DeviceVerifier>,
    /// Where it listens.
    pub address: SocketAddr,
    /// How long it took to read which state each device is to have.
    pub fill_ms: f64,
    /// Seconds by which its clock is ahead of the machine's.
    pub ahead_s: Arc<AtomicU64>,
    stopping: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

/// How a node is started.
#[derive(Clone, Debug)]
pub struct Start {
    /// Where everything is kept.
    pub folder: PathBuf,
    /// Where it listens; port 0 is any.
    pub address: SocketAddr,
    /// Limits and rhythms.
    pub settings: Settings,
    /// Authorities of tenants.
    pub external: Vec<ExternalAuthority>,
    /// Whose devices may come without a code.
    pub pending_tenant: Option<TenantId>,
    /// What is random but not secret comes from it.
    pub seed: u64,
}

impl Start {
    /// A node on any port of loopback.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            settings: Settings::default(),
            external: Vec::new(),
            pending_tenant: None,
            seed: 1,
        }
    }
}

/// Seconds since 1970.
#[must_use]
pub fn now() -> UnixSeconds {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    UnixSeconds(since.map_or(0, |since| since.as_secs()))
}

impl Node {
    /// Starts a node, or starts it again in the same folder.
    ///
    /// # Errors
    /// A part of it does not start.
    pub async fn start(start: Start) -> Result<Self> {
        let key = start.folder.join("master.key");
        let master = match key.exists() {
            true => MasterKey::read(&key)?,
            false => MasterKey::create(&key)?,
        };
        let database = format!("sqlite:{}", start.folder.join("hub.sqlite").display());
        let store = Store::open(&database, Options::default()).await?;
        let storage = Storage::Folder(start.folder.join("blobs"));
        let blobs = Blobs::open(&storage, Limits::default()).await?;
        let trust = TrustDomain::new("fleet.test")?;
        let vault = Arc::new(Vault::new(store.clone(), master, trust));
        let authority = Arc::new(vault.device_authority(now()).await?);
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let (certificate, key) = vault.server_certificate(&names, now()).await?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = PrivateKeyDer::from(key);
        let certificate = Arc::new(ServerCertificate::new(vec![certificate], key, &provider)?);
        let versions = Arc::new(Versions::default());
        let verifier = Arc::new(DeviceVerifier::new(
            &authority,
            &start.external,
            Arc::clone(&versions) as Arc<_>,
            Arc::clone(&provider),
        )?);
        let ahead_s = Arc::new(AtomicU64::new(0));
        let pending = start
            .pending_tenant
            .map(|tenant| thimble_hub::authority::TenantId(tenant.bytes()));
        let source = Arc::new(blobs.clone());
        let fleet = Arc::new(StoredFleet::new(
            store.clone(),
            Arc::clone(&vault),
            source,
            pending,
        ));
        let side = Arc::new(DeviceSide::new(Parts {
            settings: start.settings,
            fleet: Arc::clone(&fleet) as Arc<_>,
            versions,
            authority: Arc::clone(&authority),
            verifier: Arc::clone(&verifier),
            clock: clock(&ahead_s),
            seed: start.seed,
        }));
        let wakes = store.wakes();
        let began = std::time::Instant::now();
        side.fill().await?;
        let fill_ms = began.elapsed().as_secs_f64() * 1000.0;
        let config = tls(
            certificate,
            Arc::clone(&verifier),
            provider,
            clock(&ahead_s),
        )?;
        let listener = Listener::bind(start.address, config, Arc::clone(&side))?;
        let address = listener.address()?;
        let stopping = CancellationToken::new();
        let follow = stored::follow(wakes, fleet, Arc::clone(&side), stopping.clone());
        let tasks = vec![
            tokio::spawn(follow),
            tokio::spawn(listener.serve(stopping.clone())),
        ];
        Ok(Self {
            store,
            vault,
            blobs,
            side,
            authority,
            verifier,
            address,
            fill_ms,
            ahead_s,
            stopping,
            tasks,
        })
    }

    /// Stops it as a node is stopped: what was asked is answered.
    pub async fn stop(self) {
        self.stopping.cancel();
        for task in self.tasks {
            let _ = task.await;
        }
        self.store.close().await;
    }

    /// The root that devices know it by.
    #[must_use]
    pub fn root(&self) -> &[u8] {
        self.authority.root()
    }

    /// Makes a tenant.
    ///
    /// # Errors
    /// The store failed.
    pub async fn tenant(&self, name: &str) -> Result<TenantId> {
        let tenant = Tenant {
            id: TenantId::fresh(),
            tenant: TenantId::HUB,
            edition: 0,
            created_ms: 1,
            parent: TenantId::HUB,
            name: name.to_owned(),
            settings: serde_json::json!({}),
        };
        let tenant = Tenant {
            tenant: tenant.id,
            ..tenant
        };
        let mut write = self.store.write().await?;
        let audit = Audit::new(1, "test", "tenant.create", name);
        write
            .insert(&Scope::whole_hub_for_its_own_work(), &tenant, &audit)
            .await?;
        write.commit().await?;
        Ok(tenant.id)
    }

    /// Makes a claim code of a tenant.
    ///
    /// # Errors
    /// The store failed.
    pub async fn claim_code(&self, tenant: TenantId, code: &str, uses: u64) -> Result<()> {
        let row = ClaimCode {
            id: ClaimCodeId::fresh(),
            tenant,
            edition: 0,
            created_ms: 1,
            name: code.to_owned(),
            hash: Sha256::digest(code.as_bytes()).to_vec(),
            uses_left: uses,
            expires_ms: i64::MAX,
            labels: serde_json::json!({ "site": "test" }),
            revoked_ms: None,
        };
        let mut write = self.store.write().await?;
        let audit = Audit::new(1, "test", "claim-code.create", code);
        write
            .insert(&Scope::authenticated(tenant), &row, &audit)
            .await?;
        Ok(write.commit().await?)
    }

    /// Publishes states.
    ///
    /// # Errors
    /// A state is older than what there is, or the store failed.
    pub async fn publish(&self, tenant: TenantId, states: &[DesiredState]) -> Result<()> {
        let states = states.iter().map(|state| {
            let payload = state.encode();
            NewState {
                device: thimble_hub_store::DeviceId::from_bytes(state.device.0),
                version: state.version.0,
                digest: *Digest::of(&payload).as_bytes(),
                payload,
                at_ms: 1,
            }
        });
        let mut write = self.store.write().await?;
        let audit = Audit::new(1, "test", "states.publish", "test");
        write.publish_states(&Scope::authenticated(tenant), states.collect(), &audit)?;
        write.commit().await.context("cannot publish")
    }
}

/// A state without deployments.
#[must_use]
pub fn empty_state(device: DeviceId, version: u64) -> DesiredState {
    DesiredState {
        device,
        version: StateVersion(version),
        issued_at: UnixSeconds(1),
        items: Vec::new(),
        policy: thimble_protocol::state::UpdatePolicy::default(),
        secrets: Vec::new(),
        ladder: Vec::new(),
        recovery_urls: Vec::new(),
        next_keys: Vec::new(),
    }
}

fn clock(ahead_s: &Arc<AtomicU64>) -> Clock {
    let ahead_s = Arc::clone(ahead_s);
    Arc::new(move || UnixSeconds(now().0 + ahead_s.load(Ordering::Relaxed)))
}
