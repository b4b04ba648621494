//! What a plan means for what is kept of each device, and for what is known of the fleet.

use std::collections::{BTreeSet, HashMap};

use thimble_hub_store::{DeploymentId, DeviceId, Rollout, RolloutDevice};
use thimble_rollout::UnixMs;
use thimble_rollout::plan::{Assignment, Plan};
use thimble_rollout::snapshot::{Attempt, Outcome};

use super::attempt::Kept;
use super::fleet::Fleet;
use super::snapshot::Loaded;
use super::{kept_deployment_id, kept_device_id};
use crate::publish::Published;

/// A sentence about a device is written anew only so often, as long as the word for it stays.
const REASON_MS: i64 = 60_000;

/// Says whether devices are being changed after a plan. What took too long may still come about, and must count in budgets
/// until it did; a device that is no more never changes.
pub(super) fn has_open(fleet: &Fleet, own: &Loaded, made: &Plan) -> bool {
    let closed: BTreeSet<DeviceId> = made
        .closed
        .iter()
        .filter(|closed| !matches!(closed.outcome, Outcome::TimedOut { .. }))
        .map(|closed| kept_device_id(closed.device))
        .collect();
    let mut left = own.attempts.iter();
    !made.assignments.is_empty()
        || left.any(|(device, attempt)| {
            attempt.is_pending() && !closed.contains(device) && fleet.device(*device).is_some()
        })
}

/// Returns the change of a device after a plan, if the plan changes it.
fn attempts_after(own: &Loaded, made: &Plan, now: UnixMs) -> HashMap<DeviceId, Attempt> {
    let mut after = HashMap::new();
    for closed in &made.closed {
        let device = kept_device_id(closed.device);
        if let Some(kept) = own.attempts.get(&device) {
            let outcome = closed.outcome.clone();
            after.insert(
                device,
                Attempt {
                    outcome,
                    ..kept.attempt()
                },
            );
        }
    }
    for assignment in &made.assignments {
        after.insert(kept_device_id(assignment.device), begun(assignment, now));
    }
    after
}

const fn begun(assignment: &Assignment, now: UnixMs) -> Attempt {
    Attempt {
        direction: assignment.direction,
        from: assignment.from,
        to: assignment.to,
        begun_at: now,
        outcome: Outcome::Open,
    }
}

/// Returns the rows that say something new.
pub(super) fn rows(
    own: &Loaded,
    made: &Plan,
    published: &HashMap<DeviceId, Published>,
    now_ms: i64,
) -> Vec<RolloutDevice> {
    let attempts = attempts_after(own, made, super::moment(now_ms));
    let begun: HashMap<DeviceId, &Assignment> = made
        .assignments
        .iter()
        .map(|one| (kept_device_id(one.device), one))
        .collect();
    let mut rows = Vec::new();
    for place in &made.places {
        let device = kept_device_id(place.device);
        let before = own.rows.get(&device);
        let word = place.standing.word();
        let wave = place.wave.map(u32::from);
        let attempt = attempts.get(&device);
        let is_same = before.is_some_and(|before| {
            before.status == word && before.wave == wave && attempt.is_none()
        });
        // A sentence with a time in it changes all the time.
        if is_same && before.is_some_and(|before| now_ms - before.updated_ms < REASON_MS) {
            continue;
        }
        let reason = place.standing.to_string();
        if is_same && before.is_some_and(|before| before.reason == reason) {
            continue;
        }
        let new = begun.get(&device);
        let state = published.get(&device);
        let manifest = match new {
            Some(assignment) => assignment.to.and_then(|to| {
                let manifests = &state?.manifests;
                Some(
                    manifests
                        .get(&kept_deployment_id(to.deployment))?
                        .to_string(),
                )
            }),
            None => own
                .attempts
                .get(&device)
                .and_then(|kept| kept.manifest.clone()),
        };
        let attempts_before = before.map_or(0, |before| before.attempts);
        rows.push(RolloutDevice {
            rollout: own.record.id,
            device,
            wave,
            status: word.to_owned(),
            reason,
            attempts: attempts_before.saturating_add(u32::from(new.is_some())),
            state_version: match (new, state) {
                (Some(_), Some(state)) => Some(state.version),
                _ => before.and_then(|before| before.state_version),
            },
            attempt: match attempt {
                Some(attempt) => Kept::of(attempt, manifest)
                    .after(own.attempts.get(&device))
                    .text(),
                None => before.and_then(|before| before.attempt.clone()),
            },
            updated_ms: now_ms,
        });
    }
    rows
}

/// Returns devices whose failure counts, and those whose failures are forgotten since a change succeeded.
pub(super) fn outcomes(fleet: &Fleet, own: &Loaded, made: &Plan) -> (Vec<DeviceId>, Vec<DeviceId>) {
    let (mut failed, mut succeeded) = (Vec::new(), Vec::new());
    for closed in &made.closed {
        let device = kept_device_id(closed.device);
        if !own.attempts.get(&device).is_some_and(Kept::is_forward) {
            continue;
        }
        let had = fleet
            .device(device)
            .is_some_and(|device| device.failures > 0);
        match &closed.outcome {
            Outcome::Failed { .. } => failed.push(device),
            Outcome::Succeeded { .. } if had => succeeded.push(device),
            _ => {}
        }
    }
    (failed, succeeded)
}

/// Brings what is known of the fleet to what was kept.
pub(super) fn follow(fleet: &mut Fleet, own: &mut Loaded, made: &Plan, record: Rollout) {
    let app = fleet.app(own.record.deployment);
    let same_app: BTreeSet<DeploymentId> = fleet
        .deployments
        .keys()
        .copied()
        .filter(|deployment| fleet.app(*deployment) == app)
        .collect();
    let (id, deployment) = (own.record.id, own.record.deployment);
    for closed in &made.closed {
        let device = kept_device_id(closed.device);
        // What took too long may still come about.
        if matches!(closed.outcome, Outcome::TimedOut { .. }) {
            continue;
        }
        own.attempts.remove(&device);
        if let Some(device) = fleet.device_mut(device) {
            device.open.retain(|(rollout, _)| *rollout != id);
        }
    }
    for assignment in &made.assignments {
        let attempt = begun(assignment, UnixMs(0));
        let device = kept_device_id(assignment.device);
        own.attempts.insert(device, Kept::of(&attempt, None));
        if let Some(device) = fleet.device_mut(device) {
            device
                .assignments
                .retain(|(one, _)| !same_app.contains(one));
            if let Some(to) = assignment.to {
                device
                    .assignments
                    .push((kept_deployment_id(to.deployment), to.revision));
            }
            device.open.retain(|(rollout, _)| *rollout != id);
            device.open.push((id, deployment));
        }
    }
    own.record = record;
}
