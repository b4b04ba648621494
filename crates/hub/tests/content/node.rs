//! A hub in a folder, and people in it.

use std::sync::Arc;

use tempfile::TempDir;
use thimble_hub::Hub;
use thimble_hub::authority::MasterKey;
use thimble_hub::hub::FixedClock;
use thimble_hub::settings::{Settings, WebhookSettings};
use thimble_hub_store::{
    Audit, BindingId, Id as _, RoleBinding, Scope, Tenant, TenantId, User, UserId,
};
use tokio::net::TcpListener;

/// Everybody's password.
pub(crate) const PASSWORD: &str = "correct horse battery";
/// When a test begins.
pub(crate) const BEGINNING_MS: i64 = 1_800_000_000_000;

/// A node that lasts as long as the test.
pub(crate) struct Node {
    pub(crate) hub: Arc<Hub>,
    pub(crate) clock: Arc<FixedClock>,
    pub(crate) folder: TempDir,
}

impl Node {
    pub(crate) async fn new() -> Self {
        Self::made(true, 7).await
    }

    /// One with another master key.
    pub(crate) async fn with_key(byte: u8) -> Self {
        Self::made(true, byte).await
    }

    /// One that may or may not tell addresses of private networks.
    pub(crate) async fn with(allow_private: bool) -> Self {
        Self::made(allow_private, 7).await
    }

    async fn made(allow_private: bool, byte: u8) -> Self {
        // Clients of the tests are made with TLS, even if nothing here is encrypted.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = TempDir::new().unwrap();
        let clock = Arc::new(FixedClock::at_ms(BEGINNING_MS));
        let settings = Settings {
            folder: Some(folder.path().join("hub")),
            webhooks: WebhookSettings { allow_private },
            ..Settings::default()
        };
        let hub = Hub::builder(settings)
            .clock(Arc::clone(&clock) as _)
            .master(MasterKey::from_bytes(&[byte; 32]))
            .build()
            .await
            .unwrap();
        Self { hub, clock, folder }
    }

    /// Makes a tenant below another.
    pub(crate) async fn tenant(&self, parent: TenantId, name: &str) -> TenantId {
        let id = TenantId::fresh();
        let tenant = Tenant {
            id,
            tenant: id,
            edition: 0,
            created_ms: self.hub.now_ms(),
            parent,
            name: name.into(),
            settings: serde_json::json!({}),
        };
        let mut write = self.hub.store.write().await.unwrap();
        write
            .insert(&everything(), &tenant, &self.audit())
            .await
            .unwrap();
        write.commit().await.unwrap();
        id
    }

    /// Makes a user with a role in a tenant.
    pub(crate) async fn user(&self, tenant: TenantId, name: &str, role: &str) -> UserId {
        let user = User {
            id: UserId::fresh(),
            tenant,
            edition: 0,
            created_ms: self.hub.now_ms(),
            name: name.into(),
            email: None,
            password: Some(self.hub.passwords.hash(PASSWORD).await.unwrap()),
            issuer: None,
            subject: None,
            is_disabled: false,
        };
        let binding = RoleBinding {
            id: BindingId::fresh(),
            tenant,
            edition: 0,
            created_ms: self.hub.now_ms(),
            account: user.id,
            role: role.into(),
        };
        let mut write = self.hub.store.write().await.unwrap();
        write
            .insert(&everything(), &user, &self.audit())
            .await
            .unwrap();
        write
            .insert(&everything(), &binding, &Audit::part())
            .await
            .unwrap();
        write.commit().await.unwrap();
        user.id
    }

    pub(crate) fn audit(&self) -> Audit {
        Audit::new(self.hub.now_ms(), "test", "test.prepare", "test")
    }

    /// Listens for operators; `HOST:PORT`.
    pub(crate) async fn listen(&self) -> String {
        let router = thimble_hub::api::router(Arc::clone(&self.hub));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let settings = self.hub.settings.operators.clone();
        tokio::spawn(async move {
            thimble_hub::api::serve(listener, None, router, &settings, std::future::pending())
                .await;
        });
        format!("localhost:{port}")
    }
}

pub(crate) fn everything() -> Scope {
    Scope::whole_hub_for_its_own_work()
}
