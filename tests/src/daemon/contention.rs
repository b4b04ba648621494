//! Many who want different things of one container at once: each is answered, and every answer makes sense.

use std::sync::atomic::{AtomicBool, Ordering};

use thimble_device_api::{ContainerSpec, ProblemKind, State};

use super::device::{Device, problem};
use super::guests::{IDLE, plain};

#[test]
fn conflicting_requests_come_one_after_the_other() {
    let device = Device::started();
    device.image("idle", IDLE, plain());
    let made: Vec<bool> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let spec = ContainerSpec {
                        name: Some("one".into()),
                        ..Device::spec("idle")
                    };
                    match device.client().create(&spec, true) {
                        Ok(_) => true,
                        refused => {
                            assert_eq!(problem(refused).kind, ProblemKind::NameInUse);
                            false
                        }
                    }
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(made.iter().filter(|made| **made).count(), 1);
    std::thread::scope(|scope| {
        for number in 0..8 {
            let device = &device;
            scope.spawn(move || {
                let client = device.client();
                for round in 0..10 {
                    // Whatever comes first: each answer is one that makes sense.
                    let outcome = match (number + round) % 4 {
                        0 => client.stop("one", Some(50)).map(|_| ()),
                        1 => client.start("one").map(|_| ()),
                        2 => client.pause("one").map(|_| ()),
                        _ => client.unpause("one").map(|_| ()),
                    };
                    if outcome.is_err() {
                        assert_eq!(problem(outcome).kind, ProblemKind::WrongState);
                    }
                }
            });
        }
    });
    device.client().start("one").unwrap();
    let _ = device.client().unpause("one");
    assert_eq!(
        device.client().container("one").unwrap().state,
        State::Running
    );
    device.client().remove("one", true, false).unwrap();
}

#[test]
fn an_end_is_told_although_others_start_it_anew_at_once() {
    let device = Device::started();
    device.image("idle", IDLE, plain());
    let spec = ContainerSpec {
        name: Some("one".into()),
        ..Device::spec("idle")
    };
    device.client().create(&spec, true).unwrap();
    let ends = Ends::default();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let client = device.client();
                while !ends.are_over() {
                    client.start("one").unwrap();
                }
            });
        }
        let _over = ends.over_when_dropped();
        let client = device.client();
        for round in 0..30 {
            let outcome = match round % 3 {
                0 => client.stop("one", Some(50)).map(|_| ()),
                1 => client.kill("one").map(|_| ()),
                _ => client.restart("one", Some(50)).map(|_| ()),
            };
            if outcome.is_err() {
                assert_eq!(problem(outcome).kind, ProblemKind::WrongState);
            }
        }
    });
    device.client().remove("one", true, false).unwrap();
}

/// Tells other threads that it is over, also if this one panics.
#[derive(Default)]
struct Ends(AtomicBool);

struct Over<'a>(&'a Ends);

impl Ends {
    fn are_over(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    fn over_when_dropped(&self) -> Over<'_> {
        Over(self)
    }
}

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Release);
    }
}
