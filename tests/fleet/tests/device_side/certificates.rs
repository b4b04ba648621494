//! Who gets in by its certificate, and who does not.

use std::collections::HashMap;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, SanType,
};
use thimble_hub::authority::devices::DeviceAuthority;
use thimble_hub::authority::{
    DeviceIdentity, DeviceKey, ExternalAuthority, Lifetime, Root, TenantId, TrustDomain,
};
use thimble_hub_store::{Audit, DeviceCert, DeviceState, Id as _, Match, Scope, Topic};
use thimble_protocol::UnixSeconds;
use thimble_tests_fleet::client::{Connection, Device, connector};
use thimble_tests_fleet::node::now;

use super::{World, id};

const DAY_S: u64 = 86_400;

fn identity(world: &World, device: &Device) -> DeviceIdentity {
    DeviceIdentity {
        tenant: TenantId(world.tenant.bytes()),
        device: id(device),
    }
}

/// Whether a device gets an answer with the certificate that it has now.
async fn gets_in(world: &World, device: &Device) -> bool {
    let Ok(mut connection) = world.try_connect(device).await else {
        return false;
    };
    match connection.get("/d/v1/state", &[]).await {
        Ok(answer) => {
            assert_eq!(answer.status, 304, "{}", answer.text());
            true
        }
        Err(_) => false,
    }
}

fn set_chain(device: &mut Device, der: Vec<u8>) {
    device.issued.as_mut().unwrap().chain = vec![der];
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn time_counts_with_a_little_allowance() {
    let world = World::new().await;
    let mut device = world.device("1").await;
    let now = now().0;
    let key = DeviceKey::from_request(device.csr()).unwrap();
    let cases = [
        (now - DAY_S, now + DAY_S, true),
        (now - DAY_S, now - 60, true),
        (now - DAY_S, now - 3600, false),
        (now + 60, now + DAY_S, true),
        (now + 3600, now + DAY_S, false),
    ];
    for (begin, end, is_good) in cases {
        let lifetime = Lifetime {
            begin: UnixSeconds(begin),
            end: UnixSeconds(end),
        };
        let of = identity(&world, &device);
        let issued = world
            .node
            .authority
            .issue(&key, &of, lifetime, UnixSeconds(now))
            .unwrap();
        set_chain(&mut device, issued.der);
        assert_eq!(
            gets_in(&world, &device).await,
            is_good,
            "from {begin} to {end}, now {now}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kept_connection_ends_when_its_certificate_does() {
    let world = World::new().await;
    let device = world.device("1").await;
    let mut connection = world.connect(&device).await;
    assert_eq!(
        connection.get("/d/v1/state", &[]).await.unwrap().status,
        304
    );
    let later = 91 * DAY_S;
    world
        .node
        .ahead_s
        .store(later, std::sync::atomic::Ordering::Relaxed);
    let answer = connection.get("/d/v1/state", &[]).await.unwrap();
    assert_eq!(
        (answer.status, answer.problem().as_deref()),
        (401, Some("certificate-expired"))
    );
    assert!(connection.is_ended().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_device_is_out_at_once() {
    let world = World::new().await;
    let device = world.device("1").await;
    let mut idle = world.connect(&device).await;
    assert_eq!(idle.get("/d/v1/state", &[]).await.unwrap().status, 304);
    let mut waiting = world.connect(&device).await;
    let wait = waiting.get("/d/v1/state?wait=600", &[]);
    let revoke = async {
        world.until(|node| node.side.versions().parked() == 1).await;
        world.set_state(&device, DeviceState::Revoked).await;
    };
    let (answer, ()) = tokio::join!(wait, revoke);
    let answer = answer.unwrap();
    assert_eq!(
        (answer.status, answer.problem().as_deref()),
        (401, Some("not-of-the-fleet"))
    );
    let answer = idle.get("/d/v1/state", &[]).await.unwrap();
    assert_eq!(
        (answer.status, answer.problem().as_deref()),
        (401, Some("not-of-the-fleet"))
    );
    assert!(idle.is_ended().await);
    assert!(!gets_in(&world, &device).await);
    let world = world.again(|_| {}).await;
    assert!(!gets_in(&world, &device).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_certificate_is_out_and_its_device_is_not() {
    let world = World::new().await;
    let device = world.device("1").await;
    let other = world.device("2").await;
    let mut waiting = world.connect(&device).await;
    let mut other_waiting = world.connect(&other).await;
    other_waiting
        .send(b"GET /d/v1/state?wait=600 HTTP/1.1\r\nHost: hub\r\n\r\n")
        .await
        .unwrap();
    let wait = waiting.get("/d/v1/state?wait=600", &[]);
    let revoke = async {
        world.until(|node| node.side.versions().parked() == 2).await;
        let scope = Scope::authenticated(world.tenant);
        let row = thimble_hub_store::DeviceId::from_bytes(id(&device).0);
        let mut write = world.node.store.write().await.unwrap();
        let matches = [Match::equals("device", &row)];
        let mut certificate: DeviceCert = write.find(&scope, &matches).await.unwrap().unwrap();
        certificate.revoked_ms = Some(1);
        let audit = Audit::new(1, "test", "certificate.revoke", row.to_string());
        write.update(&scope, &certificate, &audit).await.unwrap();
        write.wake(Topic::Device, Some(world.tenant), Some(row.to_string()));
        write.commit().await.unwrap();
    };
    let (answer, ()) = tokio::join!(wait, revoke);
    assert_eq!(answer.unwrap().status, 401);
    // Nobody else was woken by it.
    assert_eq!(world.node.side.versions().parked(), 1);
    assert!(!gets_in(&world, &device).await);
    // With the same key and request it gets another one.
    let mut again = device;
    let mut connection = world.stranger().await;
    let answer = connection
        .post("/d/v1/enrol", &again.enrol_request(None).encode())
        .await
        .unwrap();
    let reply = thimble_protocol::EnrolReply::decode(&answer.body).unwrap();
    let thimble_protocol::EnrolReply::Issued(issued) = reply else {
        panic!("not issued");
    };
    again.issued = Some(issued);
    assert!(gets_in(&world, &again).await);
    drop(other_waiting);
    let world = world.again(|_| {}).await;
    assert!(gets_in(&world, &again).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_of_others_are_refused() {
    let world = World::new().await;
    let mut device = world.device("1").await;
    let of = identity(&world, &device);
    let key = DeviceKey::from_request(device.csr()).unwrap();
    let lifetime = Lifetime::from_now(now(), DAY_S);
    // Another hub's authority with the same trust domain.
    let trust = TrustDomain::new("fleet.test").unwrap();
    let root = Root::create(&trust, now()).unwrap();
    let intermediate = root.make_intermediate(&trust, now()).unwrap();
    let other = DeviceAuthority::new(
        trust,
        root.holder().certificate().clone(),
        vec![intermediate],
    );
    let issued = other.issue(&key, &of, lifetime, now()).unwrap();
    set_chain(&mut device, issued.der);
    assert!(!gets_in(&world, &device).await);
    // One of this hub for another trust domain, though nothing issues such.
    let (der, key) = self_signed("spiffe://fleet.test/thimble/x/y");
    let connector = connector(world.node.root(), Some((vec![der.into()], key))).unwrap();
    let connection = Connection::open(world.node.address, &connector, None).await;
    let is_answered = match connection {
        Ok(mut connection) => connection.get("/d/v1/state", &[]).await.is_ok(),
        Err(_) => false,
    };
    assert!(!is_answered);
}

fn self_signed(uri: &str) -> (Vec<u8>, Vec<u8>) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::URI(uri.try_into().unwrap())];
    (
        params.self_signed(&key).unwrap().der().to_vec(),
        key.serialize_der(),
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_but_the_enrolment_needs_a_certificate() {
    let world = World::new().await;
    for target in [
        "/d/v1/state",
        "/d/v1/blob/sha256:0000000000000000000000000000000000000000000000000000000000000000",
    ] {
        let mut connection = world.stranger().await;
        let answer = connection.get(target, &[]).await.unwrap();
        assert_eq!(
            (answer.status, answer.problem().as_deref()),
            (401, Some("no-certificate"))
        );
    }
    let mut connection = world.stranger().await;
    let answer = connection.post("/d/v1/report", &[]).await.unwrap();
    assert_eq!(
        (answer.status, answer.problem().as_deref()),
        (401, Some("no-certificate"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn devices_of_an_older_intermediate_still_come_in() {
    let world = World::new().await;
    let old = world.device("1").await;
    world
        .node
        .vault
        .rotate_intermediate("test", now())
        .await
        .unwrap();
    // The node hears of it, and issues with the new one without being started again.
    let mut number = 2;
    let new = loop {
        let new = world.device(&number.to_string()).await;
        if new.issued.as_ref().unwrap().chain[1] != old.issued.as_ref().unwrap().chain[1] {
            break new;
        }
        number += 1;
    };
    assert!(gets_in(&world, &old).await);
    assert!(gets_in(&world, &new).await);
    let world = world.again(|_| {}).await;
    assert_ne!(
        old.issued.as_ref().unwrap().chain[1],
        new.issued.as_ref().unwrap().chain[1]
    );
    assert!(gets_in(&world, &old).await);
    assert!(gets_in(&world, &new).await);
}

/// An authority that is not the hub's, and a certificate of it for a device.
struct Outside {
    der: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

impl Outside {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params
            .distinguished_name
            .push(DnType::CommonName, "maker of devices");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let der = params.self_signed(&key).unwrap().der().to_vec();
        Self {
            der,
            issuer: Issuer::new(params, key),
        }
    }

    fn certificate(
        &self,
        uri: Option<String>,
        usage: ExtendedKeyUsagePurpose,
    ) -> (Vec<u8>, Vec<u8>) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.subject_alt_names = uri
            .into_iter()
            .map(|uri| SanType::URI(uri.try_into().unwrap()))
            .collect();
        params.extended_key_usages = vec![usage];
        let der = params.signed_by(&key, &self.issuer).unwrap().der().to_vec();
        (der, key.serialize_der())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_external_authority_vouches_for_its_tenant_only() {
    let world = World::new().await;
    let mine = world.device("1").await;
    let mine = identity(&world, &mine);
    let other_tenant = world.node.tenant("other").await.unwrap();
    world
        .node
        .claim_code(other_tenant, "other", 1)
        .await
        .unwrap();
    let mut other = Device::new("1").unwrap();
    other
        .enrol(world.node.address, world.node.root(), Some("other"))
        .await
        .unwrap();
    let theirs = DeviceIdentity {
        tenant: TenantId(other_tenant.bytes()),
        device: id(&other),
    };
    let outside = Outside::new();
    let trust = TrustDomain::new("fleet.test").unwrap();
    let by_name = outside.certificate(Some(mine.uri(&trust)), ExtendedKeyUsagePurpose::ClientAuth);
    let registered = outside.certificate(None, ExtendedKeyUsagePurpose::ClientAuth);
    let registered_for_others = outside.certificate(None, ExtendedKeyUsagePurpose::ClientAuth);
    let unknown = outside.certificate(None, ExtendedKeyUsagePurpose::ClientAuth);
    let others_name = outside.certificate(
        Some(theirs.uri(&trust)),
        ExtendedKeyUsagePurpose::ClientAuth,
    );
    let for_servers =
        outside.certificate(Some(mine.uri(&trust)), ExtendedKeyUsagePurpose::ServerAuth);
    let print =
        |certificate: &(Vec<u8>, Vec<u8>)| *thimble_image::Digest::of(&certificate.0).as_bytes();
    let fingerprints = HashMap::from([
        (print(&registered), mine),
        (print(&registered_for_others), theirs),
    ]);
    let authority = ExternalAuthority {
        tenant: mine.tenant,
        anchors: vec![outside.der.clone().into()],
        fingerprints,
    };
    let world = world.again(|start| start.external.push(authority)).await;
    let cases = [
        ("by its name", by_name, true),
        ("by its fingerprint", registered, true),
        (
            "a fingerprint of another tenant's device",
            registered_for_others,
            false,
        ),
        ("not registered", unknown, false),
        ("another tenant's name", others_name, false),
        ("of a server", for_servers, false),
    ];
    for (what, (der, key), is_good) in cases {
        let connector = connector(world.node.root(), Some((vec![der.into()], key))).unwrap();
        let connection = Connection::open(world.node.address, &connector, None).await;
        let is_in = match connection {
            Ok(mut connection) => connection
                .get("/d/v1/state", &[])
                .await
                .is_ok_and(|answer| answer.status == 304),
            Err(_) => false,
        };
        assert_eq!(is_in, is_good, "{what}");
    }
}
