//! The board as its tables describe it; the same behaviour as port-linux's, whose tests these are.

use alloc::vec::Vec;
use core::iter;
use core::task::Waker;
use core::time::Duration;

use thimble_abi::Errno;
use thimble_runtime::config::ContainerId;
use thimble_runtime::port::{Board, Direction, Level};
use thimble_runtime::time::Instant;

use super::{Pin, Pulses, Sensor, Simulated};

const A: ContainerId = ContainerId::new(1);
const B: ContainerId = ContainerId::new(2);

static PINS: [Pin; 3] = [
    Pin {
        name: "led0",
        port: 0,
        pin: 13,
        direction: Direction::Output,
        pulses: Pulses::NONE,
    },
    Pin {
        name: "sw0",
        port: 0,
        pin: 11,
        direction: Direction::Input,
        pulses: Pulses {
            times: &[
                Duration::from_millis(100),
                Duration::from_millis(200),
                Duration::from_millis(300),
            ],
            repeat: None,
        },
    },
    Pin {
        name: "sw1",
        port: 0,
        pin: 1,
        direction: Direction::Input,
        pulses: Pulses {
            times: &[Duration::from_millis(10), Duration::from_millis(30)],
            repeat: Some(Duration::from_millis(100)),
        },
    },
];

static SENSORS: [Sensor; 1] = [Sensor {
    name: "temp",
    id: 7,
    channels: &[(13, &[21.0, 21.5, 22.0])],
}];

fn desk() -> Simulated {
    Simulated::new(&PINS, &SENSORS)
}

fn ms(milliseconds: u64) -> Instant {
    Instant::from_nanos(0) + Duration::from_millis(milliseconds)
}

#[test]
fn the_board_has_what_its_tables_say() {
    let desk = desk();
    assert_eq!(desk.pin_named("led0").unwrap().pin, 13);
    assert_eq!(desk.pin_at(0, 11).unwrap().name.as_deref(), Some("sw0"));
    assert_eq!(desk.pin_named("sw9"), None);
    assert_eq!(desk.sensors().first().unwrap().channels, [13]);
    let readings: Vec<f64> = (0..4).map(|_| desk.read_sensor(7, 0).unwrap()).collect();
    assert_eq!(readings, [21.0, 21.5, 22.0, 21.0]);
    assert_eq!(desk.read_sensor(7, 1), Err(Errno::Invalid));
    assert_eq!(desk.read_sensor(9, 0), Err(Errno::NoDevice));
}

#[test]
fn a_pin_belongs_to_one_container_at_a_time() {
    let desk = desk();
    let refused = Err(Errno::Permission);
    assert_eq!(desk.set(A, 0, 13, Level::High), refused, "not configured");
    desk.configure(A, 0, 13, Direction::Output, ms(0)).unwrap();
    assert_eq!(
        desk.configure(B, 0, 13, Direction::Output, ms(0)),
        Err(Errno::Busy)
    );
    assert_eq!(
        desk.configure(A, 0, 13, Direction::Input, ms(0)),
        Err(Errno::NotSupported)
    );
    assert_eq!(desk.set(B, 0, 13, Level::High), refused);
    assert_eq!(desk.get(B, 0, 13, ms(0)), Err(Errno::Permission));
    desk.set(A, 0, 13, Level::High).unwrap();
    assert_eq!(desk.get(A, 0, 13, ms(0)), Ok(Level::High));
    desk.release(A);
    desk.configure(B, 0, 13, Direction::Output, ms(0)).unwrap();
    assert_eq!(
        desk.get(B, 0, 13, ms(0)),
        Ok(Level::Low),
        "released outputs go back"
    );
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
    let desk = desk();
    desk.configure(A, 0, 1, Direction::Input, ms(0)).unwrap();
    desk.watch(A, 0, 1, true, ms(0)).unwrap();
    let waker = Waker::noop();
    let times: Vec<Instant> = iter::from_fn(|| desk.next_edge(A, ms(130), waker).ok())
        .map(|edge| edge.at)
        .collect();
    assert_eq!(times, [ms(10), ms(30), ms(110), ms(130)]);
    let backlog = iter::from_fn(|| desk.next_edge(A, ms(1_000_000), waker).ok()).count();
    assert_eq!(backlog, 32);
}
