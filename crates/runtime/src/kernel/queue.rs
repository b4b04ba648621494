//! The ready queue and the deadlines.

use core::cmp::Reverse;

use crate::config::ContainerId;
use crate::sorted::Sorted;
use crate::time::Instant;

use super::slot::Slot;

/// How far a container that has waited may run ahead of the others, in virtual nanoseconds.
const WAKE_CREDIT: u64 = 1_000_000;

/// Containers that could run, by the processor time they have had in proportion to their share.
#[derive(Default)]
pub(super) struct ReadyQueue {
    /// The least at the end, so that nothing moves when it is taken.
    order: Sorted<Reverse<(u64, ContainerId)>>,
    floor: u64,
}

impl ReadyQueue {
    pub(super) fn insert(&mut self, id: ContainerId, slot: &Slot) {
        self.order.insert(Reverse((slot.virtual_time, id)), ());
    }

    pub(super) fn remove(&mut self, id: ContainerId, slot: &Slot) {
        self.order.remove(&Reverse((slot.virtual_time, id)));
    }

    /// The container that has had least.
    pub(super) fn pop(&mut self) -> Option<ContainerId> {
        let Reverse((virtual_time, id)) = self.order.pop_last()?;
        self.floor = self.floor.max(virtual_time);
        Some(id)
    }

    /// The virtual time of the container that ran last: where newcomers begin.
    pub(super) const fn floor(&self) -> u64 {
        self.floor
    }

    /// The least virtual time of a container that has waited.
    pub(super) const fn wake_time(&self) -> u64 {
        self.floor.saturating_sub(WAKE_CREDIT)
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }
}

/// What happens at a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum DeadlineKind {
    /// A wait is over.
    Wait,
    /// The container's time is over.
    Timeout,
    /// The grace after a stop is over.
    Grace,
}

/// A deadline of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Deadline {
    pub(super) at: Instant,
    pub(super) id: ContainerId,
    pub(super) kind: DeadlineKind,
}

impl Deadline {
    pub(super) const fn wait(at: Instant, id: ContainerId) -> Self {
        Self {
            at,
            id,
            kind: DeadlineKind::Wait,
        }
    }

    pub(super) const fn timeout(at: Instant, id: ContainerId) -> Self {
        Self {
            at,
            id,
            kind: DeadlineKind::Timeout,
        }
    }

    pub(super) const fn grace(at: Instant, id: ContainerId) -> Self {
        Self {
            at,
            id,
            kind: DeadlineKind::Grace,
        }
    }
}

/// All deadlines, the earliest at the end.
#[derive(Default)]
pub(super) struct Deadlines(Sorted<Reverse<Deadline>>);

impl Deadlines {
    pub(super) fn insert(&mut self, deadline: Deadline) {
        self.0.insert(Reverse(deadline), ());
    }

    pub(super) fn remove(&mut self, deadline: Deadline) {
        self.0.remove(&Reverse(deadline));
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.0
            .keys()
            .next_back()
            .map(|Reverse(deadline)| deadline.at)
    }

    pub(super) fn pop_due(&mut self, now: Instant) -> Option<Deadline> {
        if self.next()? > now {
            None
        } else {
            self.0.pop_last().map(|Reverse(deadline)| deadline)
        }
    }
}
