//! Tests of pins over drivers that only remember.

extern crate std;

use alloc::sync::Arc;
use core::convert::Infallible;
use core::sync::atomic::{AtomicBool, Ordering};
use core::task::Waker;
use std::boxed::Box;
use std::vec;

use embedded_hal::digital::{ErrorType, InputPin, OutputPin};

use super::*;

#[derive(Clone, Default)]
struct Line(Arc<AtomicBool>);

impl ErrorType for Line {
    type Error = Infallible;
}

struct In(Line);
struct Out(Line);

impl ErrorType for In {
    type Error = Infallible;
}

impl ErrorType for Out {
    type Error = Infallible;
}

impl InputPin for In {
    fn is_high(&mut self) -> Result<bool, Infallible> {
        Ok(self.0.0.load(Ordering::SeqCst))
    }

    fn is_low(&mut self) -> Result<bool, Infallible> {
        self.is_high().map(|is_high| !is_high)
    }
}

impl OutputPin for Out {
    fn set_low(&mut self) -> Result<(), Infallible> {
        self.0.0.store(false, Ordering::SeqCst);
        Ok(())
    }

    fn set_high(&mut self) -> Result<(), Infallible> {
        self.0.0.store(true, Ordering::SeqCst);
        Ok(())
    }
}

const ONE: ContainerId = ContainerId::new(1);
const TWO: ContainerId = ContainerId::new(2);
const NOW: Instant = Instant::from_nanos(5);

fn board() -> (Pins, Line, Line) {
    let (led, button) = (Line::default(), Line::default());
    let pins = vec![
        Pin {
            port: 0,
            number: 13,
            name: Some("led0"),
            wire: Wire::Output(Box::new(Out(led.clone()))),
            idle: Level::Low,
        },
        Pin {
            port: 0,
            number: 11,
            name: None,
            wire: Wire::Input(Box::new(In(button.clone()))),
            idle: Level::High,
        },
    ];
    (Pins::new(pins, Box::new(NoSensors)), led, button)
}

#[test]
fn a_pin_belongs_to_one_container_and_goes_dark_when_it_ends() {
    let (board, led, _) = board();
    assert_eq!(board.pin_named("led0").unwrap().pin, 13);
    assert_eq!(board.pin_named("led1"), None);
    let output = |container| board.configure(container, 0, 13, Direction::Output, NOW);
    assert_eq!(
        board.configure(ONE, 0, 13, Direction::Input, NOW),
        Err(Errno::NotSupported)
    );
    assert_eq!(output(ONE), Ok(()));
    assert_eq!(output(TWO), Err(Errno::Busy));
    assert_eq!(board.set(TWO, 0, 13, Level::High), Err(Errno::Permission));
    assert_eq!(board.set(ONE, 0, 14, Level::High), Err(Errno::NoDevice));
    assert_eq!(board.set(ONE, 0, 13, Level::High), Ok(()));
    assert!(led.0.load(Ordering::SeqCst));
    assert_eq!(board.get(ONE, 0, 13, NOW), Ok(Level::High));
    board.release(ONE);
    assert!(!led.0.load(Ordering::SeqCst));
    assert_eq!(output(TWO), Ok(()));
}

#[test]
fn edges_reach_who_watches_and_the_newest_are_kept() {
    let (board, _, button) = board();
    let next = || board.next_edge(ONE, NOW, Waker::noop());
    board.configure(ONE, 0, 11, Direction::Input, NOW).unwrap();
    board.edge(0, 11, Level::Low, NOW);
    assert_eq!(next(), Err(None), "nobody watched");
    board.watch(ONE, 0, 11, true, NOW).unwrap();
    assert_eq!(board.watch(ONE, 0, 13, true, NOW), Err(Errno::Permission));
    button.0.store(true, Ordering::SeqCst);
    assert_eq!(board.get(ONE, 0, 11, NOW), Ok(Level::High));
    for nanos in 0..40 {
        board.edge(0, 11, Level::High, Instant::from_nanos(nanos));
    }
    let first = next().unwrap();
    assert_eq!(first.at.nanos(), 24, "the oldest went first");
    assert_eq!(board.next_edge(TWO, NOW, Waker::noop()), Err(None));
    board.release(ONE);
    assert_eq!(next(), Err(None));
}

#[test]
fn an_edge_wakes_who_waits_once() {
    struct Bell(AtomicBool);
    impl alloc::task::Wake for Bell {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let (board, ..) = board();
    board.configure(ONE, 0, 11, Direction::Input, NOW).unwrap();
    board.watch(ONE, 0, 11, true, NOW).unwrap();
    let bell = Arc::new(Bell(AtomicBool::new(false)));
    assert!(board.next_edge(ONE, NOW, &bell.clone().into()).is_err());
    board.edge(0, 11, Level::Low, NOW);
    assert!(bell.0.swap(false, Ordering::SeqCst));
    board.edge(0, 11, Level::High, NOW);
    assert!(!bell.0.load(Ordering::SeqCst), "it did not ask again");
}
