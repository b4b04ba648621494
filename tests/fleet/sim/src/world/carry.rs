//! What agents ask for: judged, then done, unless the power goes in between.

use thimble_agent::{Action, Event as AgentEvent};

use thimble_protocol::report::Phase;

use super::{Sabotage, World};
use crate::apps::place_of;
use crate::device::Around;
use crate::judge::{self, Seen};
use crate::tally::Trouble;

impl World {
    /// Gives the agent an event, and does what it asks for.
    pub(super) fn tell(&mut self, device: u32, event: AgentEvent<'_>) {
        let one = &mut self.devices[device as usize];
        let now = one.now(self.now_ms);
        let mut actions = std::mem::take(&mut self.actions);
        one.agent.handle(now, event, &self.trust, &mut actions);
        if !actions.is_empty() {
            self.carry_out(device, &mut actions);
        }
        actions.clear();
        self.actions = actions;
    }

    fn carry_out(&mut self, device: u32, actions: &mut Vec<Action>) {
        let count = actions.len();
        let has_save = actions
            .iter()
            .any(|action| matches!(action, Action::Save(_)));
        let one = &mut self.devices[device as usize];
        let cut = has_save && one.random.chance(one.habits.cuts);
        let cut_at = cut.then(|| one.random.index(count + 1));
        if cut {
            self.troubles.note(Trouble::PowerCutInSave);
        }
        for (place, action) in actions.drain(..).enumerate() {
            if cut_at == Some(place) {
                // What was to come of the actions before is gone with the power, and is nobody else's.
                self.coming.clear();
                let off_ms = self.devices[device as usize].random.within(1_000, 120_000);
                self.cut(device, off_ms);
                return;
            }
            if !self.carry_out_one(device, action, cut_at.is_some()) {
                self.coming.clear();
                return;
            }
        }
        let coming = std::mem::take(&mut self.coming);
        self.put(device, coming);
        self.look_after(device);
        if cut_at == Some(count) {
            let off_ms = self.devices[device as usize].random.within(1_000, 120_000);
            self.cut(device, off_ms);
        }
    }

    fn carry_out_one(&mut self, device: u32, action: Action, is_cut_soon: bool) -> bool {
        let now_ms = self.now_ms;
        if let Action::Stop { deployment, .. } = &action {
            let truth = &self.devices[device as usize].truth;
            let place = place_of(*deployment);
            if truth.refused.contains(&place) && truth.declared.overridden.contains(&place) {
                self.troubles.note(Trouble::Override);
            }
        }
        let seen = judge::look(
            &mut self.devices[device as usize],
            &self.apps,
            &action,
            now_ms,
        );
        let apps = &self.apps;
        self.trace.line_of(now_ms, Some(device), || {
            crate::trace::of_action(&action, apps)
        });
        match seen {
            Seen::Fine => {}
            Seen::Begins => self.begins(device),
            Seen::Never(what) => {
                self.violate(Some(device), what);
                return false;
            }
        }
        if self.sabotage == Sabotage::LostSave && is_cut_soon && matches!(action, Action::Save(_)) {
            return true;
        }
        let one = &mut self.devices[device as usize];
        let around = Around {
            apps: &self.apps,
            hardware: &self.hub.facts[device as usize].hardware,
            is_reached: one.is_linked && self.hub.is_up,
            now_ms,
            troubles: &self.troubles,
        };
        one.act(action, &around, &mut self.coming);
        true
    }

    /// A change begins on a device: no more may be changing than the budget has.
    fn begins(&mut self, device: u32) {
        self.counts.changes += 1;
        let one = &mut self.devices[device as usize];
        // What is down already is not brought down by its change.
        let is_down = one
            .installed
            .iter()
            .any(|one| one.is_running && (one.health == "unhealthy" || one.state == "failed"));
        let truth = &mut one.truth;
        if !truth.declared.policy.windows.is_empty() {
            self.troubles.note(Trouble::Window);
        }
        if truth.is_forgotten || truth.was_down || is_down {
            return;
        }
        truth.is_counted = true;
        let facts = &self.hub.facts[device as usize];
        if let Some(what) = self.groups.begin(facts, &self.budgets) {
            self.violate(Some(device), what);
        }
    }

    /// What a batch of actions left behind.
    fn look_after(&mut self, device: u32) {
        let now_ms = self.now_ms;
        let one = &mut self.devices[device as usize];
        if std::mem::take(&mut one.truth.was_saved) || one.cut_at.is_some() {
            let status = one.agent.status(one.now(now_ms));
            // Only now is all of it kept: the power may go between two saves.
            one.truth.adopted = status.adopted.0;
            one.truth.committed = status.committed.0;
            if one.truth.is_changing && !judge::is_busy(&status) {
                one.truth.is_changing = false;
                if std::mem::take(&mut one.truth.is_counted) {
                    self.groups.end(&self.hub.facts[device as usize]);
                }
                let mut statuses = status.deployments.iter().map(|(_, one)| one);
                if statuses.any(|one| one.phase == Phase::RolledBack) {
                    self.troubles.note(Trouble::FailedVersion);
                }
                judge::note_good(one, &status);
            }
            if one.cut_at.is_some_and(|phase| phase == status.phase) {
                one.cut_at = None;
                self.cut(device, 5_000);
                return;
            }
        }
        if self.devices[device as usize].takes_restart() {
            self.cut(device, 3_000);
        }
    }
}
