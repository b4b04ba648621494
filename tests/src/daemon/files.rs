//! Volumes, and copying into and out of them.

use std::io::{Cursor, Read as _};

use thimble_device_api::{ContainerSpec, Mount, MountKind, ProblemKind};
use thimble_image::ImageConfig;

use super::device::{Device, problem};
use super::guests::{IDLE, plain};

fn mounted(kind: MountKind, source: &str) -> ContainerSpec {
    ContainerSpec {
        mounts: vec![Mount {
            kind,
            source: source.to_owned(),
            target: "/data".to_owned(),
            read_only: false,
        }],
        ..Device::spec("idle")
    }
}

fn archive(name: &str, content: &[u8]) -> Cursor<Vec<u8>> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(u64::try_from(content.len()).unwrap());
    header.set_mode(0o644);
    builder.append_data(&mut header, name, content).unwrap();
    Cursor::new(builder.into_inner().unwrap())
}

fn content(device: &Device, container: &str, path: &str) -> Vec<u8> {
    let client = device.client();
    let mut archive = tar::Archive::new(client.files(container, path).unwrap());
    let mut entry = archive.entries().unwrap().next().unwrap().unwrap();
    let mut content = Vec::new();
    entry.read_to_end(&mut content).unwrap();
    content
}

#[test]
fn files_are_copied_in_and_out_and_outlive_the_container() {
    let device = Device::started();
    device.image("idle", IDLE, plain());
    let client = device.client();
    device.run("first", mounted(MountKind::Volume, "measurements"));
    client
        .put_files("first", "/data/deep", archive("a.txt", b"one"))
        .unwrap();
    assert_eq!(content(&device, "first", "/data/deep/a.txt"), b"one");
    client.remove("first", true, false).unwrap();
    device.run("second", mounted(MountKind::Volume, "measurements"));
    assert_eq!(content(&device, "second", "/data/deep/a.txt"), b"one");

    let volumes = client.volumes().unwrap();
    assert_eq!(volumes.len(), 1);
    assert_eq!(volumes[0].containers, ["second"]);
    assert!(volumes[0].used_bytes >= 3);
    assert_eq!(
        problem(client.remove_volume("measurements")).kind,
        ProblemKind::InUse
    );
    assert_eq!(
        problem(client.files("second", "/etc/passwd").map(|_| ())).kind,
        ProblemKind::NoSuchFile
    );
    assert_eq!(
        problem(client.files("second", "/data/../etc").map(|_| ())).kind,
        ProblemKind::NoSuchFile
    );
    let bad = client.put_files(
        "second",
        "/data",
        Cursor::new(b"no archive at all".repeat(100)),
    );
    assert_eq!(problem(bad).kind, ProblemKind::Invalid);
    client.remove("second", true, true).unwrap();
    assert_eq!(client.volumes().unwrap(), []);
}

#[test]
fn an_image_gets_the_volumes_that_it_expects() {
    let device = Device::started();
    let config = ImageConfig {
        volumes: vec!["/var/lib".to_owned()],
        ..ImageConfig::default()
    };
    device.image("idle", IDLE, config);
    device.run("app", Device::spec("idle"));
    let volumes = device.client().volumes().unwrap();
    assert_eq!(volumes[0].name, "app.var-lib");
    device.client().remove("app", true, true).unwrap();
    assert_eq!(device.client().volumes().unwrap(), []);
}

#[test]
fn folders_of_the_device_are_given_only_where_its_owner_said_so() {
    let shared = tempfile::tempdir().unwrap();
    let private = tempfile::tempdir().unwrap();
    let mut device = Device::new();
    device.set(&format!(
        "supervisor = false\nfolders = [{:?}]",
        shared.path()
    ));
    device.start();
    device.image("idle", IDLE, plain());
    device.run(
        "allowed",
        mounted(MountKind::Bind, shared.path().to_str().unwrap()),
    );
    let client = device.client();
    client
        .put_files("allowed", "/data", archive("a.txt", b"here"))
        .unwrap();
    assert_eq!(std::fs::read(shared.path().join("a.txt")).unwrap(), b"here");
    let spec = ContainerSpec {
        name: Some("refused".into()),
        ..mounted(MountKind::Bind, private.path().to_str().unwrap())
    };
    let refused = problem(client.create(&spec, true));
    assert_eq!(refused.kind, ProblemKind::Invalid);
    assert!(refused.detail.contains("thimble.toml"), "{refused}");
}
