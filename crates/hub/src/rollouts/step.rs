//! One step of a tenant's rollouts: read, plan, and keep each plan in one transaction.

use std::collections::{BTreeSet, HashMap};

use serde_json::json;
use thimble_hub_store::{
    Assignment as KeptAssignment, Audit, DeploymentId, Device, DeviceId, Event, EventId, Id as _,
    Lease, RolloutDevice, RolloutState, Scope, Store, TenantId, Write,
};
use thimble_rollout::plan::{Assignment, Plan, Transition};
use thimble_rollout::snapshot::{Attempt, Outcome, State};
use thimble_rollout::{Standing, UnixMs, plan};

use super::attempt::Kept;
use super::fleet::Fleet;
use super::memory::put_progress;
use super::snapshot::{Loaded, note_open, read_rollouts, snapshot};
use super::{RolloutError, kept_deployment_id, kept_device_id, kept_moment, kept_rollout_id};
use crate::publish::{Published, Publisher, Signing};

/// Who changes devices, in the audit log.
const ACTOR: &str = "hub";
/// A sentence about a device is written anew only so often, as long as the word for it stays.
const REASON_MS: i64 = 60_000;
/// Devices that a transaction changes at most, so that it stays within what the store takes at once; the rest follows.
const ASSIGNMENTS_MAX: usize = 100_000;

/// What a step needs.
pub(super) struct Step<'a> {
    pub(super) store: &'a Store,
    pub(super) publisher: &'a Publisher,
    pub(super) tenant: TenantId,
    pub(super) lease: &'a Lease,
    pub(super) now_ms: i64,
}

/// What is left to do after a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rest {
    /// When to look again, at the latest.
    pub(super) next_ms: Option<i64>,
    /// Whether devices are being changed, whose reports matter.
    pub(super) is_watching: bool,
    /// Devices that were changed.
    pub(super) changed: usize,
}

impl Step<'_> {
    /// Takes the step.
    pub(super) async fn take(&self) -> Result<Rest, RolloutError> {
        let scope = Scope::whole_hub_for_its_own_work();
        let now = super::moment(self.now_ms);
        let mut read = self.store.snapshot().await?;
        let mut rollouts = read_rollouts(&mut read, &scope, self.tenant).await?;
        let mut rest = Rest::default();
        if rollouts.is_empty() {
            return Ok(rest);
        }
        let mut fleet = Fleet::read(&mut read, &scope, self.tenant, now).await?;
        drop(read);
        fleet.place()?;
        note_open(&mut fleet, &rollouts);
        let signing = self.publisher.signing(self.tenant).await?;
        for index in 0..rollouts.len() {
            let Some(own) = rollouts.get(index) else {
                break;
            };
            let mut made = plan(&own.policy, &snapshot(&fleet, &rollouts, own), now);
            let is_cut = made.assignments.len() > ASSIGNMENTS_MAX;
            made.assignments.truncate(ASSIGNMENTS_MAX);
            let kept = self.keep(&scope, &signing, &fleet, own, &made).await;
            let Some(record) = self.settle(&scope, own, kept).await? else {
                continue;
            };
            rest.changed += made.assignments.len();
            if let Some(at) = made.next_look {
                let at = kept_moment(at);
                rest.next_ms = Some(rest.next_ms.map_or(at, |next: i64| next.min(at)));
            }
            if is_cut {
                rest.next_ms = Some(self.now_ms);
            }
            if let Some(own) = rollouts.get_mut(index) {
                follow(&mut fleet, own, &made, record);
                rest.is_watching |= own.attempts.values().any(Kept::is_pending);
            }
        }
        Ok(rest)
    }

    /// Keeps a plan in one transaction, if it says anything new; the record after it.
    async fn keep(
        &self,
        scope: &Scope,
        signing: &Signing,
        fleet: &Fleet,
        own: &Loaded,
        made: &Plan,
    ) -> Result<thimble_hub_store::Rollout, RolloutError> {
        let mut record = own.record.clone();
        let is_new = put_progress(&mut record, &own.memory, &made.progress)?;
        let is_over = made.progress.state.is_ended() || made.progress.state == State::Finished;
        let has_open = has_open(own, made);
        let ended_ms = (is_over && !has_open).then(|| own.record.ended_ms.unwrap_or(self.now_ms));
        let has_ended = ended_ms != own.record.ended_ms;
        let moves = is_new
            || has_ended
            || !made.assignments.is_empty()
            || !made.closed.is_empty()
            || !made.transitions.is_empty();
        let quiet = rows(own, made, &HashMap::new(), self.now_ms);
        if !moves && quiet.is_empty() {
            return Ok(record);
        }
        let mut write = self.store.write().await?;
        write.fence(self.lease);
        if !moves {
            write.put_rollout_devices(scope, &quiet).await?;
            write.commit().await?;
            return Ok(record);
        }
        record.generation = record.generation.saturating_add(1);
        record.ended_ms = ended_ms;
        record.next_ms = made.next_look.map(kept_moment);
        if record.begun_ms.is_none() && made.progress.state != State::Planned {
            record.begun_ms = Some(self.now_ms);
        }
        if let Some(transition) = made.transitions.last() {
            record.reason = Some(transition.to_string());
        }
        record.edition = write
            .update(scope, &record, &self.audit(&record, made))
            .await?;
        let published = self
            .assign(&mut write, scope, signing, fleet, own, made)
            .await?;
        let rows = rows(own, made, &published, self.now_ms);
        write.put_rollout_devices(scope, &rows).await?;
        self.replace(&mut write, scope, made).await?;
        count_failures(&mut write, scope, fleet, own, made).await?;
        write.note(scope, &self.events(&record, made)).await?;
        write.commit().await?;
        Ok(record)
    }

    /// Gives devices what they are to have, and publishes it.
    async fn assign(
        &self,
        write: &mut Write,
        scope: &Scope,
        signing: &Signing,
        fleet: &Fleet,
        own: &Loaded,
        made: &Plan,
    ) -> Result<HashMap<DeviceId, Published>, RolloutError> {
        if made.assignments.is_empty() {
            return Ok(HashMap::new());
        }
        let app = fleet.app(own.record.deployment);
        let mut gone: Vec<(DeviceId, DeploymentId)> = Vec::new();
        let mut new = Vec::with_capacity(made.assignments.len());
        for assignment in &made.assignments {
            let device = kept_device_id(assignment.device);
            let to = assignment
                .to
                .map(|to| (kept_deployment_id(to.deployment), to.revision));
            let known = fleet
                .device(device)
                .map(|device| device.assignments.as_slice());
            let others = known
                .unwrap_or_default()
                .iter()
                .map(|(deployment, _)| *deployment);
            gone.extend(
                others
                    .filter(|other| fleet.app(*other) == app && Some(*other) != to.map(|to| to.0))
                    .map(|other| (device, other)),
            );
            if let Some((deployment, revision)) = to {
                new.push(KeptAssignment {
                    device,
                    deployment,
                    revision,
                    rollout: Some(own.record.id),
                    since_ms: self.now_ms,
                });
            }
        }
        if !gone.is_empty() {
            write
                .unassign(scope, self.tenant, &gone, &Audit::part())
                .await?;
        }
        if !new.is_empty() {
            write
                .assign(scope, self.tenant, &new, &Audit::part())
                .await?;
        }
        let devices: BTreeSet<DeviceId> = made
            .assignments
            .iter()
            .map(|one| kept_device_id(one.device))
            .collect();
        let published = self
            .publisher
            .publish(write, scope, signing, &devices, self.now_ms);
        Ok(published.await?)
    }

    /// Notes at other rollouts that their changes were replaced.
    async fn replace(
        &self,
        write: &mut Write,
        scope: &Scope,
        made: &Plan,
    ) -> Result<(), RolloutError> {
        let at = super::moment(self.now_ms);
        let taken = made
            .assignments
            .iter()
            .filter_map(|one| Some((one, one.takes_over?)));
        for (assignment, other) in taken {
            let other = kept_rollout_id(other);
            let device = kept_device_id(assignment.device);
            let rows = write.all_rollout_devices(scope, other).await?;
            let Some(mut row) = rows.into_iter().find(|row| row.device == device) else {
                continue;
            };
            let Some(kept) = row.attempt.as_deref().and_then(Kept::parse) else {
                continue;
            };
            let attempt = Attempt {
                outcome: Outcome::Replaced { at },
                ..kept.attempt()
            };
            let standing = Standing::Replaced { at };
            row.attempt = Kept::of(&attempt, kept.manifest).text();
            standing.word().clone_into(&mut row.status);
            row.reason = standing.to_string();
            row.updated_ms = self.now_ms;
            write.put_rollout_devices(scope, &[row]).await?;
        }
        Ok(())
    }

    fn audit(&self, record: &thimble_hub_store::Rollout, made: &Plan) -> Audit {
        let transitions: Vec<String> = made.transitions.iter().map(ToString::to_string).collect();
        Audit::new(self.now_ms, ACTOR, "rollout.step", record.id.to_string()).with(json!({
            "generation": record.generation,
            "state": record.state.word(),
            "changed": made.assignments.len(),
            "closed": made.closed.len(),
            "transitions": transitions,
        }))
    }

    fn events(&self, record: &thimble_hub_store::Rollout, made: &Plan) -> Vec<Event> {
        let event = |transition: &Transition| Event {
            id: EventId::fresh(),
            tenant: self.tenant,
            edition: 0,
            created_ms: self.now_ms,
            kind: event_kind(transition).to_owned(),
            device: None,
            subject: Some(record.id.to_string()),
            detail: json!({
                "deployment": record.deployment.to_string(),
                "state": record.state.word(),
                "text": transition.to_string(),
            }),
        };
        made.transitions.iter().map(event).collect()
    }

    /// Pauses a rollout whose plan cannot be kept for a reason that stays, and says the reason.
    async fn settle(
        &self,
        scope: &Scope,
        own: &Loaded,
        kept: Result<thimble_hub_store::Rollout, RolloutError>,
    ) -> Result<Option<thimble_hub_store::Rollout>, RolloutError> {
        let error = match kept {
            Ok(record) => return Ok(Some(record)),
            Err(error) if error.is_passing() => return Err(error),
            Err(error) => error,
        };
        if own.record.state == RolloutState::Paused {
            return Err(error);
        }
        let reason = chain(&error);
        let mut record = own.record.clone();
        record.state = RolloutState::Paused;
        record.generation = record.generation.saturating_add(1);
        record.reason = Some(format!("it is paused now: {reason}"));
        let audit = Audit::new(self.now_ms, ACTOR, "rollout.pause", record.id.to_string());
        let mut write = self.store.write().await?;
        write.fence(self.lease);
        write.update(scope, &record, &audit.because(reason)).await?;
        write.commit().await?;
        Ok(None)
    }
}

/// An error with all that it comes from.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

const fn event_kind(transition: &Transition) -> &'static str {
    match transition {
        Transition::Began => "rollout.began",
        Transition::NeedsApproval { .. } => "rollout.needs-approval",
        Transition::Approved { .. } => "rollout.approved",
        Transition::WavePassed { .. } => "rollout.wave-passed",
        Transition::WaveBegan { .. } => "rollout.wave-began",
        Transition::Stopped { .. } => "rollout.stopped",
        Transition::Finished => "rollout.finished",
        _ => "rollout.changed",
    }
}

/// Says whether devices are being changed after a plan.
fn has_open(own: &Loaded, made: &Plan) -> bool {
    let closed: BTreeSet<DeviceId> = made
        .closed
        .iter()
        .map(|closed| kept_device_id(closed.device))
        .collect();
    let mut left = own.attempts.iter();
    !made.assignments.is_empty()
        || left.any(|(device, attempt)| attempt.is_open() && !closed.contains(device))
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
fn rows(
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
                Some(attempt) => Kept::of(attempt, manifest).text(),
                None => before.and_then(|before| before.attempt.clone()),
            },
            updated_ms: now_ms,
        });
    }
    rows
}

/// Counts failures of devices, and forgets them when a change succeeds.
async fn count_failures(
    write: &mut Write,
    scope: &Scope,
    fleet: &Fleet,
    own: &Loaded,
    made: &Plan,
) -> Result<(), RolloutError> {
    for closed in &made.closed {
        let device = kept_device_id(closed.device);
        let is_forward = own.attempts.get(&device).is_some_and(Kept::is_forward);
        let (fails, succeeds) = match &closed.outcome {
            Outcome::Failed { .. } => (true, false),
            Outcome::Succeeded { .. } => (false, true),
            _ => (false, false),
        };
        let had = fleet
            .device(device)
            .is_some_and(|device| device.failures > 0);
        if !is_forward || !(fails || (succeeds && had)) {
            continue;
        }
        let mut record: Device = write.one(scope, device).await?;
        record.failures = if fails {
            record.failures.saturating_add(1)
        } else {
            0
        };
        write.update(scope, &record, &Audit::part()).await?;
    }
    Ok(())
}

/// Brings what is known of the fleet to what was kept.
fn follow(fleet: &mut Fleet, own: &mut Loaded, made: &Plan, record: thimble_hub_store::Rollout) {
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
