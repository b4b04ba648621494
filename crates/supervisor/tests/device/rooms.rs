//! Storage that is full.

use std::time::Duration;

use thimble_image::ImageConfig;
use thimble_serial::{Declaration, Policy, RefusalKind, Reply, Request, RunState};

use crate::board::{Board, Image, declared};
use crate::guests;

#[test]
fn full_records_refuse_and_change_nothing() {
    let mut board = Board::new();
    board.install("app:1", guests::IDLE, &ImageConfig::default());
    board.create(Declaration {
        restart: Policy::Always,
        ..declared("app", "app:1")
    });
    board.run(Duration::from_millis(100));
    let before = board.flash.dump();
    board.flash.limit_records(Some(0));
    let refusal = board.refused(Request::Create {
        declaration: declared("more", "app:1"),
        replace: false,
    });
    assert_eq!(refusal.kind, RefusalKind::NoRoom);
    assert!(
        refusal.message.contains("0 are free"),
        "{}",
        refusal.message
    );
    board.refused(Request::Create {
        declaration: declared("app", "app:1"),
        replace: true,
    });
    board.refused(Request::Stop {
        name: "app".into(),
        grace_ms: None,
    });
    board.run(Duration::from_secs(1));
    assert_eq!(board.names(), ["app"]);
    assert_eq!(board.state("app"), RunState::Running);
    assert_eq!(board.flash.dump(), before);
    board.flash.limit_records(None);
    board.must(Request::Stop {
        name: "app".into(),
        grace_ms: None,
    });
}

#[test]
fn an_end_that_cannot_be_kept_is_kept_later() {
    let mut board = Board::new();
    board.install("app:1", &guests::ends("x", 1), &ImageConfig::default());
    board.create(declared("app", "app:1"));
    board.flash.limit_records(Some(0));
    board.run(Duration::from_secs(1));
    let ends = board.ends("app");
    assert_eq!(ends.len(), 1);
    board.flash.limit_records(None);
    board.run(Duration::from_secs(1200));
    let mut board = board.reset();
    assert_eq!(board.ends("app"), ends);
    assert_eq!(board.state("app"), RunState::Failed);
}

#[test]
fn images_that_do_not_fit_are_refused_with_numbers() {
    let mut board = Board::new();
    let image = Image::new(guests::IDLE, &ImageConfig::default());
    let mut least = None;
    for room in (0..4096).step_by(64) {
        board.flash.limit_images(Some(room));
        match image.install(&mut board, "app:1") {
            Reply::Installed { .. } => {
                least = Some(room);
                break;
            }
            Reply::Refused(refusal) => {
                assert_eq!(refusal.kind, RefusalKind::NoRoom, "{}", refusal.message);
                assert!(refusal.message.contains("free"), "{}", refusal.message);
                assert!(board.flash.dump().is_empty());
            }
            reply => panic!("{reply:?}"),
        }
    }
    assert!(least.unwrap() > 512);
}
