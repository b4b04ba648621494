use std::os::unix::fs::PermissionsExt as _;

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384};
use thimble_hub_store::{Id as _, Key, Options, Scope, Store};
use thimble_protocol::keyring::{Keyring, P256, Verify as _};
use thimble_protocol::sign::Signer as _;
use thimble_protocol::{DeviceId, UnixSeconds};

use super::master::{KEY_BYTES, MasterError};
use super::request::RequestError;
use super::{
    DeviceIdentity, DeviceKey, Lifetime, MasterKey, Root, TenantId, TenantKeys, TenantSigner,
    TrustDomain, Vault, VaultError,
};

const NOW: UnixSeconds = UnixSeconds(1_800_000_000);

fn master(byte: u8) -> MasterKey {
    MasterKey::from_bytes(&[byte; KEY_BYTES])
}

#[test]
fn what_is_sealed_opens_only_where_and_as_it_was() {
    let key = master(1);
    let sealed = key.seal("key:1", b"secret").unwrap();
    assert_eq!(key.open("key:1", &sealed).unwrap(), b"secret");
    assert!(matches!(
        key.open("key:2", &sealed),
        Err(MasterError::Damaged)
    ));
    assert!(matches!(
        master(2).open("key:1", &sealed),
        Err(MasterError::OtherKey { .. })
    ));
    for bit in 0..sealed.len() * 8 {
        let mut damaged = sealed.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(key.open("key:1", &damaged).is_err(), "bit {bit}");
    }
    for bytes in 0..sealed.len() {
        assert!(
            key.open("key:1", &sealed[..bytes]).is_err(),
            "{bytes} bytes"
        );
    }
}

#[test]
fn a_rotation_seals_anew_and_can_be_begun_again() {
    let (old, new) = (master(1), master(2));
    let sealed = old.seal("key:1", b"secret").unwrap();
    let resealed = new.reseal(&old, "key:1", &sealed).unwrap();
    assert_eq!(new.open("key:1", &resealed).unwrap(), b"secret");
    assert_eq!(new.reseal(&old, "key:1", &resealed).unwrap(), resealed);
    assert!(new.reseal(&master(3), "key:1", &sealed).is_err());
}

#[test]
fn the_key_file_is_made_once_and_is_nobody_elses() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("master.key");
    let key = MasterKey::create(&path).unwrap();
    let sealed = key.seal("key:1", b"secret").unwrap();
    assert_eq!(
        MasterKey::read(&path)
            .unwrap()
            .open("key:1", &sealed)
            .unwrap(),
        b"secret"
    );
    assert!(matches!(
        MasterKey::create(&path),
        Err(MasterError::File { .. })
    ));
    let mode =
        |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    mode(0o640);
    assert!(matches!(
        MasterKey::read(&path),
        Err(MasterError::Exposed { mode: 0o640, .. })
    ));
    mode(0o600);
    std::fs::write(&path, [0; 31]).unwrap();
    assert!(matches!(
        MasterKey::read(&path),
        Err(MasterError::Length { bytes: 31, .. })
    ));
}

#[test]
fn an_identity_has_one_name() {
    let trust = TrustDomain::new("fleet.test").unwrap();
    let identity = DeviceIdentity {
        tenant: TenantId([1; 16]),
        device: DeviceId([0xab; 16]),
    };
    let uri = identity.uri(&trust);
    assert_eq!(
        uri,
        "spiffe://fleet.test/thimble/01010101-0101-0101-0101-010101010101/abababab-abab-abab-abab-abababababab"
    );
    assert_eq!(DeviceIdentity::from_uri(&uri, &trust), Some(identity));
    let others = [
        uri.replace("fleet.test", "fleet.tes"),
        uri.replace("fleet.test", "fleet.test.evil"),
        uri.replace("fleet.test", "other.test"),
        uri.replace("abababab", "ABABABAB"),
        uri.replace('-', ""),
        format!("{uri}/"),
        uri.replace("spiffe", "https"),
    ];
    for other in others {
        assert_eq!(DeviceIdentity::from_uri(&other, &trust), None, "{other}");
    }
    for name in ["", "UPPER", "a/b", "a b", &"x".repeat(129)] {
        assert!(TrustDomain::new(name).is_err(), "{name}");
    }
}

#[test]
fn requests_are_checked() {
    let request = |algorithm| {
        let key = KeyPair::generate_for(algorithm).unwrap();
        CertificateParams::default()
            .serialize_request(&key)
            .unwrap()
            .der()
            .to_vec()
    };
    let good = request(&PKCS_ECDSA_P256_SHA256);
    let key = DeviceKey::from_request(&good).unwrap();
    assert_eq!(key.fingerprint().len(), 16);
    let mut longer = good.clone();
    longer.push(0);
    let mut forged = good.clone();
    *forged.last_mut().unwrap() ^= 1;
    let cases = [
        (request(&PKCS_ECDSA_P384_SHA384), RequestError::OtherKey),
        (longer, RequestError::Malformed),
        (forged, RequestError::Signature),
        (Vec::new(), RequestError::Malformed),
        (vec![0; 3000], RequestError::TooLong { bytes: 3000 }),
    ];
    for (der, error) in cases {
        assert_eq!(DeviceKey::from_request(&der), Err(error));
    }
    for bytes in 0..good.len() {
        assert!(DeviceKey::from_request(&good[..bytes]).is_err());
    }
}

#[test]
fn signatures_are_those_that_devices_check() {
    let keys = TenantKeys::new(TenantSigner::create().unwrap(), None);
    let signature = keys.present().sign(b"message").unwrap();
    let public = keys.present().public();
    assert!(P256.is_signed(&public.point, b"message", &signature));
    assert!(!P256.is_signed(&public.point, b"massage", &signature));
    let before = public.id;
    let keys = keys.begin_rotation().unwrap();
    let keyring = Keyring::new(&keys.all()).unwrap();
    assert_eq!(keys.next_keys().len(), 1);
    assert_eq!(keys.present().key_id(), before);
    let keys = keys.finish_rotation();
    assert!(keys.next_keys().is_empty());
    assert!(keyring.find(keys.present().key_id()).is_some());
}

#[test]
fn a_certificate_does_not_outlive_its_issuer() {
    let trust = TrustDomain::new("fleet.test").unwrap();
    let root = Root::create(&trust, NOW).unwrap();
    let holder = root.make_intermediate(&trust, NOW).unwrap();
    let ends = holder.lifetime().end;
    let authority =
        super::DeviceAuthority::new(trust, root.holder().certificate().clone(), vec![holder]);
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let request = CertificateParams::default()
        .serialize_request(&key)
        .unwrap();
    let key = DeviceKey::from_request(request.der()).unwrap();
    let identity = DeviceIdentity {
        tenant: TenantId([1; 16]),
        device: DeviceId([2; 16]),
    };
    let late = UnixSeconds(ends.0 - 10);
    let issued = authority
        .issue(&key, &identity, Lifetime::from_now(late, 100), late)
        .unwrap();
    assert_eq!(issued.lifetime.end, ends);
    // Small enough for one record of a microcontroller, issuer included.
    let issuer = authority.issuer_of(&issued.der).unwrap();
    println!(
        "certificate {} bytes, its issuer {}",
        issued.der.len(),
        issuer.len()
    );
    assert!(issued.der.len() + issuer.len() <= 1100);
    assert!(
        authority
            .issue(&key, &identity, Lifetime::from_now(ends, 100), ends)
            .is_err()
    );
}

async fn store(folder: &std::path::Path) -> Store {
    let address = format!("sqlite:{}", folder.join("hub.sqlite").display());
    Store::open(&address, Options::default()).await.unwrap()
}

#[tokio::test]
async fn keys_outlive_the_node_and_the_master_key() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    let trust = TrustDomain::new("fleet.test").unwrap();
    let hub = TenantId(thimble_hub_store::TenantId::HUB.bytes());
    let vault = Vault::new(store.clone(), master(1), trust.clone());
    let authority = vault.device_authority(NOW).await.unwrap();
    let keys = vault.tenant_keys(hub, NOW).await.unwrap().all();
    let names = ["localhost".to_owned()];
    let (server, _) = vault.server_certificate(&names, NOW).await.unwrap();
    let again = Vault::new(store.clone(), master(1), trust.clone());
    assert_eq!(
        again.device_authority(NOW).await.unwrap().root(),
        authority.root()
    );
    assert_eq!(again.tenant_keys(hub, NOW).await.unwrap().all(), keys);
    assert_eq!(
        again.server_certificate(&names, NOW).await.unwrap().0,
        server
    );
    let other = Vault::new(store.clone(), master(2), trust);
    assert!(other.tenant_keys(hub, NOW).await.is_err());
    let sealed = other.reseal(&master(1), "test", NOW).await.unwrap();
    assert_eq!((sealed.keys, sealed.total()), (4, 4));
    let again = other.reseal(&master(1), "test", NOW).await.unwrap();
    assert_eq!(again.total(), 0);
    assert_eq!(other.tenant_keys(hub, NOW).await.unwrap().all(), keys);
    // No private key is in the store in the clear, nor readable with the old master key.
    let everything = Scope::whole_hub_for_its_own_work();
    let rows: Vec<Key> = store
        .read()
        .await
        .unwrap()
        .all(&everything, &[])
        .await
        .unwrap();
    for row in rows {
        let sealed = row.ciphertext.unwrap();
        assert!(master(1).open(&format!("key:{}", row.id), &sealed).is_err());
    }
    store.close().await;
}

#[tokio::test]
async fn the_root_goes_offline_and_comes_back_for_a_rotation() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    let vault = Vault::new(
        store.clone(),
        master(1),
        TrustDomain::new("fleet.test").unwrap(),
    );
    let before = vault.device_authority(NOW).await.unwrap();
    let key = vault.take_root_offline("user:ada", NOW).await.unwrap();
    assert!(matches!(
        vault.rotate_intermediate("user:ada", NOW).await,
        Err(VaultError::RootIsOffline)
    ));
    assert!(matches!(
        vault.take_root_offline("user:ada", NOW).await,
        Err(VaultError::RootIsOffline)
    ));
    // Devices go on without it.
    assert_eq!(
        vault.device_authority(NOW).await.unwrap().anchors().count(),
        1
    );
    let other = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)
        .unwrap()
        .serialize_der();
    assert!(
        vault
            .bring_root_back(&other, "user:ada", NOW)
            .await
            .is_err()
    );
    vault.bring_root_back(&key, "user:ada", NOW).await.unwrap();
    let after = vault.rotate_intermediate("user:ada", NOW).await.unwrap();
    assert_eq!(after.anchors().count(), 2);
    assert_ne!(after.anchors().next(), before.anchors().next());
    assert_eq!(after.anchors().last(), before.anchors().next());
    store.close().await;
}

#[tokio::test]
async fn a_signing_key_is_announced_before_it_signs() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path()).await;
    let vault = Vault::new(
        store.clone(),
        master(1),
        TrustDomain::new("fleet.test").unwrap(),
    );
    let hub = TenantId(thimble_hub_store::TenantId::HUB.bytes());
    let before = vault.tenant_keys(hub, NOW).await.unwrap();
    let finished = vault.finish_signing_rotation(hub, "user:ada", NOW).await;
    assert!(matches!(finished, Err(VaultError::NoNextKey)));
    for _ in 0..2 {
        vault
            .begin_signing_rotation(hub, "user:ada", NOW)
            .await
            .unwrap();
    }
    let during = vault.tenant_keys(hub, NOW).await.unwrap();
    assert_eq!(during.present().public(), before.present().public());
    let next = during.next_keys();
    assert_eq!(next.len(), 1);
    vault
        .finish_signing_rotation(hub, "user:ada", NOW)
        .await
        .unwrap();
    let after = vault.tenant_keys(hub, NOW).await.unwrap();
    assert_eq!(Some(after.present().public()), next.first());
    assert!(after.next().is_none());
    store.close().await;
}
