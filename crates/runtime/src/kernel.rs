//! Every container's state; decides who runs next and for how long.
//!
//! A worker asks [`Kernel::next`] for something to do, runs the [`Lease`] it gets without holding any
//! lock, and hands it back to [`Kernel::finish`]. Whoever stops, kills or wakes a container does so at any
//! moment and is told whom to interrupt. The kernel owns no thread and no clock: with one worker it is a
//! single-threaded runtime, with several it stands behind a lock.
//!
//! # Invariants
//!
//! A container is in exactly one of these places: leased to a worker, in the ready queue, waiting, or
//! ended. Processor time is shared by weight among those that are ready; a container that has waited is
//! served before those that have not, but cannot save up time it did not ask for.

mod consent;
mod lease;
mod queue;
mod slices;
mod slot;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use crate::config::{ContainerConfig, ContainerId, ContainerUpdate};
use crate::engine::{Budget, Yield};
use crate::record::{End, ExitRecord};
use crate::sorted::Sorted;
use crate::time::Instant;

use queue::{Deadline, Deadlines, ReadyQueue};
use slices::Slices;
use slot::Slot;

pub use consent::Asked;
pub use lease::{Body, Effect, Ended, Lease, Next};
pub use slices::Schedule;
pub use slot::{State, StateError, Usage};

/// How a run begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beginning {
    /// It runs.
    Running,
    /// It does nothing until [`Kernel::unpause`].
    Paused,
}

/// The containers and their schedule.
pub struct Kernel {
    slices: Slices,
    slots: Sorted<ContainerId, Box<Slot>>,
    ready: ReadyQueue,
    deadlines: Deadlines,
    last_id: u64,
    /// Containers that have been started and have not ended.
    live: usize,
    ended: Vec<Ended>,
}

impl Kernel {
    /// A kernel without containers.
    #[must_use]
    pub fn new(schedule: Schedule) -> Self {
        Self {
            slices: Slices::new(schedule),
            slots: Sorted::new(),
            ready: ReadyQueue::default(),
            deadlines: Deadlines::default(),
            last_id: 0,
            live: 0,
            ended: Vec::new(),
        }
    }

    /// Adds a container in the state created.
    pub fn create(&mut self, config: Arc<ContainerConfig>) -> ContainerId {
        let id = self.new_id();
        self.slots.insert(id, Box::new(Slot::new(config)));
        id
    }

    /// An id that no container has or will have, for somebody else on the bus.
    pub fn new_id(&mut self) -> ContainerId {
        self.last_id = self.last_id.saturating_add(1);
        ContainerId::new(self.last_id)
    }

    /// Changes a container's configuration, in whatever state it is. One that is running hears of it before its next
    /// slice.
    ///
    /// # Errors
    /// [`StateError::Unknown`].
    pub fn update(&mut self, id: ContainerId, update: &ContainerUpdate) -> Result<(), StateError> {
        let slot = self.slots.get_mut(&id).ok_or(StateError::Unknown)?;
        slot.config = Arc::new(update.applied_to(&slot.config));
        if let Some(body) = &mut slot.body {
            body.reconfigure(&slot.config);
        }
        Ok(())
    }

    /// Starts a created or ended container with a fresh body; or has it paused before it has done anything.
    ///
    /// # Errors
    /// [`StateError`] when it is running or paused; the body comes back with it.
    pub fn start(
        &mut self,
        id: ContainerId,
        body: Box<Body>,
        beginning: Beginning,
        now: Instant,
        realtime_nanos: u64,
    ) -> Result<(), (StateError, Box<Body>)> {
        let Some(slot) = self.slots.get_mut(&id) else {
            return Err((StateError::Unknown, body));
        };
        if slot.is_live() {
            return Err((
                StateError::Wrong {
                    state: slot.state(),
                },
                body,
            ));
        }
        slot.start(body, realtime_nanos, self.ready.floor());
        self.live += 1;
        if let Some(timeout) = slot.config.timeout {
            slot.ending().timeout_at = Some(now + timeout);
            self.deadlines.insert(Deadline::timeout(now + timeout, id));
        }
        match beginning {
            Beginning::Running => self.ready.insert(id, slot),
            Beginning::Paused => slot.paused = true,
        }
        Ok(())
    }

    /// The next thing for a worker to do.
    pub fn next(&mut self, now: Instant, realtime_nanos: impl Fn() -> u64) -> Next {
        self.expire(now, &realtime_nanos);
        if let Some(ended) = self.ended.pop() {
            return Next::Dispose(ended);
        }
        let Some(id) = self.ready.pop() else {
            return Next::Idle {
                until: self.deadlines.next(),
            };
        };
        let until_deadline = self
            .deadlines
            .next()
            .map_or(Duration::MAX, |deadline| deadline.since(now));
        let time = self.slices.next(self.live, until_deadline);
        let Some((body, fuel)) = self.slots.get_mut(&id).and_then(|slot| slot.lease(time)) else {
            return Next::Idle { until: Some(now) };
        };
        Next::Run(Lease {
            id,
            body,
            budget: Budget { time, fuel },
            began: now,
        })
    }

    /// Takes back a lease after its slice.
    pub fn finish(
        &mut self,
        lease: Lease,
        yielded: Yield,
        now: Instant,
        realtime_nanos: impl Fn() -> u64,
    ) {
        let Lease {
            id,
            body,
            budget,
            began,
        } = lease;
        let Some(slot) = self.slots.get_mut(&id) else {
            self.ended.push(Ended {
                body,
                outcome: None,
            });
            return;
        };
        slot.account(&body, now.since(began), budget, &yielded);
        if matches!(yielded, Yield::Preempted) {
            self.slices.used_up();
        }
        let end = match (slot.doom.take(), yielded) {
            (_, Yield::Exited(code)) => Some(End::Exited(code)),
            (_, Yield::Trapped(trap)) => Some(End::Trapped(trap)),
            (Some(end), _) => Some(*end),
            (None, yielded) => {
                self.put_back(id, body, &yielded);
                return;
            }
        };
        if let Some(end) = end {
            self.end(id, body, end, realtime_nanos());
        }
    }

    /// Puts a container that goes on where it belongs.
    fn put_back(&mut self, id: ContainerId, mut body: Box<Body>, yielded: &Yield) {
        let Some(slot) = self.slots.get_mut(&id) else {
            return;
        };
        body.reconfigure(&slot.config);
        slot.wants_update_question = body.host.wants_update_question();
        let wait_until = body.host.wait_until();
        slot.body = Some(body);
        if matches!(yielded, Yield::Blocked) && !slot.woken {
            slot.waiting_until = wait_until;
            slot.waiting = true;
            if let Some(until) = wait_until {
                self.deadlines.insert(Deadline::wait(until, id));
            }
        } else if !slot.paused {
            self.ready.insert(id, slot);
        }
    }

    fn end(&mut self, id: ContainerId, body: Box<Body>, end: End, realtime_nanos: u64) {
        let mut outcome = None;
        if let Some(slot) = self.slots.get_mut(&id) {
            slot.end(&body, end, realtime_nanos);
            // The next run has deadlines of its own.
            let ending = slot.take_ending();
            if let Some(at) = ending.timeout_at {
                self.deadlines.remove(Deadline::timeout(at, id));
            }
            if let Some(at) = ending.kill_at {
                self.deadlines.remove(Deadline::grace(at, id));
            }
            self.live -= 1;
            slot.releasing = true;
            outcome = slot
                .record
                .as_deref()
                .map(|record| (record.clone(), slot.usage()));
        }
        self.ended.push(Ended { body, outcome });
    }

    /// Acts on every deadline that has passed.
    fn expire(&mut self, now: Instant, realtime_nanos: &impl Fn() -> u64) {
        while let Some(deadline) = self.deadlines.pop_due(now) {
            let Some(slot) = self.slots.get_mut(&deadline.id) else {
                continue;
            };
            match deadline.kind {
                queue::DeadlineKind::Wait => {
                    if slot.waiting && slot.waiting_until == Some(deadline.at) {
                        slot.waiting_until = None;
                        self.make_ready(deadline.id);
                    }
                }
                queue::DeadlineKind::Timeout => {
                    self.doom(deadline.id, End::TimedOut, realtime_nanos())
                }
                queue::DeadlineKind::Grace => self.doom(deadline.id, End::Killed, realtime_nanos()),
            }
        }
    }

    /// Moves a waiting container to the ready queue.
    fn make_ready(&mut self, id: ContainerId) {
        let Some(slot) = self.slots.get_mut(&id) else {
            return;
        };
        slot.waiting = false;
        if let Some(until) = slot.waiting_until.take() {
            self.deadlines.remove(Deadline::wait(until, id));
        }
        if slot.body.is_some() && !slot.paused {
            slot.virtual_time = slot.virtual_time.max(self.ready.wake_time());
            self.ready.insert(id, slot);
        }
    }

    /// Something a container may wait for has happened. Whether an idle worker should ask again.
    pub fn wake(&mut self, id: ContainerId) -> bool {
        let Some(slot) = self.slots.get_mut(&id) else {
            return false;
        };
        slot.woken = true;
        if !slot.waiting || slot.body.is_none() {
            return false;
        }
        self.make_ready(id);
        self.slices.woken();
        true
    }

    /// Ends a live container: at once if it is not running, at the end of its slice otherwise.
    fn doom(&mut self, id: ContainerId, end: End, realtime_nanos: u64) {
        let Some(slot) = self.slots.get_mut(&id) else {
            return;
        };
        if !slot.is_live() {
            return;
        }
        let Some(body) = slot.body.take() else {
            slot.doom.get_or_insert_with(|| Box::new(end));
            return;
        };
        self.ready.remove(id, slot);
        slot.waiting = false;
        if let Some(until) = slot.waiting_until.take() {
            self.deadlines.remove(Deadline::wait(until, id));
        }
        self.end(id, body, end, realtime_nanos);
    }

    fn live_slot(&mut self, id: ContainerId) -> Result<&mut Slot, StateError> {
        let slot = self.slots.get_mut(&id).ok_or(StateError::Unknown)?;
        if slot.is_live() {
            Ok(slot)
        } else {
            Err(StateError::Wrong {
                state: slot.state(),
            })
        }
    }

    fn effect(&mut self, id: ContainerId, notify: bool) -> Effect {
        let interrupt = self
            .slots
            .get(&id)
            .filter(|slot| slot.is_leased())
            .and_then(|slot| slot.interrupt.clone());
        Effect {
            interrupt,
            dispose: self.ended.pop(),
            notify,
        }
    }

    /// Kills a container.
    ///
    /// # Errors
    /// [`StateError`] when it is not running or paused.
    pub fn kill(&mut self, id: ContainerId, realtime_nanos: u64) -> Result<Effect, StateError> {
        self.live_slot(id)?;
        self.doom(id, End::Killed, realtime_nanos);
        Ok(self.effect(id, false))
    }

    /// Stops a container: one that can hear of it is asked and killed after its grace, or after `grace` if there is
    /// one; any other is ended at once, as a process without a signal handler would be. Asked again, the time that
    /// ends first counts.
    ///
    /// # Errors
    /// [`StateError`] when it is not running or paused.
    pub fn stop(
        &mut self,
        id: ContainerId,
        grace: Option<Duration>,
        now: Instant,
        realtime_nanos: u64,
    ) -> Result<Effect, StateError> {
        let slot = self.live_slot(id)?;
        let grace = grace.unwrap_or(slot.config.stop_grace);
        if !slot.hears_stop || grace.is_zero() {
            self.doom(id, End::Stopped, realtime_nanos);
            return Ok(self.effect(id, false));
        }
        // A zero grace marks that it was told.
        let ending = slot.ending();
        ending.stop.get_or_insert(grace);
        let kill_at = now + grace;
        if ending.kill_at.is_none_or(|before| kill_at < before) {
            if let Some(before) = ending.kill_at.replace(kill_at) {
                self.deadlines.remove(Deadline::grace(before, id));
            }
            self.deadlines.insert(Deadline::grace(kill_at, id));
        }
        let notify = self.wake(id);
        Ok(self.effect(id, notify))
    }

    /// Keeps a container from running until [`Kernel::unpause`]. Its deadlines go on.
    ///
    /// # Errors
    /// [`StateError`] when it is not running.
    pub fn pause(&mut self, id: ContainerId) -> Result<Effect, StateError> {
        let slot = self.live_slot(id)?;
        if slot.paused {
            return Err(StateError::Wrong {
                state: State::Paused,
            });
        }
        slot.paused = true;
        if let Some(slot) = self.slots.get(&id) {
            self.ready.remove(id, slot);
        }
        Ok(self.effect(id, false))
    }

    /// Lets a paused container run again.
    ///
    /// # Errors
    /// [`StateError`] when it is not paused.
    pub fn unpause(&mut self, id: ContainerId) -> Result<Effect, StateError> {
        let slot = self.live_slot(id)?;
        if !slot.paused {
            return Err(StateError::Wrong {
                state: slot.state(),
            });
        }
        slot.paused = false;
        // Whatever it waited for may have come meanwhile: it asks again.
        if slot.body.is_some() {
            self.make_ready(id);
        }
        Ok(self.effect(id, true))
    }

    /// Forgets a container that is not live.
    ///
    /// # Errors
    /// [`StateError`] when it is live or unknown.
    pub fn remove(&mut self, id: ContainerId) -> Result<(), StateError> {
        let slot = self.slots.get(&id).ok_or(StateError::Unknown)?;
        if slot.is_live() {
            return Err(StateError::Wrong {
                state: slot.state(),
            });
        }
        self.slots.remove(&id);
        Ok(())
    }

    /// Hears that what the last run of a container held is given back.
    pub fn released(&mut self, id: ContainerId) {
        if let Some(slot) = self.slots.get_mut(&id) {
            slot.releasing = false;
        }
    }

    /// Whether a container has ended and what it held is not given back yet.
    #[must_use]
    pub fn is_releasing(&self, id: ContainerId) -> bool {
        self.slots.get(&id).is_some_and(|slot| slot.releasing)
    }

    /// Takes out what is left of a container's last run, unless somebody else has.
    pub fn take_ended(&mut self, id: ContainerId) -> Option<Ended> {
        let place = self
            .ended
            .iter()
            .position(|ended| ended.body.host.id() == id)?;
        Some(self.ended.swap_remove(place))
    }

    /// A container's state.
    #[must_use]
    pub fn state(&self, id: ContainerId) -> Option<State> {
        self.slots.get(&id).map(|slot| slot.state())
    }

    /// A container's configuration.
    #[must_use]
    pub fn config(&self, id: ContainerId) -> Option<&Arc<ContainerConfig>> {
        self.slots.get(&id).map(|slot| &slot.config)
    }

    /// How a container's last run ended.
    #[must_use]
    pub fn record(&self, id: ContainerId) -> Option<&ExitRecord> {
        self.slots.get(&id)?.record.as_deref()
    }

    /// What a container's current or last run has used.
    #[must_use]
    pub fn usage(&self, id: ContainerId) -> Option<Usage> {
        self.slots.get(&id).map(|slot| slot.usage())
    }

    /// All containers, in the order of their creation.
    pub fn ids(&self) -> impl Iterator<Item = ContainerId> + '_ {
        self.slots.keys().copied()
    }

    /// Containers that have been started and have not ended.
    #[must_use]
    pub const fn live(&self) -> usize {
        self.live
    }

    /// Containers that could run now if there were a worker.
    #[must_use]
    pub fn ready(&self) -> usize {
        self.ready.len()
    }
}
