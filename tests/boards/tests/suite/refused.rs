//! What a device refuses, and how it says so: wrong images, too much, and noise.

use std::time::Duration;

use thimble_image::ImageConfig;
use thimble_image::config::LimitRequest;
use thimble_serial::{Declaration, Policy, RefusalKind, Request, RunState};
use thimble_testkit::random::{Random, seed};
use thimble_tests_boards::sim::guests;
use thimble_tests_boards::{Board, Packed, Rig, Setup};

/// Asserts that an image is refused with this text, and that nothing of it is left.
#[track_caller]
fn refused(rig: &mut Rig, packed: &Packed, kind: RefusalKind, expected: &str) {
    let error = rig.install(packed, "wrong:1").unwrap_err();
    let refusal = error.refusal().unwrap_or_else(|| panic!("{error}"));
    assert!(refusal.message.contains(expected), "{}", refusal.message);
    assert_eq!(refusal.kind, kind, "{}", refusal.message);
    assert!(rig.client.images().unwrap().is_empty());
}

fn text(module: &str) -> Packed {
    guests::image(module, ImageConfig::default()).unwrap()
}

/// A module with one function of these instructions.
fn binary(body: &[u8]) -> Packed {
    let mut module = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x05\x03\x01\0\x01\x07\x0a\x01\x06_start\0\0".to_vec();
    let length = u8::try_from(body.len()).unwrap();
    module.extend_from_slice(&[0x0a, length + 4, 1, length + 2, 0]);
    module.extend_from_slice(body);
    module.push(0x0b);
    Packed::assembled(&module, ImageConfig::default())
}

#[test]
fn wrong_images_are_refused_with_a_reason() {
    let mut rig = Rig::start(Board::M4f, Setup::default()).unwrap();
    let wrong = |bytes: &[u8]| Packed::assembled(bytes, ImageConfig::default());
    let cases: &[(Packed, &str)] = &[
        (wrong(b"#!/bin/sh\necho hello\n"), "the module: "),
        (
            wrong(b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0"),
            "the module: ",
        ),
        (wrong(b"\0asm\x0d\0\x01\0"), "the module: "),
        (wrong(b"\0asm\x01\0\0\0\x01\x7f"), "the module: "),
        // v128.const, drop
        (
            binary(&[&[0xfd, 0x0c][..], &[0; 16], &[0x1a]].concat()),
            "SIMD",
        ),
        // i32.atomic.load
        (binary(&[0x41, 0, 0xfe, 0x10, 2, 0, 0x1a]), "threads"),
        // A memory that is shared, and one with addresses of 64 bits.
        (wrong(b"\0asm\x01\0\0\0\x05\x04\x01\x03\x01\x01"), "threads"),
        (wrong(b"\0asm\x01\0\0\0\x05\x03\x01\x04\x01"), "64-bit"),
        (
            text(
                r#"(module (import "thimble" "event_wait_for_ever" (func (param i64))) (memory (export "memory") 1) (func (export "_start")))"#,
            ),
            "unknown import `thimble.event_wait_for_ever`",
        ),
        (
            text(
                r#"(module (import "thimble" "kv_set" (func (param i64))) (memory (export "memory") 1) (func (export "_start")))"#,
            ),
            "import `thimble.kv_set` is declared as",
        ),
        // A function that leaves nothing where it should leave a number.
        (binary(&[0x41]), "invalid WebAssembly"),
    ];
    for (packed, expected) in cases {
        refused(&mut rig, packed, RefusalKind::Image, expected);
    }
    let good = || text(&guests::idle(1, 40));
    let mut packed = good();
    packed.layer[20] ^= 1;
    refused(
        &mut rig,
        &packed,
        RefusalKind::Image,
        "it was damaged on its way, send it again",
    );
    let mut packed = good();
    packed.config.push(b' ');
    refused(
        &mut rig,
        &packed,
        RefusalKind::Image,
        "send the one that belongs to it",
    );
    let mut packed = good();
    packed.manifest[10] = b'?';
    refused(&mut rig, &packed, RefusalKind::Image, "the manifest: ");
    let mut packed = good();
    packed.layer.push(0);
    refused(
        &mut rig,
        &packed,
        RefusalKind::Image,
        "bytes, the manifest says",
    );
    let large = guests::image(
        &guests::idle(1, 3 << 20).replace("\"memory\") 1)", "\"memory\") 64)"),
        ImageConfig::default(),
    )
    .unwrap();
    refused(
        &mut rig,
        &large,
        RefusalKind::NoRoom,
        "remove images that nobody needs",
    );
    // After all of that the right one goes in, and runs.
    rig.install(&good(), "good:1").unwrap();
    let declaration = Declaration {
        name: "good".to_owned(),
        image: "good:1".to_owned(),
        ..Declaration::default()
    };
    rig.client.create(declaration, false).unwrap();
    assert_eq!(rig.client.inspect("good").unwrap().state, RunState::Running);
}

#[test]
fn a_full_store_refuses_with_numbers_and_takes_again_what_was_made_room_for() {
    let setup = Setup {
        words: vec!["flash_size=256K".to_owned()],
        ..Setup::default()
    };
    let mut rig = Rig::start(Board::M4f, setup).unwrap();
    let image =
        |version| guests::image(&guests::idle(version, 20_000), ImageConfig::default()).unwrap();
    let mut digests = Vec::new();
    let refusal = loop {
        let version = u32::try_from(digests.len()).unwrap();
        match rig.install(&image(version), &format!("app:{version}")) {
            Ok(digest) => digests.push(digest),
            Err(error) => {
                break error
                    .refusal()
                    .cloned()
                    .unwrap_or_else(|| panic!("{error}"));
            }
        }
        assert!(digests.len() < 20, "it is never full");
    };
    assert!(digests.len() > 3, "{digests:?}");
    assert_eq!(refusal.kind, RefusalKind::NoRoom);
    assert!(
        refusal.message.starts_with("no room for an image of ")
            && refusal.message.ends_with("remove images that nobody needs"),
        "{}",
        refusal.message
    );
    // What is full runs: nothing of the image that did not fit is left.
    assert_eq!(rig.client.images().unwrap().len(), digests.len());
    let declaration = Declaration {
        name: "runs".to_owned(),
        image: digests[1].clone(),
        restart: Policy::Always,
        ..Declaration::default()
    };
    rig.client.create(declaration, false).unwrap();
    rig = rig.power_cycle().unwrap();
    assert_eq!(rig.client.inspect("runs").unwrap().state, RunState::Running);
    let image_used = rig
        .client
        .done(&Request::RemoveImage {
            image: digests[1].clone(),
        })
        .unwrap_err();
    assert!(
        image_used
            .to_string()
            .contains("container runs needs the image; remove it first"),
        "{image_used}"
    );
    rig.client
        .done(&Request::RemoveImage {
            image: digests[0].clone(),
        })
        .unwrap();
    rig.install(&image(100), "app:100").unwrap();
}

/// Fills its store with values of 64 bytes until it is refused, says how many it has and the errno, deletes one, and
/// writes it again.
const FILLS: &str = r#"(module
  (import "thimble" "kv_set" (func $set (param i32 i32 i32 i32) (result i32)))
  (import "thimble" "kv_delete" (func $delete (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start") (local $count i32) (local $errno i32)
    (loop $next
      (i32.store (i32.const 16) (i32.add (i32.const 0x30303030) (local.get $count)))
      (local.set $errno (call $set (i32.const 16) (i32.const 4) (i32.const 256) (i32.const 64)))
      (if (i32.eqz (local.get $errno))
        (then
          (local.set $count (i32.add (local.get $count) (i32.const 1)))
          (br_if $next (i32.lt_u (local.get $count) (i32.const 200))))))
    ;; no space, and not before there is something
    (if (i32.ne (local.get $errno) (i32.const -51)) (then (call $exit (i32.sub (i32.const 0) (local.get $errno)))))
    (if (i32.lt_u (local.get $count) (i32.const 10)) (then (call $exit (i32.const 100))))
    (i32.store (i32.const 16) (i32.const 0x30303030))
    (if (call $delete (i32.const 16) (i32.const 4)) (then (call $exit (i32.const 101))))
    (if (call $set (i32.const 16) (i32.const 4) (i32.const 256) (i32.const 64)) (then (call $exit (i32.const 102))))))"#;

#[test]
fn a_full_store_of_values_says_so_to_its_container_only() {
    let setup = Setup {
        words: vec!["flash_size=256K".to_owned()],
        ..Setup::default()
    };
    let mut rig = Rig::start(Board::M4f, setup).unwrap();
    let config = ImageConfig {
        limits: LimitRequest {
            key_value_bytes: Some(2000),
            ..LimitRequest::default()
        },
        ..ImageConfig::default()
    };
    rig.install(&guests::image(FILLS, config).unwrap(), "fills:1")
        .unwrap();
    let declaration = |name: &str| Declaration {
        name: name.to_owned(),
        image: "fills:1".to_owned(),
        grants: vec!["kv".to_owned()],
        ..Declaration::default()
    };
    for name in ["one", "two"] {
        let outcome = rig.run(declaration(name)).unwrap();
        assert_eq!(outcome.code(), 0, "{outcome:?}");
    }
    // It can be removed with all that it has, and another one has as much room.
    let before = rig.device().unwrap();
    rig.client
        .done(&Request::Remove {
            name: "one".to_owned(),
            force: false,
        })
        .unwrap();
    let outcome = rig.run(declaration("three")).unwrap();
    assert_eq!(outcome.code(), 0, "{outcome:?}");
    assert!(!before.has_fault);
}

#[test]
fn noise_on_the_line_is_survived() {
    let mut random = Random::new(seed(11));
    let mut rig = Rig::start(Board::M4f, Setup::default()).unwrap();
    for round in 0..12_u32 {
        let bytes: Vec<u8> = match round % 6 {
            0 => random.bytes(700),
            1 => vec![0; 300],
            // The beginning of a frame, and nothing more.
            2 => [
                &[0, 5, 0x11][..],
                &random
                    .bytes(40)
                    .iter()
                    .map(|byte| byte | 1)
                    .collect::<Vec<u8>>(),
            ]
            .concat(),
            3 => b"what is this\r\n".repeat(120),
            4 => [vec![b'x'; 5000], vec![b'\r']].concat(),
            _ => (0..200)
                .flat_map(|_| [0x00, 0x1b, b'[', b'A', 0xff])
                .collect(),
        };
        rig.client.type_bytes(&bytes).unwrap();
        let device = rig
            .device()
            .unwrap_or_else(|error| panic!("round {round}: {error}"));
        assert!(!device.has_fault, "round {round}");
    }
    // A person is answered, too.
    rig.client.type_bytes(b"\x03\rhelp\r").unwrap();
    for _ in 0..100 {
        rig.client.idle(Duration::from_millis(20)).unwrap();
        if rig.heard.text().contains("keep containers from running") {
            return;
        }
    }
    panic!("help is no help: {}", rig.heard.text());
}
