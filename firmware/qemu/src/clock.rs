//! Embassy's clock, a tick a microsecond: who waits until when, and the one alarm that is set for it.

use core::cell::RefCell;
use core::task::Waker;

use critical_section::{CriticalSection, Mutex};
use embassy_time_driver::{Driver, TICK_HZ, time_driver_impl};
use embassy_time_queue_utils::Queue;

use crate::processor::timer;

// The timers count in microseconds.
const _: () = assert!(TICK_HZ == 1_000_000);

struct Clock {
    queue: Mutex<RefCell<Queue>>,
}

time_driver_impl!(static CLOCK: Clock = Clock {
    queue: Mutex::new(RefCell::new(Queue::new())),
});

impl Driver for Clock {
    fn now(&self) -> u64 {
        timer::now()
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        critical_section::with(|section| {
            if self.queue.borrow_ref_mut(section).schedule_wake(at, waker) {
                self.serve(section);
            }
        });
    }
}

impl Clock {
    /// Wakes who is due, and sets the alarm for the next one.
    fn serve(&self, section: CriticalSection<'_>) {
        loop {
            let next = self
                .queue
                .borrow_ref_mut(section)
                .next_expiration(timer::now());
            if timer::set_alarm(next) {
                return;
            }
        }
    }
}

/// Starts the timers.
pub(crate) fn begin() {
    timer::begin();
}

/// The alarm's time has come, or may have.
pub(crate) fn ring() {
    critical_section::with(|section| CLOCK.serve(section));
}
