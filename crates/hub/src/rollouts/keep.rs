//! What a step keeps: all of a plan in one transaction, or nothing of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::json;
use thimble_hub_store::{
    Assignment as KeptAssignment, Audit, DeploymentId, DeviceId, Event, EventId, Id as _, Rollout,
    RolloutDevice, RolloutId, Scope, Write,
};
use thimble_rollout::plan::{Plan, Transition};
use thimble_rollout::snapshot::{Attempt, Outcome, State};
use thimble_rollout::{Standing, UnixMs};

use super::attempt::Kept;
use super::fleet::Fleet;
use super::memory::put_progress;
use super::rows::{has_open, outcomes, rows};
use super::snapshot::Loaded;
use super::step::Step;
use super::{RolloutError, kept_deployment_id, kept_device_id, kept_moment, kept_rollout_id};
use crate::event::tell;
use crate::publish::{Published, Signing};

/// Who changes devices, in the audit log.
pub(super) const ACTOR: &str = "hub";

impl Step<'_> {
    /// Keeps a plan in one transaction, if it says anything new; the record after it.
    pub(super) async fn keep(
        &self,
        scope: &Scope,
        signing: &Signing,
        fleet: &Fleet,
        own: &Loaded,
        made: &Plan,
    ) -> Result<Rollout, RolloutError> {
        let mut record = own.record.clone();
        let is_new = put_progress(&mut record, &own.memory, &made.progress)?;
        let is_over = made.progress.state.is_ended() || made.progress.state == State::Finished;
        let has_open = has_open(fleet, own, made);
        let ended_ms = (is_over && !has_open).then(|| own.record.ended_ms.unwrap_or(self.now_ms));
        let has_ended = ended_ms != own.record.ended_ms;
        let moves = is_new
            || has_ended
            || !made.assignments.is_empty()
            || !made.closed.is_empty()
            || !made.transitions.is_empty();
        if !moves {
            let rows = rows(own, made, &HashMap::new(), self.now_ms);
            if !rows.is_empty() {
                let mut write = self.store.write().await?;
                write.fence(self.lease);
                write.put_rollout_devices(scope, &rows).await?;
                write.commit().await?;
            }
            return Ok(record);
        }
        let mut write = self.store.write().await?;
        write.fence(self.lease);
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
        let (failed, succeeded) = outcomes(fleet, own, made);
        write
            .count_failures(scope, self.tenant, &failed, &succeeded)
            .await?;
        let events = self.events(&record, made);
        tell(&mut write, scope, self.tenant, &events).await?;
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
        let mut taken: BTreeMap<RolloutId, BTreeSet<DeviceId>> = BTreeMap::new();
        for assignment in &made.assignments {
            if let Some(other) = assignment.takes_over {
                let devices = taken.entry(kept_rollout_id(other)).or_default();
                devices.insert(kept_device_id(assignment.device));
            }
        }
        for (other, devices) in taken {
            let mut rows = write.all_rollout_devices(scope, other).await?;
            rows.retain(|row| devices.contains(&row.device));
            let changed: Vec<RolloutDevice> = rows
                .into_iter()
                .filter_map(|row| replaced(row, at, self.now_ms))
                .collect();
            write.put_rollout_devices(scope, &changed).await?;
        }
        Ok(())
    }

    fn audit(&self, record: &Rollout, made: &Plan) -> Audit {
        let transitions: Vec<String> = made.transitions.iter().map(ToString::to_string).collect();
        Audit::new(self.now_ms, ACTOR, "rollout.step", record.id.to_string()).with(json!({
            "generation": record.generation,
            "state": record.state.word(),
            "changed": made.assignments.len(),
            "closed": made.closed.len(),
            "transitions": transitions,
        }))
    }

    fn events(&self, record: &Rollout, made: &Plan) -> Vec<Event> {
        let event = |transition: &Transition| {
            self.event(record, event_kind(transition), transition.to_string())
        };
        made.transitions.iter().map(event).collect()
    }

    pub(super) fn event(&self, record: &Rollout, kind: &str, text: String) -> Event {
        Event {
            id: EventId::fresh(),
            tenant: self.tenant,
            edition: 0,
            created_ms: self.now_ms,
            kind: kind.to_owned(),
            device: None,
            subject: Some(record.id.to_string()),
            detail: json!({
                "deployment": record.deployment.to_string(),
                "state": record.state.word(),
                "text": text,
            }),
        }
    }
}

/// Returns the row of a device whose change another rollout replaced; none, if it has no change.
fn replaced(mut row: RolloutDevice, at: UnixMs, now_ms: i64) -> Option<RolloutDevice> {
    let kept = row.attempt.as_deref().and_then(Kept::parse)?;
    let attempt = Attempt {
        outcome: Outcome::Replaced { at },
        ..kept.attempt()
    };
    let standing = Standing::Replaced { at };
    row.attempt = Kept::of(&attempt, kept.manifest.clone())
        .after(Some(&kept))
        .text();
    standing.word().clone_into(&mut row.status);
    row.reason = standing.to_string();
    row.updated_ms = now_ms;
    Some(row)
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
