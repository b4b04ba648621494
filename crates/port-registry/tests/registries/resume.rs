//! Connections that are cut at random bytes: everything arrives all the same.

use thimble_port_registry::{Registries, Settings, Unwatched};
use thimble_testkit::blobs::MemoryStore;
use thimble_testkit::random::{Random, seed};
use thimble_testkit::registry::{Kind, Registry};

use crate::cutting::{Counted, CuttingProxy};
use crate::images::{Told, assert_same, image, pull, reference, settings};

/// Where connections are cut.
const SEED: u64 = 20_260_729;

fn patient() -> Registries {
    Registries::new(Settings {
        attempts_max: 40,
        ..settings()
    })
    .unwrap()
}

#[test]
fn pull_goes_on_where_it_was_cut() {
    let seed = seed(SEED);
    let server = Registry::start(Kind::Open);
    let registries = patient();
    let store = MemoryStore::default();
    let root = image(&store, &Random::new(seed).bytes(3 << 20));
    let name = reference(&server.name("app:v1"));
    registries
        .push(&root, &[], &name, &[], &store, &mut Unwatched)
        .unwrap();
    for round in 0..6 {
        let proxy = CuttingProxy::start(
            &server.host(),
            Counted::FromServer,
            12,
            1 << 20,
            seed + round,
        );
        let here = MemoryStore::default();
        let mut told = Told::default();
        let name = format!("{}/app:v1", proxy.address);
        pull(&registries, &name, &here, &mut told).unwrap();
        assert_same(&here, &store, &root);
        assert!(proxy.cuts() > 0);
        assert!(!told.retries.is_empty());
        // Begun anew each time it would be three times that.
        let bytes_max = (3 << 20) + (12 << 17);
        assert!(proxy.bytes() < bytes_max, "{} bytes came", proxy.bytes());
    }
}

#[test]
fn push_goes_on_where_it_was_cut() {
    let seed = seed(SEED);
    let server = Registry::start(Kind::Open);
    let registries = patient();
    for (round, size) in [(0, 300_000), (1, 3 << 20), (2, 18 << 20)] {
        let store = MemoryStore::default();
        let root = image(&store, &Random::new(seed + round).bytes(size));
        let proxy = CuttingProxy::start(
            &server.host(),
            Counted::ToServer,
            8,
            size as u64,
            seed + round,
        );
        let tag = format!("app:v{round}");
        let name = format!("{}/{tag}", proxy.address);
        let mut told = Told::default();
        registries
            .push(&root, &[], &reference(&name), &[], &store, &mut told)
            .unwrap();
        let here = MemoryStore::default();
        pull(&registries, &server.name(&tag), &here, &mut Told::default()).unwrap();
        assert_same(&here, &store, &root);
        assert!(proxy.cuts() > 0);
    }
}
