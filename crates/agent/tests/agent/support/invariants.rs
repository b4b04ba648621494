//! What must never happen on a device.

use std::collections::{BTreeMap, BTreeSet};

use thimble_agent::{Action, Agent, Consent, Event, Now, Settings};
use thimble_protocol::manifest::Image;
use thimble_protocol::report::{DeploymentState, Phase};
use thimble_protocol::state::UpdatePolicy;
use thimble_protocol::{DeploymentId, DesiredState};

use super::Device;

/// What is remembered to notice it.
#[derive(Default)]
pub(crate) struct Invariants {
    now: Now,
    policy: UpdatePolicy,
    overridden: BTreeSet<DeploymentId>,
    pub(crate) is_held_here: bool,
    /// A round was begun and is not over.
    pub(crate) is_executing: bool,
    /// Stopped by the agent, and not applied or removed since.
    stopped: BTreeSet<DeploymentId>,
    refused: BTreeMap<DeploymentId, ()>,
    verified: BTreeSet<String>,
    asked: Option<DeploymentId>,
    adopted: u64,
    committed: u64,
    sequence: u64,
    /// The ladder puts things back whatever the windows say.
    pub(crate) may_roll_back_state: bool,
}

impl Invariants {
    pub(crate) fn before(&mut self, now: Now, state: Option<&DesiredState>) {
        self.now = now;
        if let Some(state) = state {
            let items = state
                .items
                .iter()
                .filter(|item| item.override_reason.is_some());
            self.overridden.extend(items.map(|item| item.deployment));
        }
    }

    pub(crate) fn restarted(&mut self) {
        self.asked = None;
    }

    pub(crate) fn answered(&mut self, consent: &Consent) {
        // The agent passes over answers to questions that it withdrew.
        let Some(deployment) = self.asked.take() else {
            return;
        };
        if matches!(consent, Consent::No(_)) {
            self.refused.insert(deployment, ());
        } else {
            self.refused.remove(&deployment);
        }
    }
}

impl Device {
    /// Looks at an action before it is carried out.
    pub(crate) fn check(&mut self, action: &Action) {
        let fail = |what: &str, log: &[String]| panic!("{what}: {action:?}\n{}", log.join("\n"));
        let status = self.agent.status(self.now);
        let invariants = &mut self.invariants;
        if status.adopted.0 < invariants.adopted
            || status.committed.0 < invariants.committed
            || status.committed > status.adopted
        {
            fail("a version went back", &self.log);
        }
        // What could not be put back waits for its repair.
        let is_broken = |deployment: &DeploymentId| {
            let mut statuses = status.deployments.iter().map(|(_, status)| status);
            statuses.any(|status| {
                status.deployment == *deployment && status.state == DeploymentState::Failed
            })
        };
        let has_stopped = self
            .invariants
            .stopped
            .iter()
            .any(|deployment| !is_broken(deployment));
        let invariants = &mut self.invariants;
        match action {
            Action::Save(saved) => {
                let kept = Agent::restore(Settings::new(super::DEVICE, 1), saved, self.now)
                    .unwrap()
                    .status(self.now);
                if kept.adopted.0 < invariants.adopted || kept.committed.0 < invariants.committed {
                    fail("an older version is kept", &self.log);
                }
                invariants.adopted = kept.adopted.0;
                invariants.committed = kept.committed.0;
                let begins = self.is_busy_after(saved);
                let invariants = &self.invariants;
                if begins && !invariants.is_executing {
                    self.check_gate(action);
                }
                self.invariants.is_executing = begins;
            }
            Action::Report { report, .. } => {
                if report.sequence <= invariants.sequence {
                    fail("a report's sequence does not rise", &self.log);
                }
                invariants.sequence = report.sequence;
            }
            Action::Ask { deployment, .. } => invariants.asked = Some(*deployment),
            Action::StopAsking { .. } => invariants.asked = None,
            Action::Fetch { blob, .. } => {
                let is_manifest = self.manifests.contains_key(&blob.digest);
                if has_stopped && !is_manifest {
                    fail(
                        "something is fetched after something was stopped",
                        &self.log,
                    );
                }
            }
            Action::Verify { manifest, .. } => {
                if has_stopped {
                    fail(
                        "something is verified after something was stopped",
                        &self.log,
                    );
                }
                invariants.verified.insert(format!("{manifest:?}"));
            }
            Action::Stop { deployment, .. } | Action::Remove { deployment, .. } => {
                self.check_begun(action, *deployment);
                let is_stop = matches!(action, Action::Stop { .. });
                if is_stop && self.installed.contains_key(deployment) {
                    self.invariants.stopped.insert(*deployment);
                } else {
                    self.invariants.stopped.remove(deployment);
                }
            }
            Action::Apply {
                manifest,
                digest,
                secrets,
                ..
            } => {
                self.check_begun(action, manifest.deployment);
                self.invariants.stopped.remove(&manifest.deployment);
                let other = self
                    .installed
                    .get(&manifest.deployment)
                    .filter(|app| app.is_running);
                if other.is_some_and(|app| app.digest != *digest || app.secrets != *secrets) {
                    fail("two versions of an app would run", &self.log);
                }
                let others = self.installed.iter().filter(|(deployment, app)| {
                    **deployment != manifest.deployment && app.is_running
                });
                if others
                    .clone()
                    .any(|(_, app)| app.manifest.app == manifest.app)
                {
                    fail("two deployments run one app", &self.log);
                }
                let ram = |manifest: &thimble_protocol::Manifest| {
                    manifest
                        .containers
                        .iter()
                        .filter_map(|container| container.limits.memory_bytes)
                        .sum::<u64>()
                };
                let used: u64 = others.map(|(_, app)| ram(&app.manifest)).sum();
                if used + ram(manifest) > self.ram_bytes {
                    fail("more memory than there is", &self.log);
                }
                if !self.invariants.verified.contains(&format!("{manifest:?}")) {
                    fail("it was never verified", &self.log);
                }
                let has = |image: &Image| {
                    [image.manifest, image.config, image.layer]
                        .iter()
                        .all(|blob| self.stored.contains(blob))
                };
                if !manifest
                    .containers
                    .iter()
                    .all(|container| has(&container.image))
                {
                    fail("a blob of it is missing", &self.log);
                }
                if !self.kept.contains(digest) {
                    fail("it is not kept from garbage collection", &self.log);
                }
            }
            _ => {}
        }
    }

    /// Whether an agent that goes on from here is in the middle of a change.
    fn is_busy_after(&self, saved: &[u8]) -> bool {
        let mut agent = Agent::restore(Settings::new(super::DEVICE, 1), saved, self.now).unwrap();
        agent.handle(self.now, Event::Tick, &self.trust, &mut Vec::new());
        let busy = |phase: Phase| {
            matches!(
                phase,
                Phase::Switching | Phase::Probation | Phase::RollingBack
            )
        };
        agent
            .status(self.now)
            .deployments
            .iter()
            .any(|(_, status)| busy(status.phase))
    }

    /// Whether a change was begun, and the app does not mind.
    fn check_begun(&mut self, action: &Action, deployment: DeploymentId) {
        let invariants = &self.invariants;
        assert!(
            invariants.is_executing || invariants.may_roll_back_state,
            "nothing was begun: {action:?}\n{}",
            self.log.join("\n")
        );
        let runs = self
            .installed
            .get(&deployment)
            .is_some_and(|app| app.is_running);
        let is_refused = invariants.refused.contains_key(&deployment)
            && !invariants.overridden.contains(&deployment);
        assert!(
            !runs || !is_refused || invariants.may_roll_back_state,
            "the app said no: {action:?}\n{}",
            self.log.join("\n")
        );
    }

    /// Whether a change may begin now.
    fn check_gate(&mut self, action: &Action) {
        let adopted = self.agent.status(self.now).adopted;
        if let Some(policy) = self.policies.get(&adopted.0) {
            self.invariants.policy = policy.clone();
        }
        let clock = self.now.clock;
        let policy = &self.invariants.policy;
        let is_open = policy.windows.is_empty()
            || clock.is_some_and(|clock| {
                policy
                    .windows
                    .iter()
                    .any(|window| is_within(window, clock.0))
            });
        let is_past = policy
            .hold_until
            .is_none_or(|until| clock.is_some_and(|clock| clock >= until));
        let is_held = policy.is_held || self.invariants.is_held_here;
        if (!is_open || !is_past || is_held) && !self.invariants.may_roll_back_state {
            panic!(
                "outside of a window, or held: {action:?} at {:?} {policy:?} here: {}\n{}",
                self.now,
                self.invariants.is_held_here,
                self.log.join("\n")
            );
        }
        self.invariants.is_executing = true;
    }
}

/// A plain model of windows: minute by minute.
fn is_within(window: &thimble_protocol::state::Window, now: u64) -> bool {
    let local = now.cast_signed() + i64::from(window.utc_offset_minutes) * 60;
    (0..i64::from(window.minutes)).any(|minutes| {
        let begin = local - minutes * 60;
        let day = (begin.div_euclid(86_400) + 3).rem_euclid(7);
        let minute = begin.rem_euclid(86_400) / 60;
        window.days & (1 << day) != 0 && minute == i64::from(window.begin_minute)
    })
}
