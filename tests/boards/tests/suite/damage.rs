//! Flash that holds what nobody wrote, on the real firmware: it starts, says what it found, and the rest runs.

use std::fs;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;
use thimble_image::ImageConfig;
use thimble_serial::{Declaration, Policy, RefusalKind, Request, RunState};
use thimble_testkit::random::{Random, seed};
use thimble_tests_boards::sim::guests;
use thimble_tests_boards::{Board, Packed, Rig, Setup};

use super::conformance::on_every_board;

on_every_board! {
    foreign_bytes_are_told_and_overwritten
    a_damaged_image_is_told_and_mended
}

const FLASH_BYTES: usize = 256 << 10;

fn setup() -> Setup {
    Setup {
        words: vec!["flash_size=256K".to_owned()],
        ..Setup::default()
    }
}

fn declared(name: &str, image: &str) -> Declaration {
    Declaration {
        name: name.to_owned(),
        image: image.to_owned(),
        restart: Policy::Always,
        ..Declaration::default()
    }
}

fn idle(version: u32) -> Packed {
    guests::image(&guests::idle(version, 3000), ImageConfig::default()).unwrap()
}

fn start(board: Board, flash: &Path) -> Rig {
    let rig = Rig::start_with_flash(board, setup(), flash).unwrap();
    assert!(!rig.heard.text().contains("fault"), "{}", rig.heard.text());
    rig
}

/// It takes an image, runs it, and has it after the next start.
fn works(mut rig: Rig) -> Rig {
    rig.install(&idle(9), "works:1").unwrap();
    rig.client
        .create(declared("works", "works:1"), false)
        .unwrap();
    rig = rig.power_cycle().unwrap();
    assert_eq!(
        rig.client.inspect("works").unwrap().state,
        RunState::Running
    );
    assert!(
        rig.heard.text().contains("1 images"),
        "{}",
        rig.heard.text()
    );
    rig
}

/// What an SD card with a FAT file system begins with, and what a FAT is like.
fn file_system() -> Vec<u8> {
    let mut bytes = vec![0; FLASH_BYTES];
    bytes[..11].copy_from_slice(b"\xeb\x3c\x90MSDOS5.0");
    bytes[510..512].copy_from_slice(b"\x55\xaa");
    for (place, byte) in bytes.iter_mut().enumerate().skip(512).take(40_000) {
        *byte = u8::try_from(place % 251).unwrap();
    }
    bytes
}

fn foreign_bytes_are_told_and_overwritten(board: Board) {
    let mut random = Random::new(seed(1));
    let folder = TempDir::new().unwrap();
    let flash = folder.path().join("flash.img");
    let cases = [
        random.bytes(FLASH_BYTES),
        file_system(),
        vec![0x55; FLASH_BYTES],
    ];
    for bytes in cases {
        fs::write(&flash, &bytes).unwrap();
        let mut rig = start(board, &flash);
        let greeting = rig.heard.text();
        assert!(
            greeting.contains("storage: no log, begins empty"),
            "{greeting}"
        );
        assert!(
            greeting.contains("damaged or foreign blocks ignored"),
            "{greeting}"
        );
        let recovered = rig.device().unwrap().recovered;
        assert!(greeting.contains(&recovered), "{recovered}: {greeting}");
        assert!(rig.client.containers().unwrap().is_empty());
        drop(works(rig));
    }
}

/// A device with two images, each with a container, and what its flash holds then.
fn prepared(board: Board, flash: &Path) -> Vec<u8> {
    let mut rig = start(board, flash);
    for (version, name) in [(1, "one"), (2, "two")] {
        let reference = format!("{name}:1");
        rig.install(&idle(version), &reference).unwrap();
        rig.client
            .create(declared(name, &reference), false)
            .unwrap();
    }
    drop(rig);
    fs::read(flash).unwrap()
}

/// Where these bytes lie.
fn find(flash: &[u8], bytes: &[u8]) -> usize {
    flash
        .windows(bytes.len())
        .position(|window| window == bytes)
        .unwrap()
}

fn a_damaged_image_is_told_and_mended(board: Board) {
    let folder = TempDir::new().unwrap();
    let flash = folder.path().join("flash.img");
    let pristine = prepared(board, &flash);
    let image = idle(1);
    for (what, part) in [
        ("its module or side table was changed", &image.layer),
        ("its configuration was changed", &image.config),
        ("its manifest was changed", &image.manifest),
    ] {
        let mut bytes = pristine.clone();
        let at = find(&bytes, part);
        bytes[at + part.len() / 2] ^= 0x20;
        fs::write(&flash, &bytes).unwrap();
        let mut rig = start(board, &flash);
        assert_eq!(rig.client.inspect("two").unwrap().state, RunState::Running);
        let status = rig.client.inspect("one").unwrap();
        assert_eq!(status.state, RunState::Restarting);
        let end = status.end.unwrap();
        // A record keeps the beginning of it.
        assert!(
            end.reason.starts_with("cannot start: image sha256:"),
            "{}",
            end.reason
        );
        assert!(end.reason.contains("is damaged in flash"), "{}", end.reason);
        let error = rig
            .client
            .create(declared("three", "one:1"), false)
            .unwrap_err();
        let refusal = error.refusal().unwrap();
        assert_eq!(refusal.kind, RefusalKind::Image);
        assert!(
            refusal.message.contains(what) && refusal.message.ends_with("install it again"),
            "{}",
            refusal.message
        );
        assert_eq!(rig.install(&image, "one:1").unwrap(), image.digest());
        rig.client
            .done(&Request::Restart {
                name: "one".to_owned(),
            })
            .unwrap();
        assert_eq!(rig.client.inspect("one").unwrap().state, RunState::Running);
    }
}

/// Whatever bytes are flipped: it starts, and what it still has is whole; a factory reset makes it as new.
#[test]
fn flipped_bytes_never_keep_a_device_from_starting() {
    let mut random = Random::new(seed(2));
    let folder = TempDir::new().unwrap();
    let flash = folder.path().join("flash.img");
    let pristine = prepared(Board::M4f, &flash);
    let log_bytes = FLASH_BYTES / 8;
    for round in 0..24 {
        let mut bytes = pristine.clone();
        // In the log, or anywhere; few of them, or many.
        let region = if round % 2 == 0 {
            log_bytes
        } else {
            FLASH_BYTES / 3
        };
        for _ in 0..1 << (round % 7) {
            let at = random.index(region);
            bytes[at] ^= 1 << random.below(8);
        }
        fs::write(&flash, &bytes).unwrap();
        let mut rig = start(Board::M4f, &flash);
        let device = rig.device().unwrap();
        for container in rig.client.containers().unwrap() {
            let name = &container.declaration.name;
            assert!(name == "one" || name == "two", "{container:?}");
            let is_well = container.state == RunState::Running
                || container
                    .end
                    .as_ref()
                    .is_some_and(|end| end.reason.starts_with("cannot start: "));
            assert!(
                is_well,
                "round {round}: {container:?}; {}",
                device.recovered
            );
        }
        rig.client.images().unwrap();
        if round % 6 == 5 {
            reset(&mut rig);
            drop(works(start_again(rig)));
        }
    }
}

fn reset(rig: &mut Rig) {
    rig.client.done(&Request::FactoryReset).unwrap();
}

/// After a reset of its own, which the operator hears of.
fn start_again(mut rig: Rig) -> Rig {
    for _ in 0..400 {
        let device = rig.device();
        if device.is_ok_and(|device| device.started_by == "restart") {
            assert!(rig.client.images().unwrap().is_empty());
            assert!(rig.client.containers().unwrap().is_empty());
            return rig;
        }
        rig.client.idle(Duration::from_millis(10)).unwrap();
    }
    panic!("it does not start again: {}", rig.heard.text());
}

#[test]
fn a_reset_to_the_factory_leaves_nothing() {
    let folder = TempDir::new().unwrap();
    let flash = folder.path().join("flash.img");
    prepared(Board::M4f, &flash);
    let mut rig = start(Board::M4f, &flash);
    reset(&mut rig);
    let rig = start_again(rig);
    assert!(
        rig.heard.text().contains("started by restart"),
        "{}",
        rig.heard.text()
    );
    drop(works(rig));
}

/// A file that ends too early is flash that is erased from there on.
#[test]
fn a_flash_that_is_cut_off_is_told() {
    let folder = TempDir::new().unwrap();
    let flash = folder.path().join("flash.img");
    let pristine = prepared(Board::M4f, &flash);
    for length in [100, 5000, 20_000, FLASH_BYTES / 8 + 4096 + 10] {
        fs::write(&flash, &pristine[..length]).unwrap();
        let mut rig = start(Board::M4f, &flash);
        for container in rig.client.containers().unwrap() {
            assert!(
                matches!(container.state, RunState::Running | RunState::Restarting),
                "{container:?}"
            );
        }
    }
}
