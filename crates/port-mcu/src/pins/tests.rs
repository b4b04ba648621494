//! Pins over drivers that are cells.

use alloc::sync::Arc;
use core::convert::Infallible;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::Waker;
use core::time::Duration;

use embedded_hal::digital::{ErrorType, InputPin, OutputPin};
use thimble_abi::Errno;
use thimble_runtime::config::ContainerId;
use thimble_runtime::port::{Board, Direction, Level};
use thimble_runtime::time::Instant;

use super::{PinPlace, Pins, Polarity};

const A: ContainerId = ContainerId::new(1);
const B: ContainerId = ContainerId::new(2);

/// A wire that both ends see.
#[derive(Clone, Default)]
struct Wire(Arc<AtomicBool>);

impl Wire {
    fn put(&self, high: bool) {
        self.0.store(high, Ordering::Relaxed);
    }

    fn is_high(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl ErrorType for Wire {
    type Error = Infallible;
}

impl OutputPin for Wire {
    fn set_low(&mut self) -> Result<(), Infallible> {
        self.put(false);
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        self.put(true);
        Ok(())
    }
}

impl InputPin for Wire {
    fn is_high(&mut self) -> Result<bool, Infallible> {
        Ok(Wire::is_high(self))
    }

    fn is_low(&mut self) -> Result<bool, Infallible> {
        Ok(!Wire::is_high(self))
    }
}

fn place(name: &'static str, pin: u32) -> PinPlace {
    PinPlace {
        name,
        port: 0,
        pin,
        polarity: Polarity::ActiveLow,
    }
}

fn board() -> (Wire, Wire, Pins<Wire, Wire>) {
    let (lamp, button) = (Wire::default(), Wire::default());
    button.put(true);
    let pins = Pins::new(
        [(place("led0", 13), lamp.clone())],
        [(place("sw0", 11), button.clone())],
    );
    (lamp, button, pins)
}

fn ms(milliseconds: u64) -> Instant {
    Instant::from_nanos(0) + Duration::from_millis(milliseconds)
}

#[test]
fn an_output_follows_who_holds_it() {
    let (lamp, _, pins) = board();
    assert!(lamp.is_high(), "dark at first");
    let refused = Err(Errno::Permission);
    assert_eq!(pins.set(A, 0, 13, Level::High), refused);
    pins.configure(A, 0, 13, Direction::Output, ms(0)).unwrap();
    let taken = pins.configure(B, 0, 13, Direction::Output, ms(0));
    assert_eq!(taken, Err(Errno::Busy));
    assert_eq!(pins.set(B, 0, 13, Level::High), refused);
    pins.set(A, 0, 13, Level::High).unwrap();
    assert!(!lamp.is_high(), "a pin that pulls down");
    assert_eq!(pins.get(A, 0, 13, ms(0)), Ok(Level::High));
    pins.release(A);
    assert!(lamp.is_high(), "dark again");
    pins.configure(B, 0, 13, Direction::Output, ms(0)).unwrap();
}

#[test]
fn an_input_tells_its_edges_once() {
    let (_, button, pins) = board();
    let waker = Waker::noop();
    pins.configure(A, 0, 11, Direction::Input, ms(0)).unwrap();
    assert_eq!(pins.next_edge(A, ms(0), waker), Err(None), "not watched");
    pins.watch(A, 0, 11, true, ms(0)).unwrap();
    assert_eq!(pins.next_edge(A, ms(5), waker), Err(Some(ms(15))));
    button.put(false);
    let edge = pins.next_edge(A, ms(15), waker).unwrap();
    assert_eq!((edge.pin, edge.level, edge.at), (11, Level::High, ms(15)));
    assert_eq!(pins.next_edge(A, ms(15), waker), Err(Some(ms(25))));
    assert_eq!(pins.get(A, 0, 11, ms(15)), Ok(Level::High));
    pins.watch(A, 0, 11, false, ms(15)).unwrap();
    assert_eq!(pins.next_edge(A, ms(20), waker), Err(None));
}

#[test]
fn a_pin_is_what_the_board_says() {
    let (_, _, pins) = board();
    assert_eq!(pins.pin_named("led0").unwrap().pin, 13);
    assert_eq!(pins.pin_at(0, 11).unwrap().name.as_deref(), Some("sw0"));
    assert_eq!(pins.pin_named("led9"), None);
    let wrong = pins.configure(A, 0, 11, Direction::Output, ms(0));
    assert_eq!(wrong, Err(Errno::NotSupported));
    let missing = pins.configure(A, 0, 1, Direction::Output, ms(0));
    assert_eq!(missing, Err(Errno::NoDevice));
    pins.configure(A, 0, 13, Direction::Output, ms(0)).unwrap();
    let watched = pins.watch(A, 0, 13, true, ms(0));
    assert_eq!(watched, Err(Errno::Permission));
}
