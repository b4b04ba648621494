//! Watches what is on trial: crashes, health at the end, the hub's being reached; then commits.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use thimble_protocol::report::{ContainerStatus, DeploymentState, Phase, ReasonCode};
use thimble_protocol::{DeploymentId, Manifest};

use super::work::{Executing, Observation, Part, PartStep};
use super::{Agent, Turn};
use crate::action::Action;

/// Container states in which a container that was to run on does not.
const FAILED: &str = "failed";

impl Agent {
    /// Containers were looked at.
    pub(super) fn observed(
        &mut self,
        turn: &mut Turn<'_>,
        deployment: DeploymentId,
        containers: &[ContainerStatus],
    ) {
        let Some(entry) = self.kept.entry_mut(deployment) else {
            return;
        };
        if entry.condition.containers != containers {
            entry.condition.containers = containers.to_vec();
            self.reporting.has_new_containers = true;
        }
        let Some(part) = self.part_mut(deployment) else {
            return;
        };
        if part.step != PartStep::Probation {
            return;
        }
        if part.observation == Observation::Asked {
            part.observation = Observation::Fresh;
        }
        let restarts = containers.iter().fold(0_u32, |sum, container| {
            sum.saturating_add(container.restarts)
        });
        let allowed = *part.restarts.get_or_insert(restarts);
        if let Some(text) = crash(containers, restarts > allowed) {
            self.fail_part(turn, deployment, ReasonCode::Crashed, text);
        }
    }

    /// Looks at every trial. Returns whether something came of it.
    pub(super) fn watch(&mut self, turn: &mut Turn<'_>) -> bool {
        let verdict = self.verdict(turn.now.ms);
        match verdict {
            Verdict::Waiting => false,
            Verdict::Ask(deployment) => {
                let app = self
                    .kept
                    .entry(deployment)
                    .map(|entry| entry.app.clone())
                    .unwrap_or_default();
                turn.actions.push(Action::Observe { deployment, app });
                true
            }
            Verdict::Failed(deployment, code) => {
                let part = self.part_mut(deployment);
                let within_s = part
                    .and_then(|part| part.manifest.as_ref())
                    .map_or(0, |manifest| manifest.update.hub_within_s);
                let text = format!("the hub was not reached within {within_s} s");
                self.fail_part(turn, deployment, code, text);
                true
            }
            Verdict::Passed => {
                self.judge(turn);
                true
            }
        }
    }

    fn verdict(&mut self, now_ms: u64) -> Verdict {
        let (answers, is_imported) = (self.contact.answers, self.kept.is_imported);
        let parts = self
            .executing()
            .into_iter()
            .flat_map(|executing| &mut executing.parts);
        let mut verdict = Verdict::Passed;
        for part in parts.filter(|part| part.step == PartStep::Probation) {
            let is_reached = is_imported || answers != part.answers;
            if !is_reached
                && part
                    .hub_until_ms()
                    .is_some_and(|until_ms| now_ms >= until_ms)
            {
                return Verdict::Failed(part.deployment, ReasonCode::HubNotReached);
            }
            let is_over = now_ms >= part.ends_ms();
            if is_over && part.observation == Observation::NotAsked {
                part.observation = Observation::Asked;
                return Verdict::Ask(part.deployment);
            }
            let needs_hub = !is_reached && part.hub_until_ms().is_some();
            if !is_over || part.observation != Observation::Fresh || needs_hub {
                verdict = Verdict::Waiting;
            }
        }
        verdict
    }

    /// Every trial has lasted long enough: those in health are committed, unless one is not, with which all wait.
    fn judge(&mut self, turn: &mut Turn<'_>) {
        let kept = &self.kept;
        let super::work::Work::Executing(executing) = &self.work else {
            return;
        };
        let on_probation = executing
            .parts
            .iter()
            .filter(|part| part.step == PartStep::Probation);
        let mut passed: Vec<DeploymentId> = Vec::new();
        let mut unhealthy: Option<(DeploymentId, String)> = None;
        for part in on_probation {
            let containers = kept
                .entry(part.deployment)
                .map_or(&[] as &[_], |entry| &entry.condition.containers);
            match part
                .manifest
                .as_ref()
                .and_then(|manifest| illness(manifest, containers))
            {
                None => passed.push(part.deployment),
                Some(text) => {
                    unhealthy = Some((part.deployment, text));
                    break;
                }
            }
        }
        if let Some((deployment, text)) = unhealthy {
            self.fail_part(turn, deployment, ReasonCode::Unhealthy, text);
            return;
        }
        for deployment in passed {
            let Some(entry) = self.kept.entry_mut(deployment) else {
                continue;
            };
            entry.running = entry.trial.take().and_then(|trial| trial.target);
            entry.is_broken = false;
            entry.condition.failures = 0;
            entry.condition.not_before_ms = 0;
            let entry = self.kept.entry(deployment);
            if entry.is_some_and(|entry| self.kept.differs(entry)) {
                // A newer state came meanwhile: what it declares is not installed by that.
                self.describe_next(deployment);
            } else {
                self.set(deployment, DeploymentState::Installed, Phase::Idle, None);
            }
            self.end_part(deployment);
        }
        // The round ends with this step, and is kept by it.
        self.finish_round(turn);
    }

    /// When the round wants to be looked at.
    pub(super) fn execution_deadline(&self, executing: &Executing) -> Option<u64> {
        if executing.wake_ms.is_some() {
            return executing.wake_ms;
        }
        let on_probation = executing
            .parts
            .iter()
            .filter(|part| part.step == PartStep::Probation);
        on_probation
            .flat_map(|part| {
                let is_reached = self.kept.is_imported || self.contact.answers != part.answers;
                let ends_ms = (part.observation == Observation::NotAsked).then(|| part.ends_ms());
                let hub_until_ms = if is_reached {
                    None
                } else {
                    part.hub_until_ms()
                };
                [ends_ms, hub_until_ms]
            })
            .flatten()
            .min()
    }

    /// The hub was lost for good while something is on trial: that has failed.
    pub(super) fn fail_trials(&mut self, turn: &mut Turn<'_>, text: &str) {
        let Some(executing) = self.executing() else {
            return;
        };
        let is_tried = |part: &&Part| {
            matches!(
                part.step,
                PartStep::Probation | PartStep::Apply | PartStep::Load
            )
        };
        let tried: Vec<DeploymentId> = executing
            .parts
            .iter()
            .filter(is_tried)
            .map(|part| part.deployment)
            .collect();
        for deployment in tried {
            self.fail_part(
                turn,
                deployment,
                ReasonCode::HubNotReached,
                String::from(text),
            );
        }
    }
}

/// What a look at all trials comes to.
enum Verdict {
    Passed,
    Waiting,
    Ask(DeploymentId),
    Failed(DeploymentId, ReasonCode),
}

impl Part {
    /// When probation is over: after its time, and after every container has had time to report for the first time.
    fn ends_ms(&self) -> u64 {
        let Some(manifest) = &self.manifest else {
            return self.since_ms;
        };
        let probation_ms = u64::from(manifest.update.probation_s).saturating_mul(1000);
        let healths = manifest
            .containers
            .iter()
            .filter_map(|container| container.health);
        let start_ms = healths
            .map(|health| u64::from(health.start_ms))
            .max()
            .unwrap_or(0);
        self.since_ms.saturating_add(probation_ms.max(start_ms))
    }

    /// Until when the hub must have been reached, if it must.
    fn hub_until_ms(&self) -> Option<u64> {
        let within_s = self.manifest.as_ref()?.update.hub_within_s;
        (within_s > 0).then(|| {
            self.since_ms
                .saturating_add(u64::from(within_s).saturating_mul(1000))
        })
    }
}

/// Says what crashed, if anything did.
fn crash(containers: &[ContainerStatus], has_restarted: bool) -> Option<String> {
    let failed = containers
        .iter()
        .find(|container| container.state == FAILED);
    let restarted = || {
        containers
            .iter()
            .filter(|_| has_restarted)
            .max_by_key(|container| container.restarts)
    };
    let container = failed.or_else(restarted)?;
    let end = container
        .last_end
        .as_deref()
        .unwrap_or("it is not known how its run ended");
    let plural = if container.restarts == 1 { "" } else { "s" };
    Some(format!(
        "`{}` is {} after {} restart{plural}: {end}",
        container.name, container.state, container.restarts
    ))
}

/// Says which container is not as it should be once probation is over, if one is not.
fn illness(manifest: &Manifest, containers: &[ContainerStatus]) -> Option<String> {
    for declared in &manifest.containers {
        let Some(container) = containers
            .iter()
            .find(|container| container.name == declared.name)
        else {
            return Some(format!("`{}` is not there", declared.name));
        };
        let runs = matches!(container.state.as_str(), "running" | "exited");
        let is_healthy = container.state == "exited"
            || matches!(container.health.as_str(), "none" | "healthy" | "degraded");
        if !runs || !is_healthy {
            return Some(format!(
                "`{}` is {} and {}",
                declared.name, container.state, container.health
            ));
        }
    }
    None
}
