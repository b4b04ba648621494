//! Copies of a tenant and of the whole hub: what comes back is what was there.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use thimble_hub::Hub;
use thimble_hub::authority::MasterKey;
use thimble_hub::backup::{BackupError, Parts, back_up, export_tenant, import_tenant, restore};
use thimble_hub_blobs::{ManifestName, source_of};
use thimble_hub_store::{
    Audit, Device, DeviceId, DeviceState, Id as _, NewState, Secret, SecretId, SecretRevision,
    SecretRevisionId, Tenant, TenantId, User, Webhook, WebhookId,
};
use thimble_image::{Descriptor, Digest, Manifest, media_type};

use crate::node::{Node, everything};

const PASSPHRASE: &str = "the wine-dark sea";

/// A tenant with one of everything that matters.
struct Contents {
    tenant: TenantId,
    device: DeviceId,
    secret: SecretId,
    webhook: WebhookId,
}

async fn fill(node: &Node, name: &str) -> Contents {
    let tenant = node.tenant(TenantId::HUB, name).await;
    node.user(tenant, &format!("{name}-admin"), "admin").await;
    let created_ms = node.hub.now_ms();
    let device = Device {
        id: DeviceId::fresh(),
        tenant,
        edition: 0,
        created_ms,
        name: "press-1".into(),
        model: "board".into(),
        serial: Some(format!("{name}-1")),
        state: DeviceState::Active,
        fingerprint: format!("{name}-fingerprint"),
        public_key: vec![1, 2, 3],
        csr: None,
        claim_code: None,
        capabilities: Some(vec![0xa0]),
        is_held: false,
        hold_until_ms: None,
        hold_reason: None,
        windows: json!([]),
        override_reason: None,
        failures: 0,
    };
    let secret = Secret {
        id: SecretId::fresh(),
        tenant,
        edition: 0,
        created_ms,
        name: "wifi".into(),
        latest: 1,
    };
    let context = format!("secret/{}/1", secret.id);
    let revision = SecretRevision {
        id: SecretRevisionId::fresh(),
        tenant,
        edition: 0,
        created_ms,
        secret: secret.id,
        number: 1,
        ciphertext: node.hub.vault.master().seal(&context, b"hidden").unwrap(),
    };
    let id = WebhookId::fresh();
    let context = format!("webhook/{id}");
    let webhook = Webhook {
        id,
        tenant,
        edition: 0,
        created_ms,
        name: "hook".into(),
        url: "https://example.com".into(),
        events: json!([]),
        secret: node.hub.vault.master().seal(&context, b"signs").unwrap(),
        is_disabled: false,
        failing_since_ms: None,
    };
    let mut write = node.hub.store.write().await.unwrap();
    let all = everything();
    write.insert(&all, &device, &node.audit()).await.unwrap();
    write.insert(&all, &secret, &node.audit()).await.unwrap();
    write.insert(&all, &revision, &Audit::part()).await.unwrap();
    write.insert(&all, &webhook, &node.audit()).await.unwrap();
    write.commit().await.unwrap();
    publish(&node.hub, device.id, 5).await;
    push(&node.hub, tenant).await;
    Contents {
        tenant,
        device: device.id,
        secret: secret.id,
        webhook: id,
    }
}

async fn publish(hub: &Hub, device: DeviceId, version: u64) {
    let payload = format!("state {version}").into_bytes();
    let state = NewState {
        device,
        version,
        digest: *Digest::of(&payload).as_bytes(),
        payload,
        at_ms: hub.now_ms(),
    };
    let mut write = hub.store.write().await.unwrap();
    let audit = Audit::new(hub.now_ms(), "test", "test.publish", "test");
    write
        .publish_states(&everything(), vec![state], &audit)
        .unwrap();
    write.commit().await.unwrap();
}

/// Pushes an image whose layer is larger than what is read at once.
async fn push(hub: &Hub, tenant: TenantId) {
    let space = thimble_hub::registry::space(&hub.blobs, tenant).unwrap();
    let layer: Vec<u8> = (0..700_000_u32)
        .flat_map(|word| word.to_le_bytes())
        .collect();
    let config = Descriptor::of(media_type::EMPTY, b"{}");
    let described = Descriptor::of(media_type::WASM, &layer);
    space
        .put(config.digest, source_of("{}".into()))
        .await
        .unwrap();
    space
        .put(described.digest, source_of(layer.into()))
        .await
        .unwrap();
    let manifest = Manifest::new(config, vec![described]).to_json();
    let tag = ManifestName::Tag("v1".parse().unwrap());
    let repository = "team/app".parse().unwrap();
    let put = space.put_manifest(&repository, &tag, media_type::MANIFEST, manifest.into());
    put.await.unwrap();
}

async fn revisions(hub: &Hub, contents: &Contents) -> Vec<SecretRevision> {
    let mut read = hub.store.read().await.unwrap();
    let all: Vec<SecretRevision> = read.all(&everything(), &[]).await.unwrap();
    all.into_iter()
        .filter(|row| row.secret == contents.secret)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_moves_to_another_hub_with_its_secrets() {
    let old = Node::new().await;
    let contents = fill(&old, "acme").await;
    fill(&old, "other").await;
    let file = old.folder.path().join("acme.tar");
    let exported = export_tenant(
        &old.hub,
        contents.tenant,
        &file,
        Some(PASSPHRASE),
        "user:ada",
    )
    .await
    .unwrap();
    let again = export_tenant(&old.hub, contents.tenant, &file, None, "user:ada").await;
    assert!(matches!(again, Err(BackupError::Occupied { .. })));
    // Another hub has another key.
    let new = Node::with_key(9).await;
    let oem = new.tenant(TenantId::HUB, "oem").await;
    let wrong = import_tenant(&new.hub, oem, &file, Some("wrong"), "user:bob").await;
    assert!(matches!(wrong, Err(BackupError::WrongPassphrase)));
    let none = import_tenant(&new.hub, oem, &file, None, "user:bob").await;
    assert!(matches!(none, Err(BackupError::NoPassphrase)));
    let imported = import_tenant(&new.hub, oem, &file, Some(PASSPHRASE), "user:bob")
        .await
        .unwrap();
    assert_eq!(imported, exported);
    let mut read = new.hub.store.read().await.unwrap();
    let tenant: Tenant = read.one(&everything(), contents.tenant).await.unwrap();
    assert_eq!((tenant.name.as_str(), tenant.parent), ("acme", oem));
    // Who may do something with the parent may do it with the tenant.
    let below = thimble_hub_store::Scope::authenticated_with_descendants(oem);
    let device: Device = read.one(&below, contents.device).await.unwrap();
    let before: Device = {
        let mut read = old.hub.store.read().await.unwrap();
        read.one(&everything(), contents.device).await.unwrap()
    };
    assert_eq!(format!("{device:?}"), format!("{before:?}"));
    let state = read
        .state(&everything(), contents.device)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (state.version.version, state.payload.as_slice()),
        (5, b"state 5".as_slice())
    );
    let users: Vec<User> = read.all(&everything(), &[]).await.unwrap();
    let names: Vec<_> = users.iter().map(|user| user.name.as_str()).collect();
    assert_eq!(names, ["acme-admin"]);
    let [revision] = revisions(&new.hub, &contents).await.try_into().unwrap();
    let context = format!("secret/{}/1", contents.secret);
    let value = new.hub.vault.master().open(&context, &revision.ciphertext);
    assert_eq!(value.unwrap(), b"hidden");
    let webhook: Webhook = read.one(&everything(), contents.webhook).await.unwrap();
    assert!(!webhook.is_disabled);
    // The trail goes on where it was.
    let verified = read
        .verify_chain(&everything(), contents.tenant)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(verified.entries, exported.audit_entries + 1);
    let [from, to] = [&old.hub, &new.hub]
        .map(|hub| thimble_hub::registry::space(&hub.blobs, contents.tenant).unwrap());
    assert_eq!(to.objects().await.unwrap(), from.objects().await.unwrap());
    assert_eq!(exported.objects, 5);
    let twice = import_tenant(&new.hub, oem, &file, Some(PASSPHRASE), "user:bob").await;
    assert!(matches!(twice, Err(BackupError::TenantExists { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_passphrase_secrets_stay_behind() {
    let old = Node::new().await;
    let contents = fill(&old, "acme").await;
    let file = old.folder.path().join("acme.tar");
    let exported = export_tenant(&old.hub, contents.tenant, &file, None, "user:ada").await;
    let bytes = std::fs::read(&file).unwrap();
    let [revision] = revisions(&old.hub, &contents).await.try_into().unwrap();
    let sealed: String = revision
        .ciphertext
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let text = String::from_utf8_lossy(&bytes);
    assert!(!text.contains(&sealed));
    let new = Node::with_key(9).await;
    let imported = import_tenant(&new.hub, TenantId::HUB, &file, None, "user:bob").await;
    assert_eq!(imported.unwrap(), exported.unwrap());
    assert!(revisions(&new.hub, &contents).await.is_empty());
    let mut read = new.hub.store.read().await.unwrap();
    let webhook: Webhook = read.one(&everything(), contents.webhook).await.unwrap();
    assert!(webhook.is_disabled && webhook.secret.is_empty());
    let secret: Secret = read.one(&everything(), contents.secret).await.unwrap();
    assert_eq!(secret.name, "wifi");
}

/// The same tar file with something else in the place of a text, of the same length.
fn forged(file: &Path, to: &Path, old: &str, new: &str) {
    assert_eq!(old.len(), new.len());
    let mut bytes = Vec::new();
    std::fs::File::open(file)
        .unwrap()
        .read_to_end(&mut bytes)
        .unwrap();
    let mut found = 0;
    let mut at = 0;
    while at + old.len() <= bytes.len() {
        if bytes[at..].starts_with(old.as_bytes()) {
            bytes[at..at + old.len()].copy_from_slice(new.as_bytes());
            found += 1;
        }
        at += 1;
    }
    assert!(found > 0, "there is no {old}");
    std::fs::write(to, bytes).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_forged_is_refused_as_a_whole() {
    let old = Node::new().await;
    let contents = fill(&old, "acme").await;
    let file = old.folder.path().join("acme.tar");
    export_tenant(&old.hub, contents.tenant, &file, None, "user:ada")
        .await
        .unwrap();
    let new = Node::with_key(9).await;
    let other = fill(&new, "other").await;
    let device = contents.device.to_string();
    let foreign = other.device.to_string();
    let own = contents.tenant.to_string();
    let theirs = other.tenant.to_string();
    let layer = {
        let space = thimble_hub::registry::space(&old.hub.blobs, contents.tenant).unwrap();
        let objects = space.objects().await.unwrap();
        let blob = objects
            .iter()
            .find(|object| object.length_bytes > 1000)
            .unwrap();
        blob.path.rsplit('/').next().unwrap().to_owned()
    };
    let unlike = format!(
        "{}{}",
        &layer[..63],
        if layer.ends_with('0') { "1" } else { "0" }
    );
    for (what, old, new_text, expected) in [
        (
            "audit",
            "\"action\":\"test.prepare\"",
            "\"action\":\"test.prevaxe\"",
            "audit trail",
        ),
        (
            "tenant",
            own.as_str(),
            theirs.as_str(),
            "is in this hub already",
        ),
        (
            "device",
            &format!("\"device\":\"{device}\""),
            &format!("\"device\":\"{foreign}\""),
            "database failed",
        ),
        (
            "blob",
            layer.as_str(),
            unlike.as_str(),
            "blobs cannot be read",
        ),
        ("column", "\"serial\":", "\"zerial\":", "database failed"),
        ("path", "blobs/sha256/", "../../sha256/", "no path of blobs"),
        (
            "format",
            "thimble-tenant",
            "thimble-truant",
            "no copy that a hub made",
        ),
        (
            "version",
            "\"version\":1",
            "\"version\":9",
            "use a newer hub",
        ),
    ] {
        let bad = old_folder(&old_path(&file), what);
        forged(&file, &bad, old, new_text);
        let taken = import_tenant(&new.hub, TenantId::HUB, &bad, None, "user:bob").await;
        let said = taken.unwrap_err().to_string();
        assert!(said.contains(expected), "{what}: {said}");
        let mut read = new.hub.store.read().await.unwrap();
        let tenants: Vec<Tenant> = read.all(&everything(), &[]).await.unwrap();
        assert!(tenants.iter().all(|tenant| tenant.name != "acme"), "{what}");
    }
    // A part of it is nothing either.
    let bytes = std::fs::read(&file).unwrap();
    let cut = old_folder(&old_path(&file), "cut");
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    import_tenant(&new.hub, TenantId::HUB, &cut, None, "user:bob")
        .await
        .unwrap_err();
    // The real one is taken in, after all of that.
    import_tenant(&new.hub, TenantId::HUB, &file, None, "user:bob")
        .await
        .unwrap();
}

fn old_path(file: &Path) -> std::path::PathBuf {
    file.parent().unwrap().to_owned()
}

fn old_folder(folder: &Path, what: &str) -> std::path::PathBuf {
    folder.join(format!("{what}.tar"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_comes_back_from_its_backup() {
    let node = Node::new().await;
    // The key that the settings name, which the backup holds.
    let key = node.hub.settings.master_key().unwrap();
    MasterKey::create(&key).unwrap();
    let contents = fill(&node, "acme").await;
    let folder = node.folder.path().join("backup");
    let parts = Parts {
        database: true,
        key: true,
    };
    let backed_up = back_up(&node.hub, &folder, parts).await.unwrap();
    assert_eq!((backed_up.tenants, backed_up.objects), (2, 5));
    let again = back_up(&node.hub, &folder, parts).await;
    assert!(matches!(again, Err(BackupError::Occupied { .. })));
    // The hub goes on, and devices with it.
    publish(&node.hub, contents.device, 6).await;
    let mut settings = node.hub.settings.clone();
    let occupied = restore(&folder, &settings).await;
    assert!(
        matches!(occupied, Err(BackupError::Occupied { .. })),
        "{occupied:?}"
    );
    settings.folder = Some(node.folder.path().join("new"));
    let restored = restore(&folder, &settings).await.unwrap();
    assert_eq!(restored, backed_up);
    assert_eq!(
        std::fs::read(settings.master_key().unwrap()).unwrap(),
        std::fs::read(&key).unwrap()
    );
    let hub = Hub::builder(settings.clone())
        .clock(Arc::clone(&node.clock) as _)
        .build()
        .await
        .unwrap();
    let mut read = hub.store.read().await.unwrap();
    let state = read
        .state(&everything(), contents.device)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(state.version.version, 5);
    let space = thimble_hub::registry::space(&hub.blobs, contents.tenant).unwrap();
    assert_eq!(space.objects().await.unwrap().len(), 5);
    // What was not finished is no backup.
    std::fs::remove_file(folder.join("backup.json")).unwrap();
    settings.folder = Some(node.folder.path().join("newer"));
    let unfinished = restore(&folder, &settings).await;
    assert!(matches!(unfinished, Err(BackupError::Unfinished { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_somebody_changed_is_noticed() {
    let node = Node::new().await;
    fill(&node, "acme").await;
    let folder = node.folder.path().join("backup");
    let parts = Parts {
        database: true,
        key: false,
    };
    back_up(&node.hub, &folder, parts).await.unwrap();
    let blobs = folder.join("blobs/ns");
    let mut open = vec![blobs];
    let mut largest = (0, std::path::PathBuf::new());
    while let Some(place) = open.pop() {
        for entry in std::fs::read_dir(place).unwrap() {
            let entry = entry.unwrap();
            let metadata = entry.metadata().unwrap();
            if metadata.is_dir() {
                open.push(entry.path());
            } else if metadata.len() > largest.0 {
                largest = (metadata.len(), entry.path());
            }
        }
    }
    let mut bytes = std::fs::read(&largest.1).unwrap();
    bytes[1000] ^= 1;
    std::fs::write(&largest.1, bytes).unwrap();
    let mut settings = node.hub.settings.clone();
    settings.folder = Some(node.folder.path().join("new"));
    let restored = restore(&folder, &settings).await;
    assert!(
        matches!(restored, Err(BackupError::Blobs(_))),
        "{restored:?}"
    );
}

/// The value that is sealed for this, with this key.
fn opened(key: u8, context: &str, sealed: &[u8]) -> Option<Vec<u8>> {
    MasterKey::from_bytes(&[key; 32]).open(context, sealed).ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn with_another_master_key_everything_is_sealed_anew_wherever_it_was_cut() {
    let node = Node::with_key(1).await;
    let contents = fill(&node, "acme").await;
    let now = thimble_protocol::UnixSeconds(1_800_000_000);
    // Keys of the hub and of a tenant, and enough secrets for several transactions.
    node.hub.vault.device_authority(now).await.unwrap();
    let tenant = thimble_hub::authority::TenantId(contents.tenant.bytes());
    node.hub.vault.tenant_keys(tenant, now).await.unwrap();
    let mut write = node.hub.store.write().await.unwrap();
    for number in 2..=250 {
        let context = format!("secret/{}/{number}", contents.secret);
        let revision = SecretRevision {
            id: SecretRevisionId::fresh(),
            tenant: contents.tenant,
            edition: 0,
            created_ms: node.hub.now_ms(),
            secret: contents.secret,
            number,
            ciphertext: node.hub.vault.master().seal(&context, b"hidden").unwrap(),
        };
        write
            .insert(&everything(), &revision, &node.audit())
            .await
            .unwrap();
    }
    // One that came from another hub without its secret.
    let bare = Webhook {
        id: WebhookId::fresh(),
        edition: 0,
        name: "bare".into(),
        secret: Vec::new(),
        is_disabled: true,
        ..write
            .one::<Webhook>(&everything(), contents.webhook)
            .await
            .unwrap()
    };
    write
        .insert(&everything(), &bare, &node.audit())
        .await
        .unwrap();
    write.commit().await.unwrap();
    let trust = thimble_hub::authority::TrustDomain::new("thimble").unwrap();
    let store = node.hub.store.clone();
    let vault = thimble_hub::authority::Vault::new(store, MasterKey::from_bytes(&[2; 32]), trust);
    let old = MasterKey::from_bytes(&[1; 32]);
    // It dies again and again, a little later each time.
    let mut wait_us = 200;
    let last = loop {
        let resealing = vault.reseal(&old, "test", now);
        let cut = tokio::time::timeout(std::time::Duration::from_micros(wait_us), resealing);
        match cut.await {
            Ok(done) => break done.unwrap(),
            Err(_) => wait_us *= 2,
        }
    };
    println!("the last pass sealed {last:?}, after {wait_us} us");
    let again = vault.reseal(&old, "test", now).await.unwrap();
    assert_eq!(again.total(), 0);
    let mut read = node.hub.store.read().await.unwrap();
    let keys: Vec<thimble_hub_store::Key> = read.all(&everything(), &[]).await.unwrap();
    assert_eq!(keys.len(), 3);
    for key in keys {
        let (context, sealed) = (format!("key:{}", key.id), key.ciphertext.unwrap());
        assert!(opened(2, &context, &sealed).is_some());
        assert!(opened(1, &context, &sealed).is_none());
    }
    let revisions: Vec<SecretRevision> = read.all(&everything(), &[]).await.unwrap();
    assert_eq!(revisions.len(), 250);
    for one in revisions {
        let context = format!("secret/{}/{}", one.secret, one.number);
        let value = opened(2, &context, &one.ciphertext);
        assert_eq!(value.as_deref(), Some(&b"hidden"[..]));
    }
    let webhooks: Vec<Webhook> = read.all(&everything(), &[]).await.unwrap();
    let sealed: Vec<_> = webhooks
        .iter()
        .map(|one| opened(2, &format!("webhook/{}", one.id), &one.secret))
        .collect();
    assert_eq!(sealed, [Some(b"signs".to_vec()), None]);
    drop(read);
    // What neither key sealed is named, and nothing is lost.
    let vault = thimble_hub::authority::Vault::new(
        node.hub.store.clone(),
        MasterKey::from_bytes(&[3; 32]),
        thimble_hub::authority::TrustDomain::new("thimble").unwrap(),
    );
    let refused = vault.reseal(&old, "test", now).await.unwrap_err();
    assert!(refused.to_string().starts_with("the key "), "{refused}");
}
