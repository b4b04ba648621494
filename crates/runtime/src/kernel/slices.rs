//! How long slices are.

use core::time::Duration;

/// How the processor is divided.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    /// The longest a container runs while others could want the processor.
    pub shared_slice: Duration,
    /// The longest a container runs while it is the only one.
    pub lone_slice: Duration,
    /// The longest a container runs after another one has been woken. It doubles with every slice that is used up, as
    /// long as nobody else is woken: whoever answers its callers shortly after they asked will be asked again soon.
    pub alert_slice: Duration,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            shared_slice: Duration::from_millis(2),
            lone_slice: Duration::from_millis(10),
            alert_slice: Duration::from_micros(500),
        }
    }
}

/// The length of the next slice: short when others may want the processor, shorter when they have just wanted it.
pub(super) struct Slices {
    schedule: Schedule,
    /// The longest that it may be while there are others.
    shared_max: Duration,
}

impl Slices {
    pub(super) const fn new(schedule: Schedule) -> Self {
        Self {
            schedule,
            shared_max: schedule.shared_slice,
        }
    }

    /// The next one, among so many containers that live; never past the next deadline.
    pub(super) fn next(&self, live: usize, until_deadline: Duration) -> Duration {
        const SLICE_MIN: Duration = Duration::from_micros(50);
        let slice = if live > 1 {
            self.shared_max
        } else {
            self.schedule.lone_slice
        };
        slice.min(until_deadline.max(SLICE_MIN))
    }

    /// A container used its slice up.
    pub(super) fn used_up(&mut self) {
        self.shared_max = (self.shared_max * 2).min(self.schedule.shared_slice);
    }

    /// A container was woken.
    pub(super) fn woken(&mut self) {
        self.shared_max = self.schedule.alert_slice.min(self.schedule.shared_slice);
    }
}
