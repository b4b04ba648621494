//! What containers write.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use thimble_image::ImageConfig;
use thimble_serial::{LogStream, Reply, Request, RunState};
use thimble_supervisor::Tap;

use crate::board::{Board, declared};
use crate::guests;

#[test]
fn a_flood_costs_only_who_floods() {
    let mut board = Board::new();
    board.install("flood:1", guests::FLOOD, &ImageConfig::default());
    board.install("app:1", &guests::ends("hello", 0), &ImageConfig::default());
    board.create(declared("flood", "flood:1"));
    board.create(declared("app", "app:1"));
    board.run(Duration::from_secs(1));
    assert_eq!(board.state("app"), RunState::Exited);
    assert_eq!(board.state("flood"), RunState::Running);
    assert!(board.text("app").starts_with("hello\n"));
    let reply = board.must(Request::Log {
        name: "flood".into(),
        from: 0,
    });
    let Reply::Log {
        entries,
        next,
        lost_bytes,
        is_over,
    } = reply
    else {
        panic!("{reply:?}");
    };
    let kept: u64 = entries.iter().map(|entry| entry.bytes.len() as u64).sum();
    assert!((256..=512).contains(&kept), "{kept}");
    assert_eq!(next, lost_bytes + kept);
    assert!(!is_over);
    board.must(Request::Kill {
        name: "flood".into(),
    });
}

#[test]
fn a_log_is_over_when_everything_was_told() {
    let mut board = Board::new();
    board.install("app:1", &guests::ends("hello", 0), &ImageConfig::default());
    board.create(declared("app", "app:1"));
    let log = |board: &mut Board, from| match board.must(Request::Log {
        name: "app".into(),
        from,
    }) {
        Reply::Log {
            entries,
            next,
            is_over,
            ..
        } => (entries.len(), next, is_over),
        reply => panic!("{reply:?}"),
    };
    assert_eq!(log(&mut board, 0), (0, 0, false));
    board.run(Duration::from_secs(1));
    let (entries, next, is_over) = log(&mut board, 0);
    assert_eq!((entries, is_over), (2, true));
    assert_eq!(log(&mut board, next), (0, next, true));
}

/// Who wrote what.
type Written = (String, LogStream, Vec<u8>);

#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<Written>>>);

impl Tap for Heard {
    fn wrote(&mut self, container: &str, stream: LogStream, _: u64, bytes: &[u8]) {
        let heard = (container.to_owned(), stream, bytes.to_vec());
        self.0.lock().unwrap().push(heard);
    }
}

#[test]
fn a_tap_hears_what_is_written() {
    let mut board = Board::new();
    board.install("app:1", &guests::ends("hello", 0), &ImageConfig::default());
    let heard = Heard::default();
    board.supervisor.set_tap(Some(Box::new(heard.clone())));
    board.create(declared("app", "app:1"));
    board.run(Duration::from_secs(1));
    board.supervisor.set_tap(None);
    board.must(Request::Start { name: "app".into() });
    board.run(Duration::from_secs(1));
    let heard = heard.0.lock().unwrap();
    assert_eq!(heard.len(), 2);
    assert_eq!(
        heard[0],
        ("app".into(), LogStream::Output, b"hello\n".to_vec())
    );
    assert_eq!(heard[1].1, LogStream::Device);
}

#[test]
fn log_lines_of_guests_have_their_level_in_front() {
    let mut board = Board::new();
    board.install("app:1", guests::LOGS, &ImageConfig::default());
    board.create(declared("app", "app:1"));
    board.run(Duration::from_secs(1));
    let entries = board.log("app");
    assert_eq!(entries[0].stream, LogStream::Guest);
    assert_eq!(entries[0].bytes, b"warning: careful\n");
}
