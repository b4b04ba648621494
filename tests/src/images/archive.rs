//! `thimble save` and `load`, with skopeo and umoci as judges.

use std::process::Stdio;

use thimble_testkit::registry::tool;

use super::device::{Device, exits};

#[test]
fn an_archive_carries_images_to_another_device() {
    let (maker, device) = (Device::new(), Device::new());
    let one = maker.build("one:1", &exits(1, "one"));
    maker.build("example.org/two:2", &exits(2, "two"));
    let archive = maker.place.path().join("images.tar");
    let archive = archive.to_str().unwrap();
    maker.ok(&["save", "-o", archive, "one:1", "example.org/two:2"]);
    let loaded = device.ok(&["load", "-i", archive]);
    assert!(loaded.contains(&format!("one:1: {one}")), "{loaded}");
    assert_eq!(device.run(&["run", "one:1"]).code, 1);
    assert_eq!(device.run(&["run", "example.org/two:2"]).code, 2);
    // The same content, the same bytes.
    let again = maker.place.path().join("again.tar");
    device.ok(&[
        "save",
        "-o",
        again.to_str().unwrap(),
        "one:1",
        "example.org/two:2",
    ]);
    assert_eq!(
        std::fs::read(archive).unwrap(),
        std::fs::read(again).unwrap()
    );
}

#[test]
fn an_archive_goes_through_a_pipe() {
    let (maker, device) = (Device::new(), Device::new());
    maker.build("one:1", &exits(1, "one"));
    let mut save = maker.command(&["save", "one:1"]).spawn().unwrap();
    let mut load = device.command(&["load"]);
    load.stdin(Stdio::from(save.stdout.take().unwrap()));
    let outcome = crate::command::end(load.spawn().unwrap());
    assert_eq!(outcome.code, 0, "{outcome:?}");
    assert!(save.wait().unwrap().success());
    assert_eq!(device.run(&["run", "one:1"]).code, 1);
}

#[test]
fn skopeo_and_umoci_read_the_store_in_place() {
    let device = Device::new();
    let digest = device.build("localhost:5000/line1/one:1", &exits(1, "one"));
    let image = format!(
        "oci:{}:localhost:5000/line1/one:1",
        device.images().display()
    );
    let raw = tool("skopeo", &["inspect", "--raw", &image], device.place.path());
    let found = thimble_image::Digest::of(raw.as_bytes());
    assert_eq!(found.to_string(), digest);
    let list = tool(
        "umoci",
        &["list", "--layout", device.images().to_str().unwrap()],
        device.place.path(),
    );
    assert!(list.contains("localhost:5000/line1/one:1"), "{list}");
}

#[test]
fn skopeo_copies_archives_and_folders_both_ways() {
    let device = Device::new();
    let folder = device.place.path();
    let digest = device.build("one:1", &exits(1, "one"));
    device.ok(&["save", "-o", "ours.tar", "one:1"]);
    device.ok(&["save", "--format", "oci-dir", "-o", "ours", "one:1"]);
    for (from, name) in [("oci-archive:ours.tar", "a"), ("oci:ours", "b")] {
        tool(
            "skopeo",
            &["copy", from, &format!("oci-archive:{name}.tar:{name}:1")],
            folder,
        );
        tool(
            "skopeo",
            &["copy", from, &format!("oci:{name}:{name}:1")],
            folder,
        );
        let other = Device::new();
        for path in [folder.join(format!("{name}.tar")), folder.join(name)] {
            other.ok(&["load", "-i", path.to_str().unwrap(), "-t", "theirs:1"]);
            assert_eq!(other.run(&["run", "theirs:1"]).code, 1);
            assert_eq!(other.json(&["images"])[0]["digest"], *digest);
        }
    }
}

#[test]
fn archives_that_lie_leave_nothing_behind() {
    let device = Device::new();
    device.build("one:1", &exits(1, "one"));
    device.ok(&["save", "-o", "good.tar", "one:1"]);
    let good = std::fs::read(device.place.path().join("good.tar")).unwrap();
    let other = Device::new();
    let mut cut = good.clone();
    cut.truncate(good.len() / 2);
    let mut damaged = good.clone();
    // A byte of a blob, not of a header: what the digest is about.
    let at = good.windows(4).position(|bytes| bytes == b"\0asm").unwrap();
    damaged[at + 4] ^= 1;
    for (name, bytes) in [
        ("cut.tar", cut),
        ("damaged.tar", damaged),
        ("text.tar", b"hello".to_vec()),
        ("empty.tar", vec![]),
    ] {
        let path = other.place.file(name, bytes);
        other.refused(125, &[name], &["load", "-i", path.to_str().unwrap()]);
    }
    other.refused(125, &["no-such.tar"], &["load", "-i", "no-such.tar"]);
    assert_eq!(other.json(&["images"]).as_array().unwrap().len(), 0);
    assert!(other.store().check().unwrap().is_empty());
}
