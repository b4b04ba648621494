//! Executors: who has the lease plans rollout after rollout, and keeps each plan a little later.

use std::sync::Arc;

use thimble_rollout::snapshot::Outcome;
use thimble_rollout::{Plan, Standing, State, Transition, UnixMs};

use super::{Event, Sabotage, World};
use crate::hub::{AWAY_MS, Made, unix};
use crate::tally::Trouble;

/// For how long a lease is taken.
const LEASE_MS: u64 = 30_000;

/// How often rollouts are looked at in any case.
const LOOK_MS: u64 = 60_000;

impl World {
    pub(super) fn step(&mut self, executor: u8) {
        let now_ms = self.now_ms;
        let again = Event::Step(executor);
        if !self.hub.is_up {
            self.queue.put(now_ms + 5_000, again);
            return;
        }
        let lease = &mut self.hub.kept.lease;
        if lease.owner != Some(executor) {
            if now_ms < lease.until_ms {
                self.queue.put(now_ms + 5_000, again);
                return;
            }
            lease.owner = Some(executor);
            lease.token += 1;
            self.hub.is_dirty = true;
        }
        let lease = &mut self.hub.kept.lease;
        lease.until_ms = now_ms + LEASE_MS.max(self.pace_ms * 3);
        let token = lease.token;
        let is_due = self
            .hub
            .next_look_ms
            .is_some_and(|next_ms| next_ms <= now_ms);
        let is_due = is_due || now_ms >= self.looked_ms + self.look_ms();
        if !self.hub.is_dirty && !is_due {
            self.queue.put(now_ms + self.pace_ms, again);
            return;
        }
        self.looked_ms = now_ms;
        self.hub.is_dirty = false;
        self.hub.next_look_ms = None;
        let rollouts = 0..self.hub.kept.rollouts.len();
        let mut live: Vec<usize> = rollouts
            .filter(|rollout| self.hub.is_live(*rollout))
            .collect();
        live.reverse();
        self.plan_next(executor, token, live);
    }

    /// Plans the next of these rollouts, the last one first, and has it kept.
    fn plan_next(&mut self, executor: u8, token: u64, mut left: Vec<usize>) {
        let Some(rollout) = left.pop() else {
            self.queue
                .put(self.now_ms + self.pace_ms, Event::Step(executor));
            return;
        };
        if self.sabotage == Sabotage::Hasty {
            self.believe(rollout);
        }
        let look_ms = self.look_ms();
        let due = self.hub.is_due(&self.apps, rollout, self.now_ms, look_ms);
        if let Err(next) = due {
            self.look_at(next);
            return self.plan_next(executor, token, left);
        }
        let Some(made) = self.hub.plan(&self.apps, rollout, token, self.now_ms) else {
            return self.plan_next(executor, token, left);
        };
        self.counts.looks += 1;
        let stall_ms = self
            .executors
            .get_mut(usize::from(executor))
            .map_or(0, |one| std::mem::take(&mut one.stall_ms));
        let takes_ms = self.random.within(10, 200) + stall_ms;
        let life = self.hub.life;
        let event = Event::Commit(executor, Box::new(made), left, life);
        self.queue.put(self.now_ms + takes_ms, event);
    }

    pub(super) fn commit(&mut self, executor: u8, made: &Made, left: Vec<usize>, life: u32) {
        if !self.hub.is_up || self.hub.life != life {
            self.queue.put(self.now_ms + 5_000, Event::Step(executor));
            return;
        }
        let is_unfenced = self.sabotage == Sabotage::Fence;
        let is_owner = self.hub.kept.lease.token == made.token;
        let down = self.down_of(made);
        let kept = if is_owner || is_unfenced {
            self.hub.keep(&self.apps, made, is_unfenced)
        } else {
            None
        };
        let Some(changed) = kept else {
            self.troubles.note(Trouble::Fenced);
            self.hub.is_dirty = true;
            self.queue
                .put(self.now_ms + self.pace_ms, Event::Step(executor));
            return;
        };
        if !is_owner {
            self.violate(
                None,
                format!("executor {executor} kept a plan after another took its lease"),
            );
            return;
        }
        let plan = &made.plan;
        self.note_troubles(plan);
        if !plan.assignments.is_empty() {
            self.given_ms = self.now_ms;
        }
        if !(plan.assignments.is_empty() && plan.closed.is_empty() && plan.transitions.is_empty()) {
            self.counts.plans += 1;
            self.hub.is_dirty = true;
        }
        self.look_at(plan.next_look);
        self.trace_plan(made);
        for (device, was_down) in changed.into_iter().zip(down) {
            self.devices[device as usize].truth.was_down = was_down;
            if self.hub.attempts_open(device) > 1 {
                self.violate(Some(device), "two changes of it are open at once".into());
                return;
            }
            self.unpark(device, None);
            self.call(device);
        }
        self.plan_next(executor, made.token, left);
    }

    /// Which of the devices that a plan changes are down already, as far as anybody but the device can know. Such a one may change
    /// beyond the budget: that takes no further device down.
    fn down_of(&self, made: &Made) -> Vec<bool> {
        let devices = made.plan.assignments.iter().map(|one| one.device);
        let is_down = |id| {
            let record = self.hub.kept.records.get(crate::hub::index_of(id));
            record.is_some_and(|record| {
                let seen_ms = record.seen_ms.unwrap_or(0);
                record.is_unhealthy || record.is_retrying || seen_ms + AWAY_MS <= made.at_ms
            })
        };
        devices.map(is_down).collect()
    }

    fn note_troubles(&self, plan: &Plan) {
        for transition in &plan.transitions {
            if let Transition::Stopped { state, .. } = transition {
                self.troubles.note(Trouble::StoppedRollout);
                if *state == State::RollingBack {
                    self.troubles.note(Trouble::RolledBackRollout);
                }
            }
        }
        let places = plan.places.iter().map(|place| &place.standing);
        let waiting = places.filter(|standing| matches!(standing, Standing::Budget(_)));
        let waiting = u64::try_from(waiting.count()).unwrap_or(u64::MAX);
        self.troubles.note_all(Trouble::Budget, waiting);
    }

    /// How often rollouts are looked at in any case.
    fn look_ms(&self) -> u64 {
        // Nobody gets lost any more once all is mended.
        let times = if self.is_calm { 12 } else { 10 };
        LOOK_MS.max(self.pace_ms * times)
    }

    /// Looks at rollouts again then, if not before.
    fn look_at(&mut self, at: Option<UnixMs>) {
        if let Some(at) = at {
            let at_ms = at.0.saturating_sub(unix(0).0);
            let before_ms = self.hub.next_look_ms.unwrap_or(u64::MAX);
            self.hub.next_look_ms = Some(before_ms.min(at_ms));
        }
    }

    fn trace_plan(&mut self, made: &Made) {
        let apps = &self.apps;
        let name = self
            .hub
            .kept
            .rollouts
            .get(made.rollout)
            .and_then(|own| apps.deployments.get(own.deployment))
            .map_or("", |deployment| &deployment.name);
        for transition in &made.plan.transitions {
            self.trace.line(self.now_ms, None, || {
                format!("rollout {} of {name}: {transition}", made.rollout + 1)
            });
        }
        for closed in &made.plan.closed {
            let device = u32::try_from(crate::hub::index_of(closed.device)).ok();
            let text = || match &closed.outcome {
                Outcome::Failed { why, .. } => {
                    format!("rollout {}: failed: {why}", made.rollout + 1)
                }
                Outcome::Succeeded { .. } => format!("rollout {}: succeeded", made.rollout + 1),
                Outcome::TimedOut { .. } => format!("rollout {}: took too long", made.rollout + 1),
                Outcome::Replaced { .. } => format!("rollout {}: replaced", made.rollout + 1),
                Outcome::Open => String::new(),
            };
            self.trace.line(self.now_ms, device, text);
        }
        for one in &made.plan.assignments {
            let device = u32::try_from(crate::hub::index_of(one.device)).ok();
            let text = || match one.to {
                Some(to) => format!(
                    "rollout {}: is given {name} {}",
                    made.rollout + 1,
                    to.revision
                ),
                None => format!("rollout {}: {name} is taken away", made.rollout + 1),
            };
            self.trace.line(self.now_ms, device, text);
        }
    }

    /// Takes every open change for one that succeeded: a hub that is wrong.
    fn believe(&mut self, rollout: usize) {
        let at = unix(self.now_ms);
        self.hub.forget_views();
        if let Some(own) = self.hub.kept.rollouts.get_mut(rollout) {
            for row in &mut own.rows {
                if let Some(attempt) = row
                    .attempt
                    .as_mut()
                    .filter(|one| one.outcome == Outcome::Open)
                {
                    attempt.outcome = Outcome::Succeeded { at };
                }
            }
        }
    }

    /// The hub's process dies: plans, polls that wait and answers on their way are lost.
    pub(super) fn crash_hub(&mut self) {
        self.troubles.note(Trouble::HubCrash);
        let parked = self.hub.crash();
        for (device, flight) in parked {
            let boot = self.devices[device as usize].boot;
            let fate = super::Fate::Failed(thimble_protocol::session::Failure::Connection);
            self.queue.put(
                self.now_ms + 500,
                Event::Response(device, boot, flight, fate),
            );
        }
        self.trace
            .line(self.now_ms, None, || "the hub is down".into());
    }

    /// The hub's process starts, if it does not run.
    pub(super) const fn start_hub(&mut self) {
        if !self.hub.is_up {
            self.hub.is_up = true;
            self.hub.up_since_ms = self.now_ms;
            self.hub.is_dirty = true;
        }
    }

    /// The hub gets back what a backup holds: it knows less than its devices.
    pub(super) fn restore_hub(&mut self) {
        let Some(backup) = self.hub.backup.clone() else {
            return;
        };
        if self.hub.is_up {
            self.crash_hub();
        }
        self.troubles.note(Trouble::HubRestore);
        self.hub.kept = backup;
        self.hub.forget_views();
        self.hub.kept.lease.until_ms = 0;
        // Tokens go on: a fence must hold over a restore too.
        self.hub.kept.lease.token += 1000;
        for (device, record) in self.devices.iter_mut().zip(&self.hub.kept.records) {
            let has = device.agent.tag().map_or(0, |tag| tag.version().0);
            if has > record.version || device.truth.is_changing {
                device.truth.is_forgotten = true;
                if std::mem::take(&mut device.truth.is_counted) {
                    self.groups.end(&self.hub.facts[device.index as usize]);
                }
            }
        }
        self.hub.is_dirty = true;
        self.trace.line(self.now_ms, None, || {
            "the hub is restored from its backup".into()
        });
    }

    pub(super) fn back_up_hub(&mut self) {
        self.hub.backup = Some(self.hub.kept.clone());
        self.trace
            .line(self.now_ms, None, || "the hub is backed up".into());
    }

    /// The policy of a rollout.
    pub(crate) fn begin_rollout(
        &mut self,
        deployment: usize,
        revision: Option<u64>,
        policy: Arc<thimble_rollout::Policy>,
    ) {
        let place = self.hub.begin(deployment, revision, policy);
        let name = self
            .apps
            .deployments
            .get(deployment)
            .map_or("", |one| &one.name);
        self.trace.line(self.now_ms, None, || match revision {
            Some(revision) => format!(
                "rollout {} of {name}: revision {revision} is ordered",
                place + 1
            ),
            None => format!("rollout {} of {name}: its removal is ordered", place + 1),
        });
    }
}
