//! Flash that is worn, and bytes in it that nobody wrote.

use std::time::Duration;

use thimble_image::ImageConfig;
use thimble_serial::{Declaration, Policy, Reply, Request, RunState};

use crate::board::{Board, Image, declared};
use crate::guests;

fn board() -> Board {
    let mut board = Board::new();
    board.install("app:1", guests::IDLE, &ImageConfig::default());
    for name in ["one", "two"] {
        board.create(Declaration {
            restart: Policy::Always,
            ..declared(name, "app:1")
        });
    }
    board.run(Duration::from_millis(100));
    board
}

#[test]
fn a_container_that_cannot_be_read_is_told_and_the_rest_runs() {
    let mut board = board();
    let value = board.flash.dump()[b"cone".as_slice()].clone();
    for length in 0..value.len() {
        board.flash.set_record(b"cone", &value[..length]);
        board = board.reset();
        assert_eq!(board.names(), ["two"]);
        assert_eq!(board.state("two"), RunState::Running);
        let told = board.recovered();
        assert!(told.contains("container one: "), "{told}");
    }
    for place in 0..value.len() {
        let mut changed = value.clone();
        changed[place] ^= 0xff;
        board.flash.set_record(b"cone", &changed);
        board = board.reset();
        board.run(Duration::from_millis(10));
        assert_eq!(board.state("two"), RunState::Running);
    }
    // It can be created again, and removed.
    board.flash.set_record(b"cone", b"nonsense");
    board = board.reset();
    board.create(declared("one", "app:1"));
    board = board.reset();
    assert_eq!(board.recovered(), "");
    board.flash.set_record(b"cone", b"nonsense");
    board = board.reset();
    board.must(Request::Remove {
        name: "one".into(),
        force: false,
    });
    assert_eq!(board.reset().recovered(), "");
}

#[test]
fn records_that_nobody_wrote_are_survived() {
    let mut board = board();
    for key in [
        b"c".as_slice(),
        b"c\xff\xfe",
        b"cUPPER",
        b"c..",
        b"dx",
        b"dx\xff",
        b"dx../",
        b"nd",
        b"ndshort",
        b"nr",
        b"nr\xff",
        b"rone\0\0",
        b"rone\0\x01",
        b"rnobody\0\0",
    ] {
        for value in [b"".as_slice(), b"\x00", b"\x8b\x01", &[0xff; 300]] {
            board.flash.set_record(key, value);
        }
    }
    board = board.reset();
    board.run(Duration::from_millis(100));
    assert_eq!(board.names(), ["one", "two"]);
    assert_eq!(board.state("two"), RunState::Running);
    assert!(matches!(
        board.must(Request::Image {
            after: String::new()
        }),
        Reply::Image(_)
    ));
}

#[test]
fn every_damaged_byte_of_an_image_is_found() {
    let mut board = board();
    let image = Image::new(guests::IDLE, &ImageConfig::default());
    let length = {
        let dump = board.flash.dump();
        let stored = dump.iter().find(|(key, _)| key.starts_with(b"i"));
        stored.unwrap().1.len()
    };
    let pristine = board.flash.copy();
    // What only fills up to an alignment is nothing.
    let mut harmless = 0;
    for place in 0..length {
        board.flash = pristine.copy();
        board.flash.spoil_images(|bytes| bytes[place] ^= 0x10);
        board = board.reset();
        board.run(Duration::from_millis(10));
        if board.state("one") == RunState::Running {
            harmless += 1;
            continue;
        }
        let end = board.status("one").end.unwrap();
        assert!(
            end.reason.starts_with("cannot start: image sha256:")
                && end.reason.contains("is damaged in flash"),
            "{}",
            end.reason
        );
        assert_eq!(end.exit_code, 126);
    }
    assert!(harmless <= 7 + 63 + 63, "{harmless}");
    // It is installed over the damaged one, and what was to run runs by itself.
    assert!(matches!(
        image.install(&mut board, "app:1"),
        Reply::Installed { .. }
    ));
    board.run(Duration::from_secs(120));
    assert_eq!(board.state("one"), RunState::Running);
    assert_eq!(board.state("two"), RunState::Running);
}

#[test]
fn one_damaged_image_leaves_others_alone() {
    let mut board = board();
    board.install("other:1", guests::IDLE_TOO, &ImageConfig::default());
    board.create(Declaration {
        restart: Policy::Always,
        ..declared("other", "other:1")
    });
    let digest = board.status("one").digest;
    let key = hex(&digest[7..]);
    board
        .flash
        .set_record(&[b"nd".as_slice(), &key].concat(), b"gone");
    board = board.reset();
    board.run(Duration::from_millis(10));
    assert_eq!(board.state("other"), RunState::Running);
    assert_eq!(board.state("one"), RunState::Restarting);
    let refusal = board.refused(Request::Create {
        declaration: declared("three", &digest),
        replace: false,
    });
    assert!(refusal.message.contains("install it again"));
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|place| u8::from_str_radix(&text[place * 2..place * 2 + 2], 16).unwrap())
        .collect()
}
