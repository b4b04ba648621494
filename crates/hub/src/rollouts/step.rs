//! One step of a tenant's rollouts: read, plan, and keep each plan in one transaction.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::json;
use thimble_hub_store::{
    Assignment as KeptAssignment, Audit, DeploymentId, DeviceId, Event, EventId, Id as _, Lease,
    Read, Reports, Rollout, RolloutDevice, RolloutId, RolloutState, Scope, Store, TenantId, Write,
};
use thimble_rollout::plan::{Plan, Transition};
use thimble_rollout::snapshot::{Attempt, Outcome, State};
use thimble_rollout::{Standing, UnixMs, plan};

use super::attempt::Kept;
use super::burial::bury;
use super::fleet::Fleet;
use super::memory::put_progress;
use super::rows::{count_failures, follow, has_open, rows};
use super::snapshot::{Loaded, note_open, read_rollouts, snapshot};
use super::{RolloutError, kept_deployment_id, kept_device_id, kept_moment, kept_rollout_id};
use crate::event::tell;
use crate::publish::{Published, Publisher, Signing};

/// Who changes devices, in the audit log.
const ACTOR: &str = "hub";
/// Devices that a transaction changes at most, so that it stays within what the store takes at once; the rest follows.
const ASSIGNMENTS_MAX: usize = 100_000;

/// What a step needs.
pub(super) struct Step<'a> {
    pub(super) store: &'a Store,
    pub(super) publisher: &'a Publisher,
    pub(super) tenant: TenantId,
    pub(super) lease: &'a Lease,
    pub(super) now_ms: i64,
    /// Since when this node listens to devices.
    pub(super) listening_since_ms: i64,
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

/// What a step did, and what is left.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Taken {
    pub(super) rest: Rest,
    /// The number of the last change before it.
    pub(super) change: u64,
    /// It had nothing to do.
    pub(super) is_quiet: bool,
}

impl Step<'_> {
    /// Takes the step.
    pub(super) async fn take(&self) -> Result<Taken, RolloutError> {
        let scope = Scope::whole_hub_for_its_own_work();
        let now = super::moment(self.now_ms);
        let mut read = self.store.snapshot().await?;
        let mut taken = Taken {
            change: read.last_change().await?,
            is_quiet: true,
            ..Taken::default()
        };
        let mut rollouts = read_rollouts(&mut read, &scope, self.tenant).await?;
        if rollouts.is_empty() {
            return Ok(taken);
        }
        let Some(mut fleet) = self.fleet(&mut read, &scope, &rollouts).await? else {
            taken.is_quiet = false;
            return Ok(taken);
        };
        drop(read);
        let signing = self.publisher.signing(self.tenant).await?;
        for index in 0..rollouts.len() {
            let Some(own) = rollouts.get(index) else {
                break;
            };
            let mut made = plan(
                &own.policy,
                &snapshot(
                    &fleet,
                    &rollouts,
                    own,
                    super::moment(self.listening_since_ms),
                ),
                now,
            );
            let is_cut = made.assignments.len() > ASSIGNMENTS_MAX;
            made.assignments.truncate(ASSIGNMENTS_MAX);
            let kept = self.keep(&scope, &signing, &fleet, own, &made).await;
            let Some(record) = self.settle(&scope, own, kept).await? else {
                taken.is_quiet = false;
                continue;
            };
            taken.is_quiet &= record.generation == own.record.generation;
            let rest = &mut taken.rest;
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
                bury(self.store, &scope, self.lease, &fleet, own, self.now_ms).await?;
            }
        }
        Ok(taken)
    }

    /// Keeps a plan in one transaction, if it says anything new; the record after it.
    async fn keep(
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

    fn event(&self, record: &Rollout, kind: &str, text: String) -> Event {
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

    /// Pauses a rollout whose plan cannot be kept for a reason that stays, and says the reason.
    async fn settle(
        &self,
        scope: &Scope,
        own: &Loaded,
        kept: Result<Rollout, RolloutError>,
    ) -> Result<Option<Rollout>, RolloutError> {
        let error = match kept {
            Ok(record) => return Ok(Some(record)),
            Err(error) if error.is_passing() => return Err(error),
            Err(error) => error,
        };
        self.halt(scope, own, &chain(&error)).await?;
        Ok(None)
    }

    /// Pauses a rollout for a reason, unless it stands still anyway.
    async fn halt(&self, scope: &Scope, own: &Loaded, reason: &str) -> Result<(), RolloutError> {
        let mut record = own.record.clone();
        let text = format!("it is paused now: {reason}");
        let stands = matches!(
            record.state,
            RolloutState::Paused | RolloutState::Aborted | RolloutState::Failed
        );
        if stands {
            tracing::warn!(rollout = %record.id, reason, "a rollout that stands still cannot be looked after");
            return Ok(());
        }
        record.state = RolloutState::Paused;
        record.generation = record.generation.saturating_add(1);
        record.reason = Some(text.clone());
        record.ended_ms = None;
        let audit = Audit::new(self.now_ms, ACTOR, "rollout.pause", record.id.to_string());
        let mut write = self.store.write().await?;
        write.fence(self.lease);
        let audit = audit.because(reason);
        write.update(scope, &record, &audit).await?;
        let event = self.event(&record, "rollout.stopped", text);
        tell(&mut write, scope, self.tenant, &[event]).await?;
        write.commit().await?;
        Ok(())
    }

    /// Reads the fleet and places the deployments; none, if that cannot be done, which every rollout then says.
    async fn fleet(
        &self,
        read: &mut Read,
        scope: &Scope,
        rollouts: &[Loaded],
    ) -> Result<Option<Fleet>, RolloutError> {
        let fleet = Fleet::read(
            read,
            scope,
            self.tenant,
            super::moment(self.now_ms),
            wanted_reports(rollouts),
        )
        .await;
        let placed = fleet.and_then(|mut fleet| fleet.place().map(|()| fleet));
        match placed {
            Ok(mut fleet) => {
                note_open(&mut fleet, rollouts);
                Ok(Some(fleet))
            }
            Err(error) if error.is_passing() => Err(error),
            Err(error) => {
                let reason = chain(&error);
                for own in rollouts {
                    self.halt(scope, own, &reason).await?;
                }
                Ok(None)
            }
        }
    }
}

/// Says whose reports matter: of devices that are being changed what they say of that, of others only that they are not well.
fn wanted_reports(rollouts: &[Loaded]) -> Reports {
    let mut attempts = rollouts.iter().flat_map(|own| own.attempts.values());
    match attempts.any(Kept::is_pending) {
        true => Reports::OfAll,
        false => Reports::OfSuspects,
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
