//! A rollout as it is kept, and the snapshot of it that the planner takes.

use std::collections::{BTreeSet, HashMap};

use thimble_hub_store::{
    Approval, DeviceId, Match, Page, Read, Rollout, RolloutDevice, RolloutState, Scope, TenantId,
};
use thimble_rollout::placement::Verdict;
use thimble_rollout::policy::{Budget, Policy};
use thimble_rollout::snapshot::{
    Approval as PlannerApproval, Busy, Bystander, Device, Reported, Snapshot,
};

use thimble_rollout::UnixMs;

use super::attempt::Kept;
use super::fleet::{Fleet, FleetDevice, planner_id};
use super::memory::Memory;
use super::policy::kept_policy;
use super::{REMOVAL, RolloutError, assigned, deployment_id, kept_deployment_id, rollout_id};

/// A rollout as it is kept.
pub(super) struct Loaded {
    pub(super) record: Rollout,
    pub(super) memory: Memory,
    pub(super) policy: Policy,
    pub(super) approvals: Vec<Approval>,
    pub(super) rows: HashMap<DeviceId, RolloutDevice>,
    pub(super) attempts: HashMap<DeviceId, Kept>,
    /// Devices on which another rollout of the same revision failed.
    pub(super) failed_before: BTreeSet<DeviceId>,
}

/// Reads the rollouts of a tenant that something may come of, the oldest first.
pub(super) async fn read_rollouts(
    read: &mut Read,
    scope: &Scope,
    tenant: TenantId,
) -> Result<Vec<Loaded>, RolloutError> {
    let of_tenant = [Match::equals("tenant", &tenant)];
    let records: Vec<Rollout> = read.all(scope, &of_tenant).await?;
    let newest: HashMap<_, _> = records
        .iter()
        .map(|record| (record.deployment, record.id))
        .collect();
    let mut loaded = Vec::new();
    for record in &records {
        let is_newest = newest.get(&record.deployment) == Some(&record.id);
        // A finished rollout still serves devices that come later.
        let is_kept_up = is_newest && record.state == RolloutState::Finished;
        if record.ended_ms.is_some() && !is_kept_up {
            continue;
        }
        let mut failed_before = BTreeSet::new();
        let earlier = records.iter().filter(|other| {
            other.id != record.id
                && (other.deployment, other.target) == (record.deployment, record.target)
        });
        for other in earlier {
            let rows = read.all_rollout_devices(scope, other.id).await?;
            failed_before.extend(
                rows.iter()
                    .filter(|row| has_failed(row))
                    .map(|row| row.device),
            );
        }
        loaded.push(read_rollout(read, scope, record.clone(), failed_before).await?);
    }
    Ok(loaded)
}

fn attempt(row: &RolloutDevice) -> Option<Kept> {
    Kept::parse(row.attempt.as_deref()?)
}

fn has_failed(row: &RolloutDevice) -> bool {
    attempt(row).is_some_and(|attempt| attempt.has_failed())
}

async fn read_rollout(
    read: &mut Read,
    scope: &Scope,
    record: Rollout,
    failed_before: BTreeSet<DeviceId>,
) -> Result<Loaded, RolloutError> {
    let what = format!("policy of rollout {}", record.id);
    let rows = read.all_rollout_devices(scope, record.id).await?;
    let attempts = rows
        .iter()
        .filter_map(|row| Some((row.device, attempt(row)?)));
    let about = [Match::equals("subject", &record.id.to_string())];
    let page = Page::first(1000);
    Ok(Loaded {
        memory: Memory::of(&record)?,
        policy: kept_policy(&record.policy, &what)?,
        approvals: read.page(scope, &about, &page).await?.items,
        attempts: attempts.collect(),
        rows: rows.into_iter().map(|row| (row.device, row)).collect(),
        failed_before,
        record,
    })
}

/// Notes which devices have a change open, of which rollouts.
pub(super) fn note_open(fleet: &mut Fleet, rollouts: &[Loaded]) {
    for rollout in rollouts {
        for (device, attempt) in &rollout.attempts {
            if attempt.is_pending()
                && let Some(device) = fleet.device_mut(*device)
            {
                device
                    .open
                    .push((rollout.record.id, rollout.record.deployment));
            }
        }
    }
}

/// Returns the snapshot of a rollout.
pub(super) fn snapshot(
    fleet: &Fleet,
    rollouts: &[Loaded],
    own: &Loaded,
    listening_since: UnixMs,
) -> Snapshot {
    let record = &own.record;
    let other_budgets: Vec<Budget> = rollouts
        .iter()
        .filter(|other| other.record.id != record.id && is_under_way(other.record.state))
        .flat_map(|other| other.policy.budgets.iter().cloned())
        .collect();
    let has_budgets = !own.policy.budgets.is_empty() || !other_budgets.is_empty();
    let mut devices = Vec::new();
    let mut bystanders = Vec::new();
    for device in &fleet.devices {
        if concerns(own, device) {
            devices.push(planner_device(fleet, rollouts, own, device));
        } else if has_budgets {
            bystanders.push(Bystander {
                id: planner_id(device),
                labels: device.labels.clone(),
                is_unhealthy: device.is_unhealthy,
                last_seen: device.last_seen,
                is_busy: !device.open.is_empty() || device.is_retrying,
            });
        }
    }
    let given = own.approvals.iter().filter(|approval| approval.is_given);
    Snapshot {
        rollout: rollout_id(record.id),
        deployment: deployment_id(record.deployment),
        revision: (record.target != REMOVAL).then_some(record.target),
        author: own.memory.author.clone(),
        progress: own.memory.progress(record),
        approvals: given
            .map(|approval| PlannerApproval {
                wave: u16::try_from(approval.step).unwrap_or(u16::MAX),
                user: approval.account.to_string(),
                roles: Vec::new(),
            })
            .collect(),
        devices,
        bystanders,
        other_budgets,
        listening_since,
    }
}

const fn is_under_way(state: RolloutState) -> bool {
    matches!(
        state,
        RolloutState::Running
            | RolloutState::WaitingApproval
            | RolloutState::Paused
            | RolloutState::RollingBack
    )
}

/// Says whether a device has to do with a rollout.
fn concerns(own: &Loaded, device: &FleetDevice) -> bool {
    let deployment = own.record.deployment;
    device.verdict(deployment) != Verdict::NotSelected
        || device.revision(deployment).is_some()
        || own.attempts.contains_key(&device.id)
}

fn planner_device(
    fleet: &Fleet,
    rollouts: &[Loaded],
    own: &Loaded,
    device: &FleetDevice,
) -> Device {
    let deployment = own.record.deployment;
    let app = fleet.app(deployment);
    let mut of_app = device
        .assignments
        .iter()
        .filter(|(one, _)| fleet.app(*one) == app);
    let row = own.rows.get(&device.id);
    let kept = own.attempts.get(&device.id);
    let reported = match kept {
        Some(kept) if kept.is_pending() => {
            let version = row.and_then(|row| row.state_version);
            kept.reported(version, device.desired, device.report().as_ref())
        }
        _ => Reported::Nothing,
    };
    Device {
        id: planner_id(device),
        labels: device.labels.clone(),
        hardware: device.hardware.clone(),
        assigned: of_app
            .next()
            .map(|(one, revision)| assigned(*one, *revision)),
        verdict: device.verdict(deployment),
        wave: row.and_then(|row| u16::try_from(row.wave?).ok()),
        attempt: kept.map(Kept::attempt),
        reported,
        is_unhealthy: device.is_unhealthy,
        is_retrying: device.is_retrying,
        last_seen: device.last_seen,
        hold: device.hold,
        hold_note: device.hold_note.clone(),
        window: device.window,
        failures: device.failures,
        has_failed_before: own.failed_before.contains(&device.id),
        busy: busy(rollouts, own, device),
        waits_for: waits_for(fleet, own, device),
    }
}

fn busy(rollouts: &[Loaded], own: &Loaded, device: &FleetDevice) -> Option<Busy> {
    let mut others = device
        .open
        .iter()
        .filter(|(rollout, _)| *rollout != own.record.id);
    let (rollout, deployment) = others.next()?;
    let other = rollouts.iter().find(|other| other.record.id == *rollout);
    let is_over = other.is_none_or(|other| !is_under_way(other.record.state));
    Some(Busy {
        rollout: rollout_id(*rollout),
        may_take_over: is_over && *deployment == own.record.deployment && others.next().is_none(),
    })
}

fn waits_for(
    fleet: &Fleet,
    own: &Loaded,
    device: &FleetDevice,
) -> Option<thimble_rollout::DeploymentId> {
    if own.record.target == REMOVAL {
        return None;
    }
    let deployed = fleet.deployments.get(&own.record.deployment)?;
    let mut needed = deployed.placed.depends_on.iter();
    needed
        .find(|needed| device.revision(kept_deployment_id(**needed)).is_none())
        .copied()
}
