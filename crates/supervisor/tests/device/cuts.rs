//! Power that goes at every change of storage: what comes back is old or new, and runs by itself.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use thimble_image::ImageConfig;
use thimble_serial::{Declaration, Policy, RefusalKind, Reply, Request, RunState};

use crate::board::{Board, Image, Start, declared};
use crate::guests;
use crate::storage::Fuse;

/// Keys and values that are stored.
type Contents = BTreeMap<Vec<u8>, Vec<u8>>;

/// A device with an image, and one container that runs.
fn prepared() -> Board {
    let mut board = Board::new();
    prepare(&mut board);
    board
}

fn prepare(board: &mut Board) {
    let config = ImageConfig {
        volumes: vec!["/data".into()],
        ..ImageConfig::default()
    };
    board.install("app:1", guests::IDLE, &config);
    board.create(Declaration {
        restart: Policy::Always,
        ..declared("app", "app:1")
    });
    board.run(Duration::from_millis(50));
}

/// Goes through an operation with power that goes at each of its changes, made or not, and looks at what is there then.
fn check(name: &str, operate: impl Fn(&mut Board), look: impl Fn(&mut Board, bool)) {
    check_from(name, &prepared(), operate, look);
}

/// As [`check`], from another beginning.
fn check_from(
    name: &str,
    board: &Board,
    operate: impl Fn(&mut Board),
    look: impl Fn(&mut Board, bool),
) {
    let volumes = board.volumes.lock().unwrap().clone();
    let fresh = || {
        Board::start(Start {
            flash: board.flash.copy(),
            volumes: Arc::new(Mutex::new(volumes.clone())),
            ..Start::default()
        })
    };
    let old: Contents = board.flash.dump();
    let (new, changes) = {
        let mut board = fresh();
        board.flash.take_changes();
        operate(&mut board);
        let changes = board.flash.take_changes();
        (board.reset().flash.dump(), changes)
    };
    assert!(changes > 0, "{name} changes nothing");
    let mut seen = [0, 0];
    for at in 0..changes {
        for is_made in [false, true] {
            let mut board = fresh();
            board.flash.set_fuse(Fuse { at, is_made });
            operate(&mut board);
            let mut board = board.reset();
            let found = board.flash.dump();
            let is_new = found == new;
            assert!(
                is_new || found == old,
                "{name}: a cut at change {at} of {changes}, made {is_made}, leaves {:?}",
                found
                    .keys()
                    .map(|key| String::from_utf8_lossy(key))
                    .collect::<Vec<_>>()
            );
            seen[usize::from(is_new)] += 1;
            board.run(Duration::from_millis(50));
            assert_eq!(board.recovered(), "");
            look(&mut board, is_new);
            // It can be done again, or is done.
            operate(&mut board);
            let mut board = board.reset();
            board.run(Duration::from_millis(50));
            look(&mut board, true);
        }
    }
    assert!(seen.iter().all(|count| *count > 0), "{name}: {seen:?}");
}

/// The container of the preparation runs.
fn runs(board: &mut Board) {
    assert_eq!(board.state("app"), RunState::Running);
}

#[test]
fn installing() {
    let image = Image::new(guests::IDLE_TOO, &ImageConfig::default());
    check(
        "install",
        |board| {
            image.install(board, "other:1");
        },
        |board, is_new| {
            runs(board);
            let reply = board.ask(Request::Create {
                declaration: declared("other", "other:1"),
                replace: true,
            });
            assert_eq!(matches!(reply, Reply::Created { .. }), is_new);
            if is_new {
                board.run(Duration::from_millis(50));
                assert_eq!(board.state("other"), RunState::Running);
                board.must(Request::Remove {
                    name: "other".into(),
                    force: true,
                });
            }
        },
    );
}

#[test]
fn installing_with_parts_of_every_kind() {
    let image = Image::new(guests::IDLE_TOO, &ImageConfig::default());
    let documents = image.manifest.len() + image.config.len();
    // Parts that end before the documents do, with them, and behind them.
    for part_bytes in [64, documents, documents + 1, 512] {
        check(
            "install",
            |board| {
                image.install_in(part_bytes, board, "other:1");
            },
            |board, _| runs(board),
        );
    }
}

#[test]
fn an_installation_that_was_cut_is_forgotten() {
    let image = Image::new(guests::IDLE_TOO, &ImageConfig::default());
    let bytes = image.bytes();
    for count in (0..bytes.len()).step_by(97) {
        let mut board = prepared();
        let before = board.flash.dump();
        board.must(image.begin("other:1"));
        board.must(Request::InstallPart {
            offset: 0,
            bytes: bytes[..count].to_vec(),
        });
        let mut board = board.reset();
        assert_eq!(board.flash.dump(), before);
        let rest = Request::InstallPart {
            offset: count as u32,
            bytes: bytes[count..].to_vec(),
        };
        assert_eq!(board.refused(rest).kind, RefusalKind::Conflict);
        assert!(matches!(
            image.install(&mut board, "other:1"),
            Reply::Installed { .. }
        ));
        runs(&mut board);
    }
}

#[test]
fn moving_a_reference() {
    let image = Image::new(guests::IDLE_TOO, &ImageConfig::default());
    check(
        "update",
        |board| {
            image.install(board, "app:1");
        },
        |board, _| runs(board),
    );
}

#[test]
fn removing_an_image() {
    let image = Image::new(guests::IDLE_TOO, &ImageConfig::default());
    let mut board = prepared();
    image.install(&mut board, "other:1");
    check_from(
        "remove image",
        &board,
        |board| {
            board.ask(Request::RemoveImage {
                image: "other:1".into(),
            });
        },
        |board, _| runs(board),
    );
}

#[test]
fn creating() {
    check(
        "create",
        |board| {
            board.ask(Request::Create {
                declaration: Declaration {
                    restart: Policy::Always,
                    ..declared("more", "app:1")
                },
                replace: false,
            });
        },
        |board, is_new| {
            runs(board);
            assert_eq!(board.names().len(), 1 + usize::from(is_new));
            if is_new {
                assert_eq!(board.state("more"), RunState::Running);
            }
        },
    );
}

#[test]
fn removing() {
    let mut board = prepared();
    board.create(Declaration {
        restart: Policy::Always,
        ..declared("more", "app:1")
    });
    check_from(
        "remove",
        &board,
        |board| {
            board.ask(Request::Remove {
                name: "more".into(),
                force: true,
            });
        },
        |board, is_new| {
            runs(board);
            assert_eq!(board.names().len(), 2 - usize::from(is_new));
            let volumes = board.volumes.lock().unwrap();
            assert_eq!(volumes.contains("more"), !is_new);
        },
    );
}

#[test]
fn replacing() {
    check(
        "replace",
        |board| {
            board.ask(Request::Create {
                declaration: Declaration {
                    args: Some(vec!["new".into()]),
                    restart: Policy::UnlessStopped,
                    ..declared("app", "app:1")
                },
                replace: true,
            });
        },
        |board, is_new| {
            let status = board.status("app");
            assert_eq!(status.state, RunState::Running);
            assert_eq!(status.declaration.args.is_some(), is_new);
            assert!(board.volumes.lock().unwrap().contains("app"));
        },
    );
}

#[test]
fn pausing() {
    check(
        "pause",
        |board| {
            board.ask(Request::Pause { name: "app".into() });
        },
        |board, is_new| {
            let expected = if is_new {
                RunState::Paused
            } else {
                RunState::Running
            };
            assert_eq!(board.state("app"), expected);
        },
    );
}

#[test]
fn ending() {
    // A stop, and the record of the end that follows it: three states, each of them whole.
    let board = prepared();
    let flash = board.flash.copy();
    for at in 0..2 {
        for is_made in [false, true] {
            let mut board = Board::start(Start {
                flash: flash.copy(),
                ..Start::default()
            });
            board.run(Duration::from_millis(50));
            board.flash.set_fuse(Fuse { at, is_made });
            let reply = board.ask(Request::Stop {
                name: "app".into(),
                grace_ms: None,
            });
            board.run(Duration::from_millis(50));
            assert!(board.flash.restore(), "power went");
            let mut board = board.reset();
            board.run(Duration::from_millis(50));
            let ends = board.ends("app");
            assert!(ends.len() <= 1);
            assert_eq!(ends.len() == 1, at == 1 && is_made);
            // `always` runs again after a reset of the device.
            runs(&mut board);
            if reply == Reply::Done {
                assert_eq!(at, 1);
            }
        }
    }
}

#[test]
fn ending_by_itself() {
    // What is declared and how it ended change together.
    for (at, is_made) in [(0, false), (0, true)] {
        let mut board = Board::new();
        board.install("app:1", &guests::ends("x", 7), &ImageConfig::default());
        board.create(declared("app", "app:1"));
        board.flash.set_fuse(Fuse { at, is_made });
        board.run(Duration::from_millis(50));
        let mut board = board.reset();
        let ends = board.ends("app");
        assert_eq!(ends.len(), 1);
        let expected = if is_made {
            ("exited", 7)
        } else {
            ("interrupted: the device restarted while it ran", 137)
        };
        assert_eq!((ends[0].reason.as_str(), ends[0].exit_code), expected);
        assert_eq!(board.state("app"), RunState::Failed);
        assert_eq!(board.reset().ends("app"), ends);
    }
}

#[test]
fn preparing_again_for_another_firmware() {
    let mut at = 0;
    loop {
        let mut board = Board::new();
        board.programs.is_old.store(true, Ordering::Relaxed);
        prepare(&mut board);
        board.programs.is_old.store(false, Ordering::Relaxed);
        let programs = board.programs;
        board.flash.set_fuse(Fuse {
            at,
            is_made: at % 2 == 0,
        });
        // The firmware starts, and prepares what it runs.
        let flash = board.flash.clone();
        let mut board = Board::start(Start {
            flash,
            programs: Some(programs),
            ..Start::default()
        });
        board.run(Duration::from_millis(20));
        let is_cut = board.flash.restore();
        let mut board = board.reset();
        board.run(Duration::from_millis(20));
        runs(&mut board);
        assert_eq!(board.recovered(), "");
        if !is_cut {
            return;
        }
        at += 1;
    }
}

#[test]
fn resetting_to_the_factory() {
    let board = prepared();
    let flash = board.flash.copy();
    let mut at = 0;
    loop {
        let mut cut = false;
        for is_made in [false, true] {
            let mut board = Board::start(Start {
                flash: flash.copy(),
                ..Start::default()
            });
            board.flash.set_fuse(Fuse { at, is_made });
            board.ask(Request::FactoryReset);
            cut = board.flash.restore();
            if !cut {
                break;
            }
            let mut board = board.reset();
            board.run(Duration::from_millis(50));
            if at == 0 && !is_made {
                runs(&mut board);
            } else {
                assert!(board.flash.dump().is_empty(), "a cut at {at}, {is_made}");
                assert!(board.names().is_empty());
            }
        }
        if !cut {
            break;
        }
        at += 1;
    }
    assert!(at > 3);
}
