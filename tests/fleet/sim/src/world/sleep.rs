//! Until when a device sleeps.
//!
//! Once everything is mended, a poll whose answer is that nothing is new changes nothing but when the next one is. Most of a
//! fleet's life would be that. Where [`World::may_sleep`] says so, such devices sleep until there is something new for them, or
//! until their agents would miss the hub; then they poll at a moment that the seed chooses, as far from now as their next poll
//! would have been.

use super::{Event, World};

/// Milliseconds before the end of an agent's patience at which it is woken, beyond those that a poll waits at the hub.
const BEFORE_MS: u64 = 60_000;

impl World {
    /// Sleeps until something is due: for the session, if it says when, or for the agent.
    pub(super) fn sleep(&mut self, device: u32, session_ms: Option<u64>) {
        let one = &mut self.devices[device as usize];
        let agent_ms = one.agent.deadline();
        let due = [session_ms, agent_ms].into_iter().flatten().min();
        let Some(due_ms) = due.filter(|due_ms| *due_ms < u64::MAX) else {
            return;
        };
        let at_ms = one.at(due_ms).max(self.now_ms + 1);
        // The end of what is under way wakes it before.
        let now_ms = self.now_ms;
        let mut flights = one.flights.iter().map(|flight| flight.lands_ms);
        if session_ms.is_none() && flights.any(|lands_ms| (now_ms + 1..=at_ms).contains(&lands_ms))
        {
            return;
        }
        let before_ms = BEFORE_MS + one.pause_ms().1;
        let agent_ms = agent_ms.map(|agent_ms| one.at(agent_ms).saturating_sub(before_ms));
        if self.is_calm && session_ms.is_some() && self.has_all(device, agent_ms) {
            self.hub.let_sleep(device);
            let one = &mut self.devices[device as usize];
            one.is_asleep = true;
            one.wake_ms = u64::MAX;
            if let Some(at_ms) = agent_ms {
                self.wake_at(device, at_ms);
            }
            return;
        }
        self.wake_at(device, at_ms);
    }

    fn wake_at(&mut self, device: u32, at_ms: u64) {
        let one = &mut self.devices[device as usize];
        if one.wake_ms <= self.now_ms || at_ms != one.wake_ms {
            one.wake_ms = at_ms;
            self.queue.put(at_ms, Event::Wake(device));
        }
    }

    /// Whether nothing is to be done about a device for as long as the hub says nothing new.
    fn has_all(&self, device: u32, agent_ms: Option<u64>) -> bool {
        let one = &self.devices[device as usize];
        let (poll_ms, wait_ms) = one.pause_ms();
        let is_far = agent_ms.is_none_or(|at_ms| at_ms > self.now_ms + 2 * (poll_ms + wait_ms));
        let record = self.hub.kept.records.get(device as usize);
        let is_declared = record.is_some_and(|record| record.tag == one.session.etag());
        self.may_sleep
            && is_far
            && is_declared
            && one.is_unchanged
            && one.flights.is_empty()
            && one.answers.is_empty()
    }

    /// A device is about to do something: what it slept through happened.
    pub(super) fn rouse(&mut self, device: u32) {
        let one = &mut self.devices[device as usize];
        if std::mem::take(&mut one.is_asleep) {
            one.truth.heard_ms = self.now_ms;
            self.hub.hear(device, self.now_ms);
        }
    }

    /// There is something new for a device: if it sleeps, it comes to know with its next poll.
    pub(super) fn call(&mut self, device: u32) {
        let one = &mut self.devices[device as usize];
        if !one.is_asleep {
            return;
        }
        let (poll_ms, wait_ms) = one.pause_ms();
        // Within this it waits at the hub, and is answered at once.
        let after_ms = one.random.below(poll_ms + wait_ms).saturating_sub(wait_ms);
        self.wake_at(device, self.now_ms + 1 + after_ms);
    }
}
