//! What operators, attackers, the weather and the power company do.

use std::sync::Arc;

use thimble_protocol::report::Phase;
use thimble_protocol::state::{Rung, Window};
use thimble_rollout::snapshot::Approval;
use thimble_rollout::{Policy, State};

use super::World;
use crate::device::Answer;
use crate::hub::unix;
use crate::tally::Trouble;

/// An order.
#[derive(Clone, Debug)]
pub(crate) enum Order {
    Begin(usize, Option<u64>, Arc<Policy>),
    /// The wave that the rollout is in, or waits for, is approved.
    Approve(usize, String),
    Pause(usize),
    Resume(usize),
    Abort(usize),
    RollBack(usize),
    Hold(u32, bool),
    HoldUntil(u32, Option<u64>),
    Windows(u32, Vec<Window>),
    Ladder(u32, Vec<Rung>),
    /// The veto of a deployment's app is overridden, or counts again.
    Override(u32, usize, bool),
    HoldHere(u32, bool),
    /// Its apps say no until then.
    Veto(u32, u64),
    Silent(u32, bool),
    Link(u32, bool),
    /// It is cut off, and nothing links it before.
    Away(u32, u64),
    LinkSite(u32, bool),
    /// Between a site and the hub, connections that are silent are forgotten.
    Rebind(u32),
    ResetClock(u32),
    Cut(u32, u64),
    CutAt(u32, Phase),
    /// The next answer to a poll is the first state that the device ever got.
    Replay(u32),
    HubDown,
    HubUp,
    BackUp,
    Restore,
    Stall(u8, u64),
    /// Somebody looks after rollouts that stopped or wait, and does what this number says.
    Attend(u64),
    /// Everything that can be mended is mended.
    Heal,
}

impl World {
    pub(super) fn obey(&mut self, order: Order) {
        let now_ms = self.now_ms;
        if let Some((device, text)) = order.told() {
            self.trace.line(now_ms, device, || text);
        }
        match order {
            Order::Begin(deployment, revision, policy) => {
                self.begin_rollout(deployment, revision, policy)
            }
            Order::Approve(rollout, user) => self.approve(rollout, user),
            Order::Pause(rollout) => self.change(rollout, |own| own.progress.pause().is_ok()),
            Order::Resume(rollout) => {
                self.change(rollout, |own| own.progress.resume(unix(now_ms)).is_ok());
            }
            Order::Abort(rollout) => self.change(rollout, |own| own.progress.abort().is_ok()),
            Order::RollBack(rollout) => self.roll_back(rollout),
            Order::Hold(device, is_held) => {
                if is_held {
                    self.troubles.note(Trouble::Hold);
                }
                self.declare(device, |record| record.is_held = is_held);
            }
            Order::HoldUntil(device, until_ms) => {
                self.troubles.note(Trouble::Hold);
                self.declare(device, |record| record.hold_until_ms = until_ms);
            }
            Order::Windows(device, windows) => {
                self.declare(device, |record| record.windows = windows)
            }
            Order::Ladder(device, ladder) => self.declare(device, |record| record.ladder = ladder),
            Order::Override(device, deployment, is_overridden) => self.declare(device, |record| {
                record.overridden.retain(|one| *one != deployment);
                if is_overridden {
                    record.overridden.push(deployment);
                }
            }),
            Order::HoldHere(device, is_held) => self.hold_here(device, is_held),
            Order::Veto(device, until_ms) => self.devices[device as usize].veto_until_ms = until_ms,
            Order::Silent(device, is_silent) => {
                self.devices[device as usize].habits.is_silent = is_silent;
            }
            Order::Link(device, is_linked) => self.link(device, is_linked),
            Order::Away(device, until_ms) => {
                self.link(device, false);
                self.devices[device as usize].away_until_ms = until_ms;
                self.troubles.note(Trouble::OfflineForDay);
                self.order_at(until_ms, Order::Link(device, true));
            }
            Order::LinkSite(site, is_linked) => self.link_site(site, is_linked),
            Order::Rebind(site) => self.rebind(site),
            Order::ResetClock(device) => self.reset_clock(device),
            Order::Attend(choice) => self.attend(choice),
            Order::Cut(device, off_ms) => self.cut(device, off_ms),
            Order::CutAt(device, phase) => self.devices[device as usize].cut_at = Some(phase),
            Order::Replay(device) => self.devices[device as usize].is_replayed = true,
            Order::HubDown => {
                if self.hub.is_up {
                    self.crash_hub();
                }
            }
            Order::HubUp => {
                self.start_hub();
                self.trace.line(now_ms, None, || "the hub is up".into());
            }
            Order::BackUp => self.back_up_hub(),
            Order::Restore => self.restore_hub(),
            Order::Stall(executor, ms) => {
                if let Some(one) = self.executors.get_mut(usize::from(executor)) {
                    one.stall_ms = ms;
                }
            }
            Order::Heal => self.heal(),
        }
    }

    fn change(&mut self, rollout: usize, change: impl FnOnce(&mut crate::hub::Rollout) -> bool) {
        // What took its place is changed instead.
        let may = self.hub.is_up && self.hub.is_newest(rollout);
        if let Some(own) = self.hub.kept.rollouts.get_mut(rollout).filter(|_| may)
            && change(own)
        {
            own.edition += 1;
            own.has_ended = false;
            self.hub.is_dirty = true;
            let state = own.progress.state.word();
            self.trace.line(self.now_ms, None, || {
                format!("rollout {}: {state}, by order", rollout + 1)
            });
        }
    }

    fn roll_back(&mut self, rollout: usize) {
        let mut was_rolled_back = false;
        self.change(rollout, |own| {
            was_rolled_back = own.progress.roll_back().is_ok();
            was_rolled_back
        });
        if was_rolled_back {
            self.troubles.note(Trouble::RolledBackRollout);
        }
    }

    fn attend(&mut self, mut choice: u64) {
        let now = unix(self.now_ms);
        for rollout in 0..self.hub.kept.rollouts.len() {
            let own = self.hub.kept.rollouts.get(rollout);
            let digit = choice % 10;
            match (own.map(|own| own.progress.state), digit) {
                (Some(State::Paused), 0..=5) => {
                    self.change(rollout, |own| own.progress.resume(now).is_ok());
                }
                (Some(State::Paused), 6..=7) => {
                    self.change(rollout, |own| own.progress.abort().is_ok());
                }
                (Some(State::Paused), _) => self.roll_back(rollout),
                (Some(State::WaitingApproval), 0..=7) => {
                    self.approve(rollout, format!("person{digit}"));
                }
                _ => continue,
            }
            choice /= 10;
        }
    }

    fn approve(&mut self, rollout: usize, user: String) {
        self.change(rollout, |own| {
            let is_first = own.progress.state == thimble_rollout::State::Planned
                || own.progress.wave == 0 && own.progress.soak_since.is_none();
            let wave = if is_first { 0 } else { own.progress.wave + 1 };
            for wave in [own.progress.wave, wave] {
                own.approvals.push(Approval {
                    wave,
                    user: user.clone(),
                    roles: Vec::new(),
                });
            }
            true
        });
    }

    /// Changes what is declared of a device beside its deployments.
    fn declare(&mut self, device: u32, change: impl FnOnce(&mut crate::hub::Record)) {
        if !self.hub.is_up {
            return;
        }
        if let Some(record) = self.hub.kept.records.get_mut(device as usize) {
            change(record);
            self.hub.is_dirty = true;
        }
        self.hub.publish(&self.apps, device, 0, self.now_ms);
        self.unpark(device, None);
        self.call(device);
    }

    fn hold_here(&mut self, device: u32, is_held: bool) {
        let one = &mut self.devices[device as usize];
        if !one.is_on {
            return;
        }
        one.is_held_here &= is_held;
        if is_held {
            self.troubles.note(Trouble::LocalHold);
        }
        self.tell(device, thimble_agent::Event::LocalHold { is_held });
        let one = &mut self.devices[device as usize];
        // If the power went at that moment, the person at the device sees whether it was taken once the device is back.
        if one.is_on {
            one.is_held_here = is_held;
        }
        self.settle(device);
    }

    fn link(&mut self, device: u32, is_linked: bool) {
        let one = &mut self.devices[device as usize];
        if is_linked && self.now_ms < one.away_until_ms {
            return;
        }
        if !is_linked && one.is_linked {
            self.troubles.note(Trouble::Offline);
        }
        let is_back = is_linked && !one.is_linked;
        one.is_linked = is_linked;
        if is_back && one.is_on {
            let now = one.now(self.now_ms);
            one.session.hurry(now.ms);
            one.answers.push_back(Answer::Tick);
            self.settle(device);
        }
    }

    fn of_site(&self, site: u32) -> Vec<u32> {
        (0..)
            .zip(&self.hub.facts)
            .filter(|(_, facts)| facts.site == site)
            .map(|(device, _)| device)
            .collect()
    }

    fn link_site(&mut self, site: u32, is_linked: bool) {
        if !is_linked {
            self.troubles.note(Trouble::Partition);
        }
        for device in self.of_site(site) {
            self.link(device, is_linked);
        }
    }

    fn rebind(&mut self, site: u32) {
        for device in self.of_site(site) {
            if self.hub.parked[device as usize].is_some() {
                self.devices[device as usize].is_rebound = true;
                self.troubles.note(Trouble::Rebinding);
            }
        }
    }

    /// A device forgets the time of the day, until the hub answers.
    fn reset_clock(&mut self, device: u32) {
        let one = &mut self.devices[device as usize];
        if one.is_on && std::mem::replace(&mut one.is_clock_known, false) {
            self.troubles.note(Trouble::ClockReset);
            one.answers.push_back(Answer::Tick);
            self.settle(device);
        }
    }

    fn heal(&mut self) {
        self.start_hub();
        self.is_calm = true;
        if self.may_sleep {
            // Devices come to know a quarter of an hour later anyway.
            self.pace_ms = (self.pace_ms * 3).min(600_000);
        }
        self.sent = self.sent.take().map(|_| Vec::new());
        let count = u32::try_from(self.devices.len()).unwrap_or(0);
        for device in 0..count {
            let one = &mut self.devices[device as usize];
            let habits = &mut one.habits;
            (habits.loss, habits.twice, habits.cuts, habits.failing) = (0, 0, 0, 0);
            (habits.collecting, habits.is_silent) = (0, false);
            one.veto_until_ms = 0;
            one.cut_at = None;
            if !one.is_on {
                self.power_on(device);
            }
            self.link(device, true);
            if self.devices[device as usize].is_held_here {
                self.hold_here(device, false);
            }
            let is_bound = self
                .hub
                .kept
                .records
                .get(device as usize)
                .is_some_and(|record| record.is_held || record.hold_until_ms.is_some());
            if is_bound {
                self.declare(device, |record| {
                    record.is_held = false;
                    record.hold_until_ms = None;
                });
            }
        }
    }
}

impl Order {
    /// What the trace says of it, and about which device.
    fn told(&self) -> Option<(Option<u32>, String)> {
        Some(match self {
            Self::Hold(device, true) => (Some(*device), "is held by the operator".into()),
            Self::Hold(device, false) => (Some(*device), "is released by the operator".into()),
            Self::HoldUntil(device, Some(until)) => (
                Some(*device),
                format!("is held until {}", crate::trace::clock(*until)),
            ),
            Self::Windows(device, windows) => {
                (Some(*device), format!("gets {} windows", windows.len()))
            }
            Self::Override(device, _, is) => (Some(*device), format!("veto overridden: {is}")),
            Self::HoldHere(device, true) => (Some(*device), "is held at the device".into()),
            Self::HoldHere(device, false) => (Some(*device), "is released at the device".into()),
            Self::Veto(device, until) => (
                Some(*device),
                format!("its apps say no until {}", crate::trace::clock(*until)),
            ),
            Self::Link(device, true) => (Some(*device), "is connected".into()),
            Self::Link(device, false) => (Some(*device), "is cut off".into()),
            Self::Replay(device) => (Some(*device), "somebody sends its first state again".into()),
            Self::Heal => (None, "everything is mended".into()),
            _ => return None,
        })
    }
}
