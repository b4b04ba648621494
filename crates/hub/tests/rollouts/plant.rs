//! A hub with devices that do what they are told.

use std::collections::BTreeMap;
use std::sync::Arc;

use p256::pkcs8::EncodePublicKey as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use thimble_hub::Hub;
use thimble_hub::Settings;
use thimble_hub::authority::MasterKey;
use thimble_hub::hub::FixedClock;
use thimble_hub::publish::{Publisher, secret_context, space};
use thimble_hub::rollouts::{Executor, Pace, Request, create};
use thimble_hub_blobs::{Blobs, Limits, ManifestName, Storage, source_of};
use thimble_hub_store::{
    App, AppId, AppVersion, AppVersionId, Audit, Deployment, DeploymentId, DeploymentRevision,
    DeploymentRevisionId, Device, DeviceId, DeviceState, DeviceStatus, Id as _, LastSeen, Match,
    Options, Rollout, RolloutDevice, RolloutId, Scope, Secret, SecretId, SecretRevision,
    SecretRevisionId, Store, StoredState, Tenant, TenantId, User, UserId,
};
use thimble_image::{Descriptor, Digest, Manifest as ImageManifest};
use thimble_protocol::report::{DeploymentState, DeploymentStatus, Phase, Reason, ReasonCode};
use thimble_protocol::{Capabilities, DesiredState, Report, StateVersion};

/// When tests begin.
pub(crate) const NOW: i64 = 1_795_993_200_000;

/// A hub, its tenant, and its devices.
pub(crate) struct Plant {
    pub(crate) hub: Arc<Hub>,
    pub(crate) clock: Arc<FixedClock>,
    pub(crate) tenant: TenantId,
    pub(crate) devices: Vec<DeviceId>,
    places: BTreeMap<DeviceId, usize>,
    pub(crate) image: String,
    pub(crate) app: App,
    pub(crate) ada: UserId,
    /// That of the first node.
    pub(crate) executor: Executor,
    folder: TempDir,
}

pub(crate) fn scope() -> Scope {
    Scope::whole_hub_for_its_own_work()
}

pub(crate) fn audit(action: &str) -> Audit {
    Audit::new(NOW, "user:ada", action, "test")
}

/// The private key of the device with this number.
pub(crate) fn key(number: u32) -> p256::SecretKey {
    let mut scalar = [0; 32];
    scalar[31] = u8::try_from(number % 200).unwrap() + 1;
    p256::SecretKey::from_slice(&scalar).unwrap()
}

impl Plant {
    /// A hub on a database of its own with so many devices, on three lines.
    pub(crate) async fn new(count: u32) -> Self {
        let folder = TempDir::new().unwrap();
        let address = format!("sqlite:{}", folder.path().join("hub.db").display());
        Self::at(&address, folder, count).await
    }

    /// A hub on this database.
    pub(crate) async fn at(address: &str, folder: TempDir, count: u32) -> Self {
        let store = Store::open(address, Options::default()).await.unwrap();
        let clock = Arc::new(FixedClock::at_ms(NOW));
        let hub = hub_of(store, &folder, &clock).await;
        let tenant = Tenant {
            id: TenantId::fresh(),
            tenant: TenantId::HUB,
            edition: 0,
            created_ms: NOW,
            parent: TenantId::HUB,
            name: "oem".to_owned(),
            settings: json!({"fleet": {"ladder": [[600, "reconnect"]]}}),
        };
        let tenant = Tenant {
            tenant: tenant.id,
            ..tenant
        };
        let id = tenant.id;
        let app = App {
            id: AppId::fresh(),
            tenant: id,
            edition: 0,
            created_ms: NOW,
            name: "reader".to_owned(),
            description: String::new(),
        };
        let ada = User {
            id: UserId::fresh(),
            tenant: id,
            edition: 0,
            created_ms: NOW,
            name: "ada".to_owned(),
            email: None,
            password: None,
            issuer: None,
            subject: None,
            is_disabled: false,
        };
        let mut write = hub.store.write().await.unwrap();
        write
            .insert(&scope(), &tenant, &audit("tenant"))
            .await
            .unwrap();
        write.insert(&scope(), &app, &audit("app")).await.unwrap();
        write.insert(&scope(), &ada, &audit("user")).await.unwrap();
        let devices: Vec<Device> = (0..count).map(|number| device(id, number)).collect();
        write
            .insert_all(&scope(), &devices, &audit("devices"))
            .await
            .unwrap();
        let labels: Vec<_> = devices
            .iter()
            .zip(0_u32..)
            .map(|(device, number)| (device.id, "line".to_owned(), (number % 3).to_string()))
            .collect();
        write
            .add_labels(&scope(), id, &labels, &audit("labels"))
            .await
            .unwrap();
        write.commit().await.unwrap();
        let executor = executor(&hub, &clock, "node");
        let mut plant = Self {
            image: String::new(),
            executor,
            hub,
            clock,
            tenant: id,
            devices: devices.iter().map(|device| device.id).collect(),
            places: devices.iter().map(|device| device.id).zip(0..).collect(),
            app,
            ada: ada.id,
            folder,
        };
        plant.image = plant.push_image().await;
        plant.seen().await;
        plant
    }

    /// Another node of the same hub.
    pub(crate) async fn node(&self) -> Arc<Hub> {
        hub_of(self.hub.store.clone(), &self.folder, &self.clock).await
    }

    async fn push_image(&self) -> String {
        let space = space(&self.hub.blobs, self.tenant).unwrap();
        let config = b"{}".to_vec();
        let layer = b"\0asm\x01\0\0\0".to_vec();
        let descriptor = |media_type: &str, bytes: &[u8]| Descriptor::of(media_type, bytes);
        let manifest = ImageManifest::new(
            descriptor("application/vnd.oci.image.config.v1+json", &config),
            vec![descriptor("application/wasm", &layer)],
        );
        for bytes in [config, layer] {
            space
                .put(Digest::of(&bytes), source_of(bytes.into()))
                .await
                .unwrap();
        }
        let bytes = manifest.to_json();
        let digest = Digest::of(&bytes);
        let name = ManifestName::Digest(digest);
        let repository = "reader".parse().unwrap();
        let announced = "application/vnd.oci.image.manifest.v1+json";
        space
            .put_manifest(&repository, &name, announced, bytes.into())
            .await
            .unwrap();
        format!("reader@{digest}")
    }

    /// Keeps a deployment with one revision of this specification (`app` and `version` are added).
    pub(crate) async fn deploy(&self, name: &str, mut spec: Value) -> DeploymentId {
        let selector = spec
            .get("selector")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        let priority = spec.get("priority").and_then(Value::as_i64).unwrap_or(0);
        spec["app"] = json!(self.app.name);
        spec["version"] = json!("1.0.0");
        let deployment = Deployment {
            id: DeploymentId::fresh(),
            tenant: self.tenant,
            edition: 0,
            created_ms: NOW,
            name: name.to_owned(),
            app: self.app.id,
            selector,
            priority: i32::try_from(priority).unwrap(),
            latest: 0,
            removing_ms: None,
        };
        let mut write = self.hub.store.write().await.unwrap();
        write
            .insert(&scope(), &deployment, &audit("deployment"))
            .await
            .unwrap();
        write.commit().await.unwrap();
        self.revise(deployment.id, spec).await;
        deployment.id
    }

    /// Keeps another revision of a deployment, and returns its number.
    pub(crate) async fn revise(&self, deployment: DeploymentId, mut spec: Value) -> u64 {
        let mut write = self.hub.store.write().await.unwrap();
        let mut record: Deployment = write.one(&scope(), deployment).await.unwrap();
        record.latest += 1;
        spec["app"] = json!(self.app.name);
        spec["version"] = json!("1.0.0");
        let version = AppVersion {
            id: AppVersionId::fresh(),
            tenant: self.tenant,
            edition: 0,
            created_ms: NOW,
            app: self.app.id,
            version: AppVersionId::fresh().to_string(),
            document: json!({"containers": [{"name": "main", "image": self.image}]}),
            published_ms: Some(NOW),
        };
        let revision = DeploymentRevision {
            id: DeploymentRevisionId::fresh(),
            tenant: self.tenant,
            edition: 0,
            created_ms: NOW,
            deployment,
            number: record.latest,
            app_version: version.id,
            document: spec,
            author: "ada".to_owned(),
        };
        write
            .insert(&scope(), &version, &audit("version"))
            .await
            .unwrap();
        write
            .insert(&scope(), &revision, &audit("revision"))
            .await
            .unwrap();
        write
            .update(&scope(), &record, &audit("deployment"))
            .await
            .unwrap();
        write.commit().await.unwrap();
        record.latest
    }

    /// Keeps a value of a secret.
    pub(crate) async fn set_secret(&self, name: &str, value: &[u8]) {
        let mut write = self.hub.store.write().await.unwrap();
        let named = [Match::equals("name", &name.to_owned())];
        let found: Option<Secret> = write.find(&scope(), &named).await.unwrap();
        let mut secret = match found {
            Some(secret) => secret,
            None => Secret {
                id: SecretId::fresh(),
                tenant: self.tenant,
                edition: 0,
                created_ms: NOW,
                name: name.to_owned(),
                latest: 0,
            },
        };
        if secret.edition == 0 {
            write
                .insert(&scope(), &secret, &audit("secret"))
                .await
                .unwrap();
            secret.edition = 1;
        }
        secret.latest += 1;
        write
            .update(&scope(), &secret, &audit("secret"))
            .await
            .unwrap();
        let context = secret_context(secret.id, secret.latest);
        let revision = SecretRevision {
            id: SecretRevisionId::fresh(),
            tenant: self.tenant,
            edition: 0,
            created_ms: NOW,
            secret: secret.id,
            number: secret.latest,
            ciphertext: self.hub.vault.master().seal(&context, value).unwrap(),
        };
        write
            .insert(&scope(), &revision, &audit("secret"))
            .await
            .unwrap();
        write.commit().await.unwrap();
    }

    /// Orders a rollout.
    pub(crate) async fn roll_out(
        &self,
        deployment: DeploymentId,
        revision: u64,
        policy: Value,
    ) -> RolloutId {
        let request = Request {
            deployment,
            revision,
            policy: serde_json::from_value(policy).unwrap(),
            author: self.ada,
        };
        let mut write = self.hub.store.write().await.unwrap();
        let rollout = create(
            &mut write,
            &scope(),
            &request,
            self.hub.now_ms(),
            &audit("rollout"),
        )
        .await
        .unwrap();
        write.commit().await.unwrap();
        rollout.id
    }

    /// An executor of this name, on a node.
    pub(crate) fn executor(&self, hub: &Arc<Hub>, name: &str) -> Executor {
        executor(hub, &self.clock, name)
    }

    /// Takes a step.
    pub(crate) async fn step(&self) -> usize {
        self.executor.step(self.tenant).await.unwrap().unwrap()
    }

    /// Lets all devices give a sign of life.
    pub(crate) async fn seen(&self) {
        let at_ms = self.hub.now_ms();
        let seen: Vec<LastSeen> = self
            .devices
            .iter()
            .map(|device| LastSeen {
                device: *device,
                at_ms,
            })
            .collect();
        let mut write = self.hub.store.write().await.unwrap();
        write.put_last_seen(&scope(), &seen).await.unwrap();
        write.commit().await.unwrap();
    }

    /// What each device is to have, by its place.
    pub(crate) async fn states(&self) -> BTreeMap<usize, (StoredState, DesiredState)> {
        let mut read = self.hub.store.read().await.unwrap();
        let mut stored = Vec::new();
        for piece in self.devices.chunks(1000) {
            stored.extend(read.states_of(&scope(), piece).await.unwrap());
        }
        let states = stored.into_iter().map(|stored| {
            let device = stored.version.device;
            let place = self.places[&device];
            let state = DesiredState::decode(&stored.payload).unwrap();
            assert_eq!(state.version.0, stored.version.version);
            (place, (stored, state))
        });
        states.collect()
    }

    /// Lets devices do what they are told, except for these, which fail.
    pub(crate) async fn obey(&self, failing: &[usize]) {
        self.clock.advance_ms(1000);
        let mut statuses = Vec::new();
        for (place, (stored, state)) in self.states().await {
            statuses.push(report(
                stored.version.device,
                &state,
                failing.contains(&place),
                self.hub.now_ms(),
            ));
        }
        let mut write = self.hub.store.write().await.unwrap();
        write.put_statuses(&scope(), &statuses).await.unwrap();
        write.commit().await.unwrap();
        self.seen().await;
    }

    /// A rollout as it is kept, and where its devices stand, by their place.
    pub(crate) async fn rollout(&self, id: RolloutId) -> (Rollout, BTreeMap<usize, RolloutDevice>) {
        let mut read = self.hub.store.read().await.unwrap();
        let record = read.one(&scope(), id).await.unwrap();
        let rows = read.all_rollout_devices(&scope(), id).await.unwrap();
        let rows = rows.into_iter().map(|row| (self.places[&row.device], row));
        (record, rows.collect())
    }

    /// The revision of a deployment that each device is assigned, by its place.
    pub(crate) async fn assigned(&self, deployment: DeploymentId) -> BTreeMap<usize, u64> {
        let mut read = self.hub.store.read().await.unwrap();
        let all = read
            .assignments_of_deployment(&scope(), deployment)
            .await
            .unwrap();
        let by_place = all.into_iter().map(|one| {
            let place = self.places[&one.device];
            (place, one.revision)
        });
        by_place.collect()
    }
}

fn executor(hub: &Arc<Hub>, clock: &Arc<FixedClock>, name: &str) -> Executor {
    Executor::new(
        hub.store.clone(),
        Publisher::of(hub),
        clock.clone(),
        name.to_owned(),
        Pace::default(),
    )
}

async fn hub_of(store: Store, folder: &TempDir, clock: &Arc<FixedClock>) -> Arc<Hub> {
    let storage = Storage::Folder(folder.path().join("blobs"));
    Hub::builder(Settings::default())
        .store(store)
        .blobs(Blobs::open(&storage, Limits::default()).await.unwrap())
        .master(MasterKey::from_bytes(&[7; 32]))
        .clock(clock.clone())
        .build()
        .await
        .unwrap()
}

pub(crate) fn device(tenant: TenantId, number: u32) -> Device {
    let public_key = key(number)
        .public_key()
        .to_public_key_der()
        .unwrap()
        .into_vec();
    let capabilities = Capabilities {
        model: "gate".to_owned(),
        architecture: "thumbv7em".to_owned(),
        grants: vec!["gpio".to_owned()],
        ..Capabilities::default()
    };
    Device {
        id: DeviceId::fresh(),
        tenant,
        edition: 0,
        created_ms: NOW,
        name: format!("gate-{number}"),
        model: "gate".to_owned(),
        serial: Some(number.to_string()),
        state: DeviceState::Active,
        fingerprint: format!("{number:064x}"),
        public_key,
        csr: None,
        claim_code: None,
        capabilities: Some(capabilities.encode()),
        is_held: false,
        hold_until_ms: None,
        hold_reason: None,
        windows: json!([]),
        override_reason: None,
        failures: 0,
    }
}

/// What a device says after it took a state.
pub(crate) fn report(
    device: DeviceId,
    state: &DesiredState,
    fails: bool,
    at_ms: i64,
) -> DeviceStatus {
    let deployments = state.items.iter().map(|item| DeploymentStatus {
        deployment: item.deployment,
        manifest: item.manifest,
        running: None,
        state: if fails {
            DeploymentState::Failed
        } else {
            DeploymentState::Installed
        },
        phase: if fails {
            Phase::RolledBack
        } else {
            Phase::Idle
        },
        reason: fails.then(|| Reason {
            code: ReasonCode::Crashed,
            text: "main crashed three times".to_owned(),
        }),
        containers: Vec::new(),
    });
    let report = Report {
        sequence: u64::try_from(at_ms).unwrap(),
        adopted: state.version,
        committed: if fails {
            StateVersion(0)
        } else {
            state.version
        },
        deployments: Some(deployments.collect()),
        ..Report::default()
    };
    DeviceStatus {
        device,
        sequence: report.sequence,
        at_ms,
        adopted: report.adopted.0,
        committed: report.committed.0,
        phase: "idle".to_owned(),
        health: if fails { "failed" } else { "ok" }.to_owned(),
        report: report.encode(),
    }
}
