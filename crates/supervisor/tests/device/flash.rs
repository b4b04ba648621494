//! The same on the log and the extents of devices, over flash that loses power in the middle of a word: with containers' files
//! and values beside.

use std::sync::Arc;
use std::time::Duration;

use thimble_abi::Errno;
use thimble_image::ImageConfig;
use thimble_port_mcu::extents::Extents;
use thimble_port_mcu::files::{self, Quota};
use thimble_port_mcu::flash::SharedFlash;
use thimble_port_mcu::log::{Log, LogSettings, SharedLog};
use thimble_port_mcu::machine::Lock;
use thimble_port_mcu::records::Records;
use thimble_port_mcu::store::RecordStore;
use thimble_runtime::port::Directory;
use thimble_serial::{Declaration, Policy, Reply, Request, RunState};
use thimble_supervisor::{Parts, SharedRecords, Volumes};

use crate::board::{Board, Change, Image, Start, declared};
use crate::guests;
use crate::worn::{Shape, TORN, flash};

const SHAPE: Shape = Shape {
    write: 4,
    erase: 4096,
    blocks: 10,
};
/// Where images begin.
const IMAGES_BYTES: u32 = 4 * 4096;

/// Containers' files and values, as firmware joins them.
struct Kept {
    files: files::Volumes,
    values: RecordStore,
}

impl Volumes for Kept {
    fn open(
        &mut self,
        container: &str,
        path: &str,
        bytes: u64,
    ) -> Result<Box<dyn Directory>, Errno> {
        let quota = Quota {
            bytes_max: bytes,
            files_max: 16,
        };
        self.files
            .open(container, path, quota)
            .map_err(|_| Errno::Io)
    }

    fn remove_all(&mut self, container: &str) -> Result<(), Errno> {
        self.files.remove(container).map_err(|_| Errno::Io)?;
        self.values.remove(container)
    }

    fn used_bytes(&mut self, _: &str) -> u64 {
        0
    }
}

/// Puts what lies in a flash into a board.
fn joined(flash: &SharedFlash) -> Change {
    let flash = flash.clone();
    Arc::new(move |parts: &mut Parts| {
        let whole = flash.geometry().capacity_bytes;
        let log = flash.region(0..IMAGES_BYTES).unwrap();
        let images = flash.region(IMAGES_BYTES..whole).unwrap();
        let (log, _) = Log::open(log, &LogSettings::default()).unwrap();
        let log = SharedLog::new(log);
        let (images, _) = Extents::open(images, Box::new(log.clone())).unwrap();
        let boxed: Box<dyn Records> = Box::new(log);
        let records: SharedRecords = Arc::new(Lock::new(boxed));
        let values = RecordStore::new(Arc::clone(&records));
        parts.images = Box::new(images);
        parts.store = Box::new(values.clone());
        parts.volumes = Box::new(Kept {
            files: files::Volumes::new(Arc::clone(&records), Arc::new(|| 0)),
            values,
        });
        parts.records = records;
    })
}

fn on(flash: &SharedFlash) -> Board {
    Board::start(Start {
        change: Some(joined(flash)),
        ..Start::default()
    })
}

fn counting() -> Declaration {
    Declaration {
        restart: Policy::Always,
        grants: vec!["kv".into()],
        ..declared("app", "app:1")
    }
}

/// A flash with an image, and one container that runs.
fn prepared() -> Vec<u8> {
    let (flash, control) = flash(SHAPE, 1);
    let mut board = on(&flash);
    let config = ImageConfig {
        volumes: vec!["/data".into()],
        ..ImageConfig::default()
    };
    board.install("app:1", guests::COUNTS_STARTS, &config);
    board.create(counting());
    board.run(Duration::from_millis(50));
    assert!(board.text("app").starts_with("start 001\n"));
    control.image()
}

/// Does something with power that goes in each operation of the flash, and looks at what comes back.
fn check(operate: impl Fn(&mut Board) -> bool, look: impl Fn(&mut Board, bool)) {
    let bytes = prepared();
    let mut operations = 1;
    loop {
        let (flash, control) = flash(SHAPE, operations);
        control.overwrite(0, &bytes);
        let mut board = on(&flash);
        board.run(Duration::from_millis(20));
        let torn = TORN[usize::try_from(operations % 3).unwrap()];
        control.cut_in(operations, torn);
        let is_acknowledged = operate(&mut board);
        let is_cut = control.is_dead();
        drop(board);
        control.revive();
        let mut board = on(&flash);
        board.run(Duration::from_millis(20));
        assert_eq!(board.recovered(), "");
        look(&mut board, is_acknowledged);
        // The device works: whatever it is, it can be done now.
        operate(&mut board);
        drop(board);
        let mut board = on(&flash);
        board.run(Duration::from_millis(20));
        look(&mut board, true);
        if !is_cut {
            assert!(is_acknowledged);
            return;
        }
        operations += 1;
    }
}

fn is_done(reply: &Reply) -> bool {
    !matches!(reply, Reply::Refused(_))
}

fn runs(board: &mut Board) {
    assert_eq!(board.state("app"), RunState::Running);
}

#[test]
fn an_image_is_there_or_not() {
    let image = Image::new(guests::IDLE_TOO, &ImageConfig::default());
    check(
        |board| is_done(&image.install(board, "other:1")),
        |board, is_new| {
            runs(board);
            let reply = board.ask(Request::Create {
                declaration: declared("other", "other:1"),
                replace: true,
            });
            assert!(is_done(&reply) || !is_new, "{reply:?}");
            if is_done(&reply) {
                board.run(Duration::from_millis(20));
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
fn a_container_is_there_or_not() {
    check(
        |board| {
            is_done(&board.ask(Request::Create {
                declaration: Declaration {
                    name: "more".into(),
                    ..counting()
                },
                replace: true,
            }))
        },
        |board, is_new| {
            runs(board);
            let names = board.names();
            assert!(names.len() == 2 || !is_new);
            if names.len() == 2 {
                assert_eq!(board.state("more"), RunState::Running);
            }
        },
    );
}

#[test]
fn a_container_is_removed_with_its_data_or_not() {
    let create = |board: &mut Board| {
        board.must(Request::Create {
            declaration: counting(),
            replace: true,
        });
        board.run(Duration::from_millis(20));
    };
    check(
        |board| {
            is_done(&board.ask(Request::Remove {
                name: "app".into(),
                force: true,
            }))
        },
        |board, _| {
            if board.names().is_empty() {
                // What it kept is gone: it counts from the beginning.
                create(board);
                assert!(board.text("app").starts_with("start 001\n"));
            } else {
                runs(board);
                assert!(!board.text("app").starts_with("start 001\n"));
            }
        },
    );
}

#[test]
fn a_container_is_the_old_one_or_the_new_one() {
    check(
        |board| {
            is_done(&board.ask(Request::Create {
                declaration: Declaration {
                    args: Some(vec!["new".into()]),
                    ..counting()
                },
                replace: true,
            }))
        },
        |board, is_new| {
            runs(board);
            let status = board.status("app");
            assert!(status.declaration.args.is_some() || !is_new);
            // Its data stay.
            assert!(!board.text("app").starts_with("start 001\n"));
        },
    );
}

#[test]
fn a_reset_to_the_factory_is_finished() {
    check(
        |board| is_done(&board.ask(Request::FactoryReset)),
        |board, is_new| {
            if board.names().is_empty() {
                assert_eq!(
                    board.must(Request::Image {
                        after: String::new()
                    }),
                    Reply::NoMore
                );
            } else {
                assert!(!is_new);
                runs(board);
            }
        },
    );
}

#[test]
fn thousands_of_changes_wear_all_blocks_alike() {
    let (flash, control) = flash(SHAPE, 1);
    let mut board = on(&flash);
    board.install("app:1", guests::IDLE, &ImageConfig::default());
    for round in 0..600 {
        board.create(declared("app", "app:1"));
        board.run(Duration::from_millis(2));
        board.must(Request::Remove {
            name: "app".into(),
            force: true,
        });
        if round % 100 == 0 {
            board = on(&flash);
            assert_eq!(board.recovered(), "");
        }
    }
    let blocks = usize::try_from(IMAGES_BYTES).unwrap() / SHAPE.erase;
    let erasures: Vec<u32> = control.erasures().into_iter().take(blocks).collect();
    let (least, most) = (
        erasures.iter().min().unwrap(),
        erasures.iter().max().unwrap(),
    );
    assert!(most - least <= 3, "{erasures:?}");
}
