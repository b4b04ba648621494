//! Images: installed, named, updated, removed.

use std::sync::atomic::Ordering;
use std::time::Duration;

use thimble_image::{Digest, ImageConfig};
use thimble_serial::{Declaration, ImageStatus, Policy, RefusalKind, Reply, Request, RunState};

use crate::board::{Board, Image, declared};
use crate::guests;

fn images(board: &mut Board) -> Vec<ImageStatus> {
    let mut images = Vec::new();
    let mut after = String::new();
    while let Reply::Image(status) = board.must(Request::Image {
        after: after.clone(),
    }) {
        after.clone_from(&status.digest);
        images.push(status);
    }
    images
}

#[test]
fn an_image_is_known_by_reference_digest_and_its_beginning() {
    let mut board = Board::new();
    let config = ImageConfig::default();
    let digest = board.install("docker.io/library/app", guests::IDLE, &config);
    let image = Image::new(guests::IDLE, &config);
    assert_eq!(digest, Digest::of(&image.manifest).to_string());
    let listed = images(&mut board);
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].references, ["app:latest"]);
    assert_eq!(listed[0].module_bytes, image.module.len() as u32);
    assert!(listed[0].table_bytes > 100);
    let names = [
        "app",
        "app:latest",
        "docker.io/library/app",
        &digest,
        &digest[..14],
        &digest[7..14],
    ];
    for name in names {
        board.create(declared("app", name));
        assert_eq!(images(&mut board)[0].used_by, 1);
        let refusal = board.refused(Request::RemoveImage { image: name.into() });
        assert_eq!(refusal.kind, RefusalKind::Conflict);
        board.must(Request::Remove {
            name: "app".into(),
            force: true,
        });
    }
    // It is there: nothing has to be sent, but it gets another name.
    let reply = image.install(&mut board, "app:2");
    assert_eq!(
        reply,
        Reply::Installed {
            digest: digest.clone()
        }
    );
    assert_eq!(images(&mut board)[0].references, ["app:2", "app:latest"]);
    board.must(Request::RemoveImage {
        image: "app:2".into(),
    });
    assert!(images(&mut board).is_empty());
    assert!(board.flash.dump().is_empty());
}

#[test]
fn an_update_moves_the_reference_and_containers_follow_when_replaced() {
    let mut board = Board::new();
    let config = ImageConfig::default();
    let old = board.install("app:1", guests::IDLE, &config);
    board.create(Declaration {
        restart: Policy::Always,
        ..declared("app", "app:1")
    });
    board.run(Duration::from_secs(1));
    let new = board.install("app:1", guests::IDLE_TOO, &config);
    assert_ne!(old, new);
    assert_eq!(board.status("app").digest, old);
    board = board.reset();
    assert_eq!(board.status("app").digest, old);
    board.must(Request::Create {
        declaration: declared("app", "app:1"),
        replace: true,
    });
    board.run(Duration::from_secs(1));
    let status = board.status("app");
    assert_eq!((status.digest, status.state), (new, RunState::Running));
    assert_eq!(status.end.unwrap().reason, "replaced");
    board.must(Request::RemoveImage { image: old });
}

#[test]
fn a_replacement_that_cannot_start_leaves_the_old_one_running() {
    let mut board = Board::new();
    let old = board.install("app:1", guests::IDLE, &ImageConfig::default());
    board.install("large:1", guests::LARGE, &ImageConfig::default());
    board.create(declared("app", "app:1"));
    board.run(Duration::from_secs(1));
    let before = board.flash.dump();
    let refusal = board.refused(Request::Create {
        declaration: declared("app", "large:1"),
        replace: true,
    });
    assert_eq!(refusal.kind, RefusalKind::NoRoom);
    assert!(refusal.message.contains("131072"), "{}", refusal.message);
    assert_eq!(board.flash.dump(), before);
    board.run(Duration::from_secs(1));
    let status = board.status("app");
    assert_eq!((status.digest, status.state), (old, RunState::Running));
}

/// A part of an image.
fn part(image: &Image, offset: usize, end: usize) -> Request {
    Request::InstallPart {
        offset: offset as u32,
        bytes: image.bytes()[offset..end].to_vec(),
    }
}

fn received(bytes: usize) -> Reply {
    Reply::Received {
        bytes: bytes as u32,
    }
}

#[test]
fn parts_come_twice_late_or_too_long() {
    let image = Image::new(guests::IDLE, &ImageConfig::default());
    let whole = image.bytes().len();
    // In the manifest, in the configuration and in the module.
    for base in [0, image.manifest.len(), whole - image.module.len()] {
        let mut board = Board::new();
        let part = |offset: usize, end: usize| part(&image, offset, end);
        assert_eq!(board.refused(part(0, 4)).kind, RefusalKind::Conflict);
        board.must(image.begin("app:1"));
        if base > 0 {
            assert_eq!(board.must(part(0, base)), received(base));
        }
        let at = |bytes: usize| base + bytes;
        assert_eq!(board.must(part(base, at(10))), received(at(10)));
        assert_eq!(board.must(part(base, at(10))), received(at(10)));
        assert_eq!(board.must(part(at(2), at(6))), received(at(10)));
        let refusal = board.refused(part(at(12), at(14)));
        let expected = format!("to begin at byte {}", at(10));
        assert!(refusal.message.contains(&expected), "{}", refusal.message);
        assert_eq!(board.must(part(at(5), at(20))), received(at(20)));
        let refusal = board.refused(Request::InstallEnd);
        let expected = format!("{} of the image's {whole}", at(20));
        assert!(
            refusal.message.starts_with(&expected),
            "{}",
            refusal.message
        );
        let refusal = board.refused(Request::InstallPart {
            offset: at(20) as u32,
            bytes: vec![0; whole],
        });
        assert_eq!(refusal.kind, RefusalKind::Invalid);
        // All of it again, and the rest.
        assert_eq!(board.must(part(0, whole)), received(whole));
        assert_eq!(board.must(part(at(1), whole)), received(whole));
        board.must(Request::InstallEnd);
        board.create(declared("app", "app:1"));
    }
}

#[test]
fn parts_may_straddle_the_ends_of_the_documents() {
    let image = Image::new(guests::IDLE, &ImageConfig::default());
    let whole = image.bytes().len();
    let first = image.manifest.len();
    let second = first + image.config.len();
    for part_bytes in [
        1,
        7,
        31,
        first - 1,
        first,
        first + 1,
        second,
        second + 1,
        whole,
    ] {
        let mut board = Board::new();
        let reply = image.install_in(part_bytes, &mut board, "app:1");
        assert!(matches!(reply, Reply::Installed { .. }), "{reply:?}");
        board.create(declared("app", "app:1"));
    }
}

#[test]
fn lengths_that_cannot_be_are_refused_with_numbers() {
    let image = Image::new(guests::IDLE, &ImageConfig::default());
    let mut board = Board::new();
    let before = board.flash.dump();
    let (manifest, config) = (image.manifest.len() as u32, image.config.len() as u32);
    let cases = [
        ([0, config, 8], "the manifest is empty"),
        ([manifest, 0, 8], "the configuration is empty"),
        (
            [4097, config, 8],
            "the manifest has 4097 bytes, more than the 4096",
        ),
        (
            [manifest, u32::MAX, 8],
            "the configuration has 4294967295 bytes, more than",
        ),
        ([manifest, config, u32::MAX], "more than any device has"),
    ];
    for ([manifest_bytes, config_bytes, layer_bytes], expected) in cases {
        let refusal = board.refused(Request::InstallBegin {
            manifest_bytes,
            config_bytes,
            layer_bytes,
            digest: Digest::of(&image.manifest).to_string(),
            reference: "app:1".into(),
        });
        assert_eq!(refusal.kind, RefusalKind::Image);
        assert!(refusal.message.contains(expected), "{}", refusal.message);
        // Nothing was begun.
        let refusal = board.refused(part(&image, 0, 4));
        assert_eq!(refusal.kind, RefusalKind::Conflict);
    }
    // Lengths that are wrong, but could be.
    let end = manifest + config + image.module.len() as u32;
    for (manifest_bytes, config_bytes) in [
        (manifest - 1, config),
        (manifest + 1, config),
        (manifest, config - 1),
        (manifest, config + 1),
        (config, manifest),
        (1, 1),
    ] {
        board.must(Request::InstallBegin {
            manifest_bytes,
            config_bytes,
            layer_bytes: end - manifest_bytes - config_bytes,
            digest: Digest::of(&image.manifest).to_string(),
            reference: "app:1".into(),
        });
        let refusal = board.refused(part(&image, 0, end as usize));
        assert_eq!(refusal.kind, RefusalKind::Image, "{}", refusal.message);
        let refusal = board.refused(part(&image, 0, end as usize));
        assert_eq!(refusal.kind, RefusalKind::Conflict);
        assert_eq!(board.flash.dump(), before);
    }
}

#[test]
fn a_digest_that_is_another_ones_or_none_is_refused() {
    let image = Image::new(guests::IDLE, &ImageConfig::default());
    let other = Image::new(guests::IDLE_TOO, &ImageConfig::default());
    let mut board = Board::new();
    let begin = |digest: String| Request::InstallBegin {
        manifest_bytes: image.manifest.len() as u32,
        config_bytes: image.config.len() as u32,
        layer_bytes: image.module.len() as u32,
        digest,
        reference: "app:1".into(),
    };
    for digest in ["", "sha256:12", "app:1"] {
        let refusal = board.refused(begin(digest.into()));
        assert_eq!(refusal.kind, RefusalKind::Invalid, "{}", refusal.message);
    }
    board.must(begin(Digest::of(&other.manifest).to_string()));
    let documents = image.manifest.len() + image.config.len();
    assert_eq!(
        board.must(part(&image, 0, documents - 1)),
        received(documents - 1)
    );
    let refusal = board.refused(part(&image, documents - 1, documents));
    assert_eq!(refusal.kind, RefusalKind::Image);
    assert!(
        refusal.message.contains("was to be installed"),
        "{}",
        refusal.message
    );
    assert!(board.flash.dump().is_empty());
    // It does not stand in the way of the next.
    board.install("app:1", guests::IDLE, &ImageConfig::default());
}

#[test]
fn what_is_wrong_with_an_image_is_said() {
    type Change = fn(&mut Image);
    let mut board = Board::new();
    let config = ImageConfig::default();
    let before = board.flash.dump();
    let cases: [(Change, &str); 7] = [
        (
            |image| image.module[20] ^= 1,
            "it was damaged on its way, send it again",
        ),
        (
            |image| image.config.push(b' '),
            "send the one that belongs to it",
        ),
        (|image| image.manifest.truncate(30), "the manifest: "),
        (|image| image.module.push(0), "bytes, the manifest says"),
        (
            |image| image.manifest = vec![b' '; 5000],
            "the manifest has 5000 bytes, more than the 4096 that this device reads",
        ),
        (
            |image| *image = Image::new(guests::STRANGE, &ImageConfig::default()),
            "unknown import `thimble.event_wait_for_ever`",
        ),
        (
            |image| {
                let config = ImageConfig {
                    grants: vec!["flying".into()],
                    ..ImageConfig::default()
                };
                *image = Image::new(guests::IDLE, &config);
            },
            "the image asks for what cannot be granted",
        ),
    ];
    for (change, expected) in cases {
        let mut image = Image::new(guests::IDLE, &config);
        change(&mut image);
        let Reply::Refused(refusal) = image.install(&mut board, "app:1") else {
            panic!("{expected}");
        };
        assert_eq!(refusal.kind, RefusalKind::Image, "{}", refusal.message);
        assert!(refusal.message.contains(expected), "{}", refusal.message);
        assert_eq!(board.flash.dump(), before);
    }
}

#[test]
fn other_platforms_are_refused() {
    let mut board = Board::new();
    let mut config = ImageConfig::default();
    config.platform.architecture = "arm64".into();
    let reply = Image::new(guests::IDLE, &config).install(&mut board, "app:1");
    let Reply::Refused(refusal) = reply else {
        panic!("{reply:?}");
    };
    assert!(refusal.message.contains("arm64"), "{}", refusal.message);
}

#[test]
fn another_firmware_prepares_its_images_again() {
    let mut board = Board::new();
    board.programs.is_old.store(true, Ordering::Relaxed);
    board.install("app:1", guests::IDLE, &ImageConfig::default());
    board.create(Declaration {
        restart: Policy::Always,
        ..declared("app", "app:1")
    });
    board.programs.is_old.store(false, Ordering::Relaxed);
    let before = board.flash.dump();
    board = board.reset();
    board.run(Duration::from_secs(1));
    assert_eq!(board.state("app"), RunState::Running);
    assert_ne!(board.flash.dump(), before);
    // Once: then it is this firmware's.
    board.flash.take_changes();
    board = board.reset();
    assert_eq!(board.state("app"), RunState::Running);
    assert_eq!(board.flash.take_changes(), 0);
}
