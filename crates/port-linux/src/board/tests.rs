//! The board as its file describes it.

use std::task::Waker;
use std::time::Duration;

use thimble_abi::Errno;
use thimble_runtime::port::{Board, Direction, Level};
use thimble_runtime::{ContainerId, Instant};

use super::Simulated;

const A: ContainerId = ContainerId::new(1);
const B: ContainerId = ContainerId::new(2);

fn desk() -> Simulated {
    Simulated::parse(include_str!("../../../../examples/boards/desk.toml")).unwrap()
}

fn ms(milliseconds: u64) -> Instant {
    Instant::from_nanos(0) + Duration::from_millis(milliseconds)
}

#[test]
fn the_desk_has_what_its_file_says() {
    let desk = desk();
    assert_eq!(desk.pin_named("led0").unwrap().pin, 13);
    assert_eq!(desk.pin_at(0, 11).unwrap().name.as_deref(), Some("sw0"));
    assert_eq!(desk.pin_named("sw9"), None);
    assert_eq!(desk.sensors().first().unwrap().channels, [13]);
    let readings: Vec<f64> = (0..4).map(|_| desk.read_sensor(0, 0).unwrap()).collect();
    assert_eq!(readings, [21.0, 21.5, 22.0, 21.0]);
    assert_eq!(desk.read_sensor(0, 1), Err(Errno::Invalid));
    assert_eq!(desk.read_sensor(9, 0), Err(Errno::NoDevice));
}

#[test]
fn a_pin_belongs_to_one_container_at_a_time() {
    let desk = desk();
    assert_eq!(
        desk.set(A, 0, 13, Level::High),
        Err(Errno::Permission),
        "not configured"
    );
    desk.configure(A, 0, 13, Direction::Output, ms(0)).unwrap();
    assert_eq!(
        desk.configure(B, 0, 13, Direction::Output, ms(0)),
        Err(Errno::Busy)
    );
    assert_eq!(desk.set(B, 0, 13, Level::High), Err(Errno::Permission));
    assert_eq!(desk.get(B, 0, 13, ms(0)), Err(Errno::Permission));
    desk.set(A, 0, 13, Level::High).unwrap();
    desk.release(A);
    desk.configure(B, 0, 13, Direction::Output, ms(0)).unwrap();
    assert_eq!(
        desk.get(B, 0, 13, ms(0)),
        Ok(Level::Low),
        "released outputs go back"
    );
    let levels: Vec<Level> = desk.changes().iter().map(|change| change.level).collect();
    assert_eq!(levels, [Level::High, Level::Low]);
}

#[test]
fn edges_come_at_their_times_and_once() {
    let desk = desk();
    let waker = Waker::noop();
    desk.configure(A, 0, 11, Direction::Input, ms(1000))
        .unwrap();
    assert_eq!(
        desk.next_edge(A, ms(5000), waker),
        Err(None),
        "nobody asked for edges"
    );
    desk.watch(A, 0, 11, true, ms(1000)).unwrap();
    assert_eq!(desk.next_edge(A, ms(1050), waker), Err(Some(ms(1100))));
    let edge = desk.next_edge(A, ms(1250), waker).unwrap();
    assert_eq!((edge.at, edge.level), (ms(1100), Level::Low));
    assert_eq!(
        desk.next_edge(A, ms(1250), waker).unwrap().level,
        Level::High
    );
    assert_eq!(desk.next_edge(A, ms(1250), waker), Err(Some(ms(1300))));
    assert_eq!(desk.next_edge(B, ms(9999), waker), Err(None));
    assert_eq!(desk.get(A, 0, 11, ms(1299)), Ok(Level::High));
    assert_eq!(desk.get(A, 0, 11, ms(1300)), Ok(Level::Low));
    desk.watch(A, 0, 11, false, ms(1300)).unwrap();
    assert_eq!(desk.next_edge(A, ms(2000), waker), Err(None));
}

#[test]
fn repeated_pulses_keep_their_rhythm_and_a_bounded_backlog() {
    let text = "[[gpio]]\nport = 0\npin = 1\ndirection = \"input\"\npulses_ms = [10, 30]\nrepeat_ms = 100\n";
    let board = Simulated::parse(text).unwrap();
    board.configure(A, 0, 1, Direction::Input, ms(0)).unwrap();
    board.watch(A, 0, 1, true, ms(0)).unwrap();
    let waker = Waker::noop();
    let times: Vec<Instant> = std::iter::from_fn(|| board.next_edge(A, ms(130), waker).ok())
        .map(|edge| edge.at)
        .collect();
    assert_eq!(times, [ms(10), ms(30), ms(110), ms(130)]);
    let backlog = std::iter::from_fn(|| board.next_edge(A, ms(1_000_000), waker).ok()).count();
    assert_eq!(backlog, 32);
}

#[test]
fn errors_name_the_line() {
    let cases = [
        ("[[gpio]]\nname = \"a\"\nport = 0\n", "line 1"),
        (
            "\n[[gpio]]\nname = \"a\"\nport = 0\npin = 1\ndirection = \"sideways\"\n",
            "line 6",
        ),
        (
            "[[gpio]]\nport = 0\npin = 1\ndirection = \"input\"\npulses_ms = [2, 1]\n",
            "increase",
        ),
        (
            "[[gpio]]\nport = 0\npin = 1\ndirection = \"input\"\npulses_ms = [2]\nrepeat_ms = 2\n",
            "repeat_ms",
        ),
        (
            "[[gpio]]\nport = 0\npin = 1\ndirection = \"output\"\npulses_ms = [2]\n",
            "only inputs",
        ),
        (
            "[[sensor]]\nname = \"t\"\nid = 0\nchannels = []\n",
            "at least one value",
        ),
        (
            "[[sensor]]\nname = \"t\"\nid = 0\nunit = 1\nchannels = []\n",
            "unknown field `unit`",
        ),
        ("[[gpio\n", "line 1"),
    ];
    for (text, expected) in cases {
        let error = Simulated::parse(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
    let twice = "[[gpio]]\nport = 0\npin = 1\ndirection = \"input\"\n[[gpio]]\nport = 0\npin = 1\ndirection = \"input\"\n";
    let error = Simulated::parse(twice).unwrap_err().to_string();
    assert!(
        error.contains("line 5") && error.contains("another pin"),
        "{error}"
    );
}
