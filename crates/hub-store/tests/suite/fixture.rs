//! Databases for tests, and rows to put into them.

use std::future::Future;

use serde_json::json;
use tempfile::TempDir;
use thimble_hub_store::{
    App, AppId, Audit, ClaimCode, ClaimCodeId, Delivery, DeliveryId, Deployment, DeploymentId,
    Device, DeviceId, DeviceState, Id as _, NewState, Options, Record, Rollout, RolloutId,
    RolloutState, Scope, Store, Tenant, TenantId, User, UserId, Webhook, WebhookId,
};
use thimble_testkit::postgres::Postgres;

/// When tests happen.
pub(crate) const NOW: i64 = 1_700_000_000_000;

/// Makes a test of each function, for each database.
macro_rules! suite {
    ($($name:ident)*) => {
        mod sqlite {
            $(#[test]
            fn $name() {
                crate::suite::fixture::on_sqlite(super::$name);
            })*
        }
        mod postgres {
            $(#[test]
            fn $name() {
                crate::suite::fixture::on_postgres(super::$name);
            })*
        }
    };
}
pub(crate) use suite;

/// A new database.
pub(crate) struct Database {
    pub(crate) address: String,
    _folder: Option<TempDir>,
}

impl Database {
    pub(crate) fn is_postgres(&self) -> bool {
        self.address.starts_with("postgres")
    }

    pub(crate) async fn open(&self) -> Store {
        Store::open(&self.address, Options::default())
            .await
            .unwrap()
    }

    /// Runs SQL behind the store's back.
    pub(crate) async fn execute(&self, sql: &str) {
        if self.is_postgres() {
            Postgres::shared().execute(&self.address, sql);
        } else {
            use sqlx::Connection as _;
            let mut connection = sqlx::SqliteConnection::connect(&self.address)
                .await
                .unwrap();
            let sql = sqlx::AssertSqlSafe(sql.to_owned());
            sqlx::query(sql).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        }
    }
}

pub(crate) fn on_sqlite<F: Future<Output = ()>>(test: impl FnOnce(Database) -> F) {
    let folder = TempDir::new().unwrap();
    let address = format!("sqlite:{}", folder.path().join("hub.db").display());
    run(test(Database {
        address,
        _folder: Some(folder),
    }));
}

pub(crate) fn on_postgres<F: Future<Output = ()>>(test: impl FnOnce(Database) -> F) {
    let address = Postgres::shared().database();
    run(test(Database {
        address,
        _folder: None,
    }));
}

pub(crate) fn run<F: Future<Output = ()>>(test: F) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(test);
}

pub(crate) fn hub() -> Scope {
    Scope::whole_hub_for_its_own_work()
}

pub(crate) fn audit(action: &str) -> Audit {
    Audit::new(NOW, "user:ada", action, "it")
}

pub(crate) fn tenant(parent: TenantId, name: &str) -> Tenant {
    let id = TenantId::fresh();
    Tenant {
        id,
        tenant: id,
        edition: 0,
        created_ms: NOW,
        parent,
        name: name.to_owned(),
        settings: json!({}),
    }
}

pub(crate) fn device(tenant: TenantId, name: &str) -> Device {
    let id = DeviceId::fresh();
    Device {
        id,
        tenant,
        edition: 0,
        created_ms: NOW,
        name: name.to_owned(),
        model: "gate".to_owned(),
        serial: Some(format!("S-{name}")),
        state: DeviceState::Active,
        fingerprint: id.to_string().replace('-', ""),
        public_key: vec![1, 2, 3],
        csr: None,
        claim_code: None,
        capabilities: None,
        is_held: false,
        hold_until_ms: None,
        hold_reason: None,
        windows: json!([]),
        override_reason: None,
        failures: 0,
    }
}

pub(crate) fn user(tenant: TenantId, name: &str) -> User {
    User {
        id: UserId::fresh(),
        tenant,
        edition: 0,
        created_ms: NOW,
        name: name.to_owned(),
        email: None,
        password: Some("$argon2id$…".to_owned()),
        issuer: None,
        subject: None,
        is_disabled: false,
    }
}

pub(crate) fn app(tenant: TenantId, name: &str) -> App {
    App {
        id: AppId::fresh(),
        tenant,
        edition: 0,
        created_ms: NOW,
        name: name.to_owned(),
        description: String::new(),
    }
}

pub(crate) fn deployment(app: &App, name: &str) -> Deployment {
    Deployment {
        id: DeploymentId::fresh(),
        tenant: app.tenant,
        edition: 0,
        created_ms: NOW,
        name: name.to_owned(),
        app: app.id,
        selector: "line=1".to_owned(),
        priority: -3,
        latest: 0,
        removing_ms: None,
    }
}

pub(crate) fn rollout(deployment: &Deployment) -> Rollout {
    Rollout {
        id: RolloutId::fresh(),
        tenant: deployment.tenant,
        edition: 0,
        created_ms: NOW,
        deployment: deployment.id,
        target: 1,
        previous: None,
        policy: json!({"waves": []}),
        state: RolloutState::Planned,
        reason: None,
        wave: 0,
        generation: 0,
        memory: json!(null),
        next_ms: Some(NOW),
        begun_ms: None,
        ended_ms: None,
    }
}

pub(crate) fn code(tenant: TenantId, hash: u8, uses_left: u64) -> ClaimCode {
    ClaimCode {
        id: ClaimCodeId::fresh(),
        tenant,
        edition: 0,
        created_ms: NOW,
        name: "line 1".to_owned(),
        hash: vec![hash; 32],
        uses_left,
        expires_ms: NOW + 1000,
        labels: json!({"line": "1"}),
        revoked_ms: None,
    }
}

pub(crate) fn webhook(tenant: TenantId, name: &str) -> Webhook {
    Webhook {
        id: WebhookId::fresh(),
        tenant,
        edition: 0,
        created_ms: NOW,
        name: name.to_owned(),
        url: "https://example.org/".to_owned(),
        events: json!(["*"]),
        secret: vec![7],
        is_disabled: false,
        failing_since_ms: None,
    }
}

pub(crate) fn delivery(webhook: &Webhook, next_ms: i64) -> Delivery {
    Delivery {
        id: DeliveryId::fresh(),
        tenant: webhook.tenant,
        edition: 0,
        created_ms: NOW,
        webhook: webhook.id,
        event: "device.enrolled".to_owned(),
        body: "{}".to_owned(),
        next_ms: Some(next_ms),
        attempts: 0,
        done_ms: None,
        failure: None,
    }
}

pub(crate) fn state(device: DeviceId, version: u64, payload: &[u8]) -> NewState {
    let mut digest = [0; 32];
    digest[..8].copy_from_slice(&version.to_be_bytes());
    NewState {
        device,
        version,
        digest,
        payload: payload.to_vec(),
        at_ms: NOW,
    }
}

/// Two tenants side by side and a customer of the first.
pub(crate) struct Tenants {
    pub(crate) oem: TenantId,
    pub(crate) customer: TenantId,
    pub(crate) other: TenantId,
}

pub(crate) async fn tenants(store: &Store) -> Tenants {
    let oem = tenant(TenantId::HUB, "oem");
    let customer = tenant(oem.id, "customer");
    let other = tenant(TenantId::HUB, "other");
    let mut write = store.write().await.unwrap();
    for tenant in [&oem, &customer, &other] {
        write
            .insert(&hub(), tenant, &audit("tenant.create"))
            .await
            .unwrap();
    }
    write.commit().await.unwrap();
    Tenants {
        oem: oem.id,
        customer: customer.id,
        other: other.id,
    }
}

/// Keeps a row.
pub(crate) async fn keep<R: Record>(store: &Store, record: &R) {
    let mut write = store.write().await.unwrap();
    write
        .insert(&hub(), record, &audit("create"))
        .await
        .unwrap();
    write.commit().await.unwrap();
}
