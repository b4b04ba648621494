//! The end: time has run on with nothing failing. Every device has what is declared or what it had before, and for each that is
//! not as declared the planner gives a reason.

use thimble_protocol::report::{DeploymentState, Phase, ReasonCode};

use super::World;
use crate::apps::place_of;
use crate::hub::Row;

/// Milliseconds without anything being begun after which nothing will be: more than a device needs for a change.
const QUIET_MS: u64 = 2 * 3_600_000;

/// Words of the planner by which a device has what it is to have.
const AS_DECLARED: [&str; 2] = ["up-to-date", "succeeded"];
/// Words by which something is still going on.
const UNDER_WAY: [&str; 3] = ["begins", "goes-back", "updating"];

impl World {
    /// Whether nothing is under way, and nothing would begin now.
    pub(crate) fn is_settled(&self) -> bool {
        let mut rollouts = self.hub.kept.rollouts.iter();
        self.now_ms >= self.given_ms + QUIET_MS
            && !rollouts.any(|own| own.rows.iter().any(Row::is_open))
            && !self.newest().iter().any(|rollout| {
                let standings = self.hub.standings(&self.apps, *rollout, self.now_ms);
                standings
                    .iter()
                    .any(|(_, word, _)| UNDER_WAY.contains(word))
            })
    }

    /// The last rollout of each deployment.
    fn newest(&self) -> Vec<usize> {
        let rollouts = &self.hub.kept.rollouts;
        let deployments = 0..self.apps.deployments.len();
        deployments
            .filter_map(|deployment| {
                let mut all = rollouts.iter();
                all.rposition(|one| one.deployment == deployment)
            })
            .collect()
    }

    /// Judges the fleet.
    pub(crate) fn judge_end(&mut self) {
        if !self.violations.is_empty() {
            return;
        }
        let count = u32::try_from(self.devices.len()).unwrap_or(0);
        for device in 0..count {
            if let Some(what) = self.differs(device) {
                self.violate(Some(device), what);
                return;
            }
        }
        for rollout in self.newest() {
            for (device, word, text) in self.hub.standings(&self.apps, rollout, self.now_ms) {
                if let Some(what) = self.is_misjudged(rollout, device, word, &text) {
                    self.violate(Some(device), what);
                    return;
                }
            }
        }
    }

    /// Whether a device has neither what is declared nor what it had before.
    fn differs(&self, device: u32) -> Option<String> {
        let one = &self.devices[device as usize];
        let record = self.hub.kept.records.get(device as usize)?;
        // A hub whose backup has no state for it never told it anything: it keeps what it has.
        if record.version == 0 {
            return None;
        }
        let status = one.agent.status(one.now(self.now_ms));
        for place in 0..self.apps.deployments.len() {
            let declared = record
                .revision(place)
                .and_then(|revision| self.apps.number(place, revision));
            let declared = declared.map(|version| version.digest);
            let running = one.running(place);
            if running == declared {
                continue;
            }
            let name = &self.apps.deployments[place].name;
            let mut statuses = status.deployments.iter().map(|(_, one)| one);
            let said = statuses.find(|one| place_of(one.deployment) == place);
            let mut good = one.truth.good.iter();
            let [last, before] = good
                .find(|(other, _)| *other == place)
                .map_or([None; 2], |(_, good)| *good);
            // One that lost the hub after it was kept is taken back to what was before it.
            let lost = said.is_some_and(|said| {
                said.reason
                    .as_ref()
                    .is_some_and(|reason| reason.code == ReasonCode::HubNotReached)
            });
            let good = if lost && running == before {
                before
            } else {
                last
            };
            let revision = |digest| self.apps.found(digest).map(|one| one.revision);
            if running != good {
                return Some(format!(
                    "in the end {name} {:?} runs, {:?} is declared, and {:?} was before",
                    running.map(revision),
                    declared.map(revision),
                    good.map(revision)
                ));
            }
            let is_said = said.is_some_and(|said| {
                said.state == DeploymentState::Failed
                    || said.phase == Phase::RolledBack
                    || said.reason.is_some()
            });
            if !is_said {
                return Some(format!(
                    "in the end {name} {:?} runs, {:?} is declared, and the device does not say why: {said:?}",
                    running.map(revision),
                    declared.map(revision)
                ));
            }
        }
        None
    }

    /// Whether the planner says of a device what is not so.
    fn is_misjudged(
        &mut self,
        rollout: usize,
        device: u32,
        word: &str,
        text: &str,
    ) -> Option<String> {
        let own = self.hub.kept.rollouts.get(rollout)?;
        let deployment = own.deployment;
        let name = &self.apps.deployments[deployment].name;
        let record = self.hub.kept.records.get(device as usize)?;
        let assigned = record.revision(deployment);
        let declared = assigned.and_then(|revision| self.apps.number(deployment, revision));
        let declared = declared.map(|version| version.digest);
        let running = self.devices[device as usize].running(deployment);
        if UNDER_WAY.contains(&word) {
            return Some(format!("in the end the planner says of {name}: {text}"));
        }
        let is_so = running == declared;
        // A hub that was restored believes what its backup says, until something else is declared.
        if (self.devices[device as usize].truth.is_forgotten || record.version == 0)
            && AS_DECLARED.contains(&word)
        {
            self.counts.excused += u64::from(!is_so);
            return None;
        }
        if word == "succeeded" && !is_so
            || word == "up-to-date" && !is_so && !self.has_failed(device, deployment)
        {
            return Some(format!(
                "in the end the planner says of {name}: {text}, and it is not so"
            ));
        }
        if !AS_DECLARED.contains(&word) || !is_so {
            self.counts.excused += 1;
        }
        None
    }

    /// Whether an earlier rollout knows that the device could not be brought to what it is to have.
    fn has_failed(&self, device: u32, deployment: usize) -> bool {
        let rollouts = self
            .hub
            .kept
            .rollouts
            .iter()
            .filter(|one| one.deployment == deployment);
        let mut rows = rollouts.filter_map(|one| one.rows.get(device as usize));
        rows.any(|row| row.word == "failed" || row.word == "timed-out")
    }
}
