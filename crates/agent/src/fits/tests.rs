use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use thimble_image::Digest;
use thimble_protocol::DeploymentId;
use thimble_protocol::manifest::{Container, Image, Limits, Manifest, UpdateRules};
use thimble_protocol::report::ReasonCode;

use super::{Coming, blobs, fits_mixed, misfit};
use crate::event::{Capacity, Freed};

const fn id(number: u8) -> DeploymentId {
    DeploymentId([number; 16])
}

fn manifest(number: u8, ram: &[Option<u64>], layer: &[u8], grants: &[&str]) -> Manifest {
    let container = |memory_bytes: &Option<u64>| Container {
        name: String::from("main"),
        image: Image {
            reference: String::new(),
            manifest: Digest::of(b"manifest"),
            manifest_bytes: 1,
            config: Digest::of(b"config"),
            config_bytes: 2,
            layer: Digest::of(layer),
            layer_bytes: 1000,
            referrers: Vec::new(),
        },
        args: None,
        env: Vec::new(),
        secret_env: Vec::new(),
        grants: grants.iter().map(|grant| String::from(*grant)).collect(),
        mounts: Vec::new(),
        listen: Vec::new(),
        limits: Limits {
            memory_bytes: *memory_bytes,
            ..Limits::default()
        },
        restart: String::from("always"),
        health: None,
        depends_on: Vec::new(),
    };
    Manifest {
        deployment: id(number),
        app: String::from("app"),
        version: String::from("1"),
        containers: ram.iter().map(container).collect(),
        update: UpdateRules::default(),
        depends_on: Vec::new(),
    }
}

fn capacity(ram_bytes: u64, storage_bytes: u64, containers: u32) -> Capacity {
    Capacity {
        ram_bytes,
        storage_bytes,
        containers,
        ram_default_bytes: 100,
        ..Capacity::default()
    }
}

fn check(
    manifests: &[&Manifest],
    gone: &[u8],
    capacity: &Capacity,
    expected: Option<(u8, ReasonCode, &str)>,
) {
    let arriving = manifests.iter().map(|manifest| Coming {
        deployment: manifest.deployment,
        manifest: Some(manifest),
    });
    let leaving = gone.iter().map(|number| Coming {
        deployment: id(*number),
        manifest: None,
    });
    let coming: Vec<Coming<'_>> = arriving.chain(leaving).collect();
    let found =
        misfit(&coming, capacity).map(|misfit| (misfit.deployment.0[0], misfit.code, misfit.text));
    let expected = expected.map(|(number, code, text)| (number, code, String::from(text)));
    assert_eq!(found, expected);
}

#[test]
fn memory_is_counted_for_all_that_comes_and_all_that_goes() {
    let first = manifest(1, &[Some(600), None], b"1", &[]);
    let second = manifest(2, &[Some(300)], b"2", &[]);
    check(&[&first, &second], &[], &capacity(1000, 0, 3), None);
    let text = "it needs 300 bytes of memory, and 299 would be free";
    check(
        &[&first, &second],
        &[],
        &capacity(999, 0, 3),
        Some((2, ReasonCode::DoesNotFit, text)),
    );
    let mut full = capacity(99, 0, 3);
    full.freed = vec![
        Freed {
            deployment: id(2),
            ram_bytes: 500,
            containers: 1,
        },
        Freed {
            deployment: id(3),
            ram_bytes: 401,
            containers: 1,
        },
        Freed {
            deployment: id(4),
            ram_bytes: 9999,
            containers: 1,
        },
    ];
    check(&[&first, &second], &[3], &full, None);
    let text = "it needs 300 bytes of memory, and 200 would be free";
    full.freed[1].ram_bytes = 301;
    check(
        &[&first, &second],
        &[3],
        &full,
        Some((2, ReasonCode::DoesNotFit, text)),
    );
}

#[test]
fn containers_storage_and_grants_are_counted() {
    let first = manifest(1, &[None, None], b"1", &["fs", "gpio:led0"]);
    let text = "it needs 2 containers, and 1 could still be made";
    check(
        &[&first],
        &[],
        &capacity(1000, 0, 1),
        Some((1, ReasonCode::DoesNotFit, text)),
    );
    let second = manifest(2, &[None], b"1", &[]);
    let mut small = capacity(1000, 1002, 9);
    small.missing = vec![Digest::of(b"1"), Digest::of(b"config")];
    check(&[&first, &second], &[], &small, None);
    small.storage_bytes = 1001;
    let text = "it needs 1002 bytes of storage, and 1001 are free";
    check(
        &[&first, &second],
        &[],
        &small,
        Some((1, ReasonCode::DoesNotFit, text)),
    );

    let mut offering = capacity(1000, 1000, 9);
    offering.grants = Some(vec![String::from("fs"), String::from("gpio")]);
    check(&[&first], &[], &offering, None);
    offering.grants = Some(vec![String::from("fs"), String::from("gpio:led1")]);
    let text = "this device cannot give the grant `gpio:led0`";
    check(
        &[&first],
        &[],
        &offering,
        Some((1, ReasonCode::Unsupported, text)),
    );
}

#[test]
fn numbers_as_large_as_they_come_do_no_harm() {
    let huge = manifest(1, &[Some(u64::MAX), Some(u64::MAX)], b"1", &[]);
    let text =
        "it needs 18446744073709551615 bytes of memory, and 18446744073709551614 would be free";
    check(
        &[&huge],
        &[],
        &capacity(u64::MAX - 1, u64::MAX, u32::MAX),
        Some((1, ReasonCode::DoesNotFit, text)),
    );
}

#[test]
fn a_swap_of_memory_only_fits_whole() {
    let large = manifest(1, &[Some(600)], b"1", &[]);
    let small = manifest(2, &[Some(100)], b"2", &[]);
    let coming = [&large, &small].map(|manifest| Coming {
        deployment: manifest.deployment,
        manifest: Some(manifest),
    });
    let mut capacity = capacity(299, 0, 9);
    capacity.freed = vec![
        Freed {
            deployment: id(1),
            ram_bytes: 100,
            containers: 1,
        },
        Freed {
            deployment: id(2),
            ram_bytes: 500,
            containers: 1,
        },
    ];
    assert_eq!(misfit(&coming, &capacity), None);
    assert!(!fits_mixed(&coming, &capacity));
    capacity.ram_bytes = 500;
    assert!(fits_mixed(&coming, &capacity));
}

#[test]
fn every_blob_of_an_image_is_named() {
    let mut image = manifest(1, &[None], b"1", &[]).containers.remove(0).image;
    image.referrers.push(thimble_protocol::manifest::Blob {
        digest: Digest::of(b"signature"),
        bytes: 9,
    });
    let bytes: Vec<u32> = blobs(&image).map(|blob| blob.bytes).collect();
    assert_eq!(bytes, [1, 2, 1000, 9]);
}
