//! What a tenant has: made for tests, and what operators do with it.

use reqwest::StatusCode;
use serde_json::{Value, json};
use thimble_hub_api::ProblemKind;
use thimble_hub_api::client::Paged;
use thimble_hub_api::deployment::{DeploymentSpec, NewDeployment};
use thimble_hub_api::secret::SecretValue;
use thimble_hub_api::webhook::{NewWebhook, WebhookChange};
use thimble_hub_store::{
    AppVersion, AppVersionId, Audit, Device, DeviceId, DeviceState, Id as _, Match, Scope, Secret,
    SecretRevision, Tenant, TenantId,
};

use super::site::Site;

/// The id of a tenant.
pub(super) async fn tenant_id(site: &Site, name: &str) -> TenantId {
    let everything = Scope::whole_hub_for_its_own_work();
    let mut read = site.hub.store.read().await.unwrap();
    let found: Option<Tenant> = read
        .find(&everything, &[Match::equals("name", &name.to_owned())])
        .await
        .unwrap();
    found.unwrap().id
}

/// A device that came by itself.
pub(super) async fn device(site: &Site, tenant: &str, name: &str, state: DeviceState) -> DeviceId {
    let tenant = tenant_id(site, tenant).await;
    let id = DeviceId::fresh();
    let device = Device {
        id,
        tenant,
        edition: 0,
        created_ms: site.hub.now_ms(),
        name: name.to_owned(),
        model: "gateway".to_owned(),
        serial: Some(format!("serial-{name}")),
        state,
        fingerprint: format!("{name:0>64}"),
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
    };
    let audit = Audit::new(0, "test", "device.enrol", id.to_string());
    let mut write = site.hub.store.write().await.unwrap();
    write
        .insert(&Scope::authenticated(tenant), &device, &audit)
        .await
        .unwrap();
    write.commit().await.unwrap();
    id
}

/// An app with a version whose image nobody pushed.
pub(super) async fn app(site: &Site, tenant: &str, token: &str, name: &str) {
    let app = site
        .json("POST", "/v1/apps", token, &json!({ "name": name }))
        .await;
    assert_eq!(app.status, StatusCode::CREATED, "{app:?}");
    let tenant = tenant_id(site, tenant).await;
    let image = format!("reader:1@sha256:{:064}", 1);
    let version = AppVersion {
        id: AppVersionId::fresh(),
        tenant,
        edition: 0,
        created_ms: 0,
        app: app.json()["id"].as_str().unwrap().parse().unwrap(),
        version: "1".to_owned(),
        document: json!({ "containers": [{ "name": "reader", "image": image }] }),
        published_ms: Some(0),
    };
    let audit = Audit::new(0, "test", "app.publish", "app");
    let mut write = site.hub.store.write().await.unwrap();
    write
        .insert(&Scope::authenticated(tenant), &version, &audit)
        .await
        .unwrap();
    write.commit().await.unwrap();
}

#[tokio::test]
async fn a_deployment_has_revisions() {
    let site = Site::new().await;
    app(&site, "main", &site.root, "reader").await;
    let client = site.admin();
    let spec = DeploymentSpec {
        app: "reader".to_owned(),
        version: "1".to_owned(),
        selector: "line=1".to_owned(),
        ..DeploymentSpec::default()
    };
    let new = NewDeployment {
        name: "reader-line-1".to_owned(),
        spec: spec.clone(),
    };
    client.create_deployment(&new).await.unwrap();
    let found = client.deployment("reader-line-1").await.unwrap();
    assert_eq!(found.value.revision, 1);
    // The same again is no revision.
    let same = client
        .change_deployment("reader-line-1", &spec, found.etag.as_deref())
        .await
        .unwrap();
    assert_eq!(same.revision, 1);
    let other = DeploymentSpec {
        priority: 5,
        ..spec.clone()
    };
    let second = client
        .change_deployment("reader-line-1", &other, found.etag.as_deref())
        .await
        .unwrap();
    assert_eq!(second.revision, 2);
    let late = client
        .change_deployment("reader-line-1", &spec, found.etag.as_deref())
        .await
        .unwrap_err();
    assert_eq!(late.problem().unwrap().kind, ProblemKind::Changed);
    let revisions = client
        .revisions("reader-line-1", &Paged::default())
        .await
        .unwrap();
    assert_eq!(revisions.items.len(), 2);
    let wrong = DeploymentSpec {
        selector: "line=".to_owned(),
        containers: [("writer".to_owned(), Default::default())].into(),
        depends_on: vec!["reader-line-1".to_owned()],
        ..spec
    };
    let refused = client
        .change_deployment("reader-line-1", &wrong, None)
        .await
        .unwrap_err();
    let errors = &refused.problem().unwrap().errors;
    let at: Vec<&str> = errors.iter().map(|error| error.pointer.as_str()).collect();
    assert!(
        at.contains(&"/containers") && at.contains(&"/depends_on"),
        "{at:?}"
    );
    let used = client.remove_app("reader").await.unwrap_err();
    assert_eq!(used.problem().unwrap().kind, ProblemKind::InUse);
}

#[tokio::test]
async fn a_secret_is_written_and_never_read() {
    let site = Site::new().await;
    let client = site.admin();
    for number in 1..=2 {
        let value = SecretValue {
            value: format!("value {number}"),
        };
        let kept = client.set_secret("broker", &value).await.unwrap();
        assert_eq!(kept.revision, number);
    }
    let everything = Scope::whole_hub_for_its_own_work();
    let mut read = site.hub.store.read().await.unwrap();
    let secret: Secret = read.find(&everything, &[]).await.unwrap().unwrap();
    let revisions: Vec<SecretRevision> = read.all(&everything, &[]).await.unwrap();
    let newest = revisions
        .iter()
        .find(|revision| revision.number == 2)
        .unwrap();
    let opened = site
        .hub
        .vault
        .master()
        .open(
            &super::super::secrets::context(secret.id, 2),
            &newest.ciphertext,
        )
        .unwrap();
    assert_eq!(opened, b"value 2");
    drop(read);
    let shown = site
        .json("GET", "/v1/secrets", &site.root, &Value::Null)
        .await;
    assert!(!String::from_utf8_lossy(&shown.body).contains("value 2"));
    let file = std::fs::read(site.place.path().join("hub.db-wal")).unwrap();
    assert!(!file.windows(7).any(|window| window == b"value 2"));
    client.remove_secret("broker").await.unwrap();
    assert!(
        client
            .secrets(&Paged::default())
            .await
            .unwrap()
            .items
            .is_empty()
    );
}

#[tokio::test]
async fn a_webhook_is_told_by_https_only() {
    let site = Site::new().await;
    let client = site.admin();
    let webhook = |url: &str| NewWebhook {
        name: "ops".to_owned(),
        url: url.to_owned(),
        events: vec!["rollout.*".to_owned()],
        secret: "0123456789abcdef".to_owned(),
    };
    for wrong in [
        "http://example.org",
        "ftp://example.org",
        "example.org",
        "https://a:b@example.org",
    ] {
        let refused = client.create_webhook(&webhook(wrong)).await.unwrap_err();
        assert_eq!(
            refused.problem().unwrap().kind,
            ProblemKind::Invalid,
            "{wrong}"
        );
    }
    client
        .create_webhook(&webhook("https://example.org/hook"))
        .await
        .unwrap();
    let off = client
        .change_webhook("ops", &WebhookChange { disabled: true })
        .await
        .unwrap();
    assert!(off.is_disabled);
    client.remove_webhook("ops").await.unwrap();
}

#[tokio::test]
async fn the_audit_trail_is_whole_and_says_when_it_is_not() {
    let site = Site::new().await;
    let client = site.admin();
    for number in 0..5 {
        let value = SecretValue {
            value: number.to_string(),
        };
        client.set_secret("x", &value).await.unwrap();
    }
    let verified = client.verify_audit().await.unwrap();
    assert!(verified.intact && verified.entries >= 5, "{verified:?}");
    let lines = client.export_audit().await.unwrap();
    assert_eq!(
        String::from_utf8(lines).unwrap().lines().count() as u64,
        verified.entries
    );
}
