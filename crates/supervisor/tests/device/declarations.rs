//! What is declared, and what of it is refused.

use std::time::Duration;

use thimble_image::ImageConfig;
use thimble_serial::{Declaration, LimitOverrides, RefusalKind, Reply, Request};

use crate::board::{Board, declared};
use crate::guests;

fn board(wat: &str) -> Board {
    let mut board = Board::new();
    board.install("app:1", wat, &ImageConfig::default());
    board
}

#[test]
fn what_is_asked_for_and_not_granted_is_told() {
    let config = ImageConfig {
        grants: vec!["timer".into(), "gpio:led0".into()],
        ..ImageConfig::default()
    };
    let mut board = Board::new();
    board.install("app:1", guests::WANTS_TIMER, &config);
    let refused = board.create(Declaration {
        grants: vec!["gpio:*".into()],
        ..declared("app", "app:1")
    });
    assert_eq!(refused, ["timer"]);
    board.run(Duration::from_secs(1));
    let text = board.text("app");
    assert!(
        text.starts_with("refused timer; grant it with --allow timer\n"),
        "{text}"
    );
}

#[test]
fn declarations_that_make_no_sense_are_refused() {
    let mut board = board(guests::IDLE);
    board.create(declared("app", "app:1"));
    let limits = |change: fn(&mut LimitOverrides)| {
        let mut limits = LimitOverrides::default();
        change(&mut limits);
        Declaration {
            limits,
            ..declared("x", "app:1")
        }
    };
    let cases = [
        (declared("app", "app:1"), RefusalKind::Conflict),
        (declared("App", "app:1"), RefusalKind::Invalid),
        (declared(".app", "app:1"), RefusalKind::Invalid),
        (declared("a/b", "app:1"), RefusalKind::Invalid),
        (declared(&"a".repeat(49), "app:1"), RefusalKind::Invalid),
        (declared("x", "app:2"), RefusalKind::NotFound),
        (declared("x", "sha256:00"), RefusalKind::NotFound),
        (
            limits(|limits| limits.sockets = Some(2000)),
            RefusalKind::Invalid,
        ),
        (
            limits(|limits| limits.cpu_share_thousandths = Some(0)),
            RefusalKind::Invalid,
        ),
        (
            limits(|limits| limits.log_bytes = Some(1 << 30)),
            RefusalKind::Invalid,
        ),
        (
            limits(|limits| limits.memory_bytes = Some(10)),
            RefusalKind::NoRoom,
        ),
    ];
    let before = board.flash.dump();
    for (declaration, kind) in cases {
        let told = format!("{declaration:?}");
        let refusal = board.refused(Request::Create {
            declaration,
            replace: false,
        });
        assert_eq!(refusal.kind, kind, "{told}: {}", refusal.message);
    }
    let texts: [fn(&mut Declaration); 5] = [
        |declaration| declaration.grants = vec!["flying".into()],
        |declaration| declaration.env = vec!["NOTHING".into()],
        |declaration| declaration.args = Some(vec!["\0".into()]),
        |declaration| declaration.args = Some(vec![String::new(); 65]),
        |declaration| declaration.entry = Some("nobody".into()),
    ];
    for change in texts {
        let mut declaration = declared("x", "app:1");
        change(&mut declaration);
        board.refused(Request::Create {
            declaration,
            replace: false,
        });
    }
    assert_eq!(board.flash.dump(), before);
    assert_eq!(board.names(), ["app"]);
}

#[test]
fn names_are_chosen_and_containers_counted() {
    let mut board = board(guests::IDLE);
    board = board.reset_with(|start| start.containers_max = Some(2));
    for expected in ["c-1", "c-2"] {
        let reply = board.must(Request::Create {
            declaration: declared("", "app:1"),
            replace: false,
        });
        assert!(matches!(reply, Reply::Created { name, .. } if name == expected));
    }
    let refusal = board.refused(Request::Create {
        declaration: declared("", "app:1"),
        replace: false,
    });
    assert_eq!(refusal.kind, RefusalKind::NoRoom);
}
