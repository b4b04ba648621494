//! The conformance guests on every board: the same modules as on Linux, the same output.
//!
//! Four groups need what a device does not give: `directories` folders that somebody filled, `streams` a standard input,
//! `tcp` a listener that is open from the start, `refused` a folder that it may not use. The last two run on the same machine
//! and network in `tests/src/microcontroller.rs`.

use thimble_image::ImageConfig;
use thimble_serial::{Declaration, LimitOverrides};
use thimble_testkit::guests::last_line;
use thimble_tests_boards::{Board, Outcome, Packed, Rig, Setup, guests};

/// Makes tests on each board of a function that takes one.
macro_rules! on_every_board {
    ($($test:ident)*) => { $(
        mod $test {
            #[test]
            fn m4f() {
                super::$test(thimble_tests_boards::Board::M4f);
            }

            #[test]
            fn m33() {
                super::$test(thimble_tests_boards::Board::M33);
            }

            #[test]
            fn rv32() {
                super::$test(thimble_tests_boards::Board::Rv32);
            }
        }
    )* };
}
pub(crate) use on_every_board;

on_every_board! { every_group_passes }

/// A group of checks: its guest, what it is granted, and lines that the operator must be told.
struct Group {
    name: &'static str,
    grants: &'static [&'static str],
    volumes: &'static [&'static str],
    told: &'static [&'static str],
}

const GROUPS: [Group; 7] = [
    Group {
        name: "files",
        grants: &["fs"],
        volumes: &["/data"],
        told: &[],
    },
    Group {
        name: "process",
        grants: &[],
        volumes: &[],
        told: &[],
    },
    Group {
        name: "udp",
        grants: &["net"],
        volumes: &[],
        told: &[],
    },
    Group {
        name: "options",
        grants: &[],
        volumes: &[],
        told: &[],
    },
    Group {
        name: "env",
        grants: &[
            "timer",
            "gpio:led0",
            "gpio:sw0",
            "sensor:temp",
            "sensor:climate",
            "bus.pub:conform/#",
            "bus.sub:conform/#",
        ],
        volumes: &[],
        told: &[],
    },
    Group {
        name: "thimble",
        grants: &[
            "timer",
            "kv",
            "gpio:led0",
            "gpio:sw0",
            "sensor:climate",
            "bus.pub:conform/#",
            "bus.sub:conform/#",
        ],
        volumes: &[],
        told: &["info: a line of the log", "refused sensor:temp;"],
    },
    Group {
        name: "limits",
        grants: &["fs", "net", "timer", "kv", "bus.pub:#", "bus.sub:#"],
        volumes: &["/data"],
        told: &[
            "bytes of memory, the limit is 1048576",
            "limit of descriptors",
            "limit of sockets",
            "limit of timers",
            "limit of subscriptions",
            "limit of message_bytes",
            "limit of store_bytes",
        ],
    },
];

fn limits(group: &str) -> LimitOverrides {
    let roomy = LimitOverrides {
        memory_bytes: Some(2 << 20),
        stack_bytes: Some(32 << 10),
        log_bytes: Some(16 << 10),
        descriptors: Some(64),
        sockets: Some(16),
        timers: Some(64),
        subscriptions: Some(64),
        queue_messages: Some(64),
        message_bytes: Some(128 << 10),
        storage_bytes: Some(512 << 10),
        key_value_bytes: Some(32 << 10),
        ..LimitOverrides::default()
    };
    match group {
        "limits" => LimitOverrides {
            memory_bytes: Some(1 << 20),
            descriptors: Some(8),
            sockets: Some(2),
            timers: Some(3),
            subscriptions: Some(2),
            queue_messages: Some(3),
            message_bytes: Some(64),
            key_value_bytes: Some(256),
            ..roomy
        },
        _ => roomy,
    }
}

/// The image of a guest: the module as it was built, and where it wants its volumes.
fn image(group: &Group) -> Packed {
    let module = std::fs::read(guests::guest(&format!("conform-{}", group.name))).unwrap();
    let volumes = group.volumes.iter().map(|path| (*path).to_owned());
    Packed::assembled(
        &module,
        ImageConfig {
            volumes: volumes.collect(),
            ..ImageConfig::default()
        },
    )
}

fn run(rig: &mut Rig, group: &Group) -> Outcome {
    let digest = rig
        .install(&image(group), &format!("{}:1", group.name))
        .unwrap();
    let mut declaration = Declaration {
        name: group.name.to_owned(),
        image: digest,
        grants: group
            .grants
            .iter()
            .map(|grant| (*grant).to_owned())
            .collect(),
        limits: limits(group.name),
        timeout_ms: Some(60_000),
        ..Declaration::default()
    };
    if group.name == "process" {
        declaration.args = Some(["", "two words", "π"].map(String::from).into());
        declaration.env = ["A=bc", "EMPTY="].map(String::from).into();
    }
    rig.run(declaration).unwrap()
}

fn every_group_passes(board: Board) {
    // One group writes a file of 300,000 bytes.
    let setup = Setup {
        words: vec!["flash_size=8M".to_owned(), "records=2048".to_owned()],
        ..Setup::default()
    };
    let mut rig = Rig::start(board, setup).unwrap();
    for group in &GROUPS {
        let outcome = run(&mut rig, group);
        let name = group.name;
        assert_eq!(outcome.code(), 0, "{name}: {outcome:#?}");
        assert!(
            outcome
                .output
                .ends_with(&last_line(&guests::repository(), name)),
            "{name}: {outcome:#?}"
        );
        for line in group.told {
            assert!(
                outcome.told.iter().any(|told| told.contains(line)),
                "{name} {line}: {outcome:#?}"
            );
        }
    }
}
