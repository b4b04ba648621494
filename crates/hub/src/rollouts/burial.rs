//! The end of a removal: the deployment itself goes, with its revisions and rollouts. The audit trail keeps what they were.

use std::collections::BTreeSet;

use thimble_hub_store::{
    Audit, Deployment, DeploymentId, DeviceId, Lease, Match, Read, Rollout, Scope, Store, TenantId,
};

use super::fleet::Fleet;
use super::snapshot::Loaded;
use super::{REMOVAL, RolloutError};
use crate::publish::{is_meant, revision_spec};

/// Removes a deployment of which nothing is left, if the removal came to its end; whether it did.
pub(super) async fn bury(
    store: &Store,
    scope: &Scope,
    lease: &Lease,
    fleet: &Fleet,
    own: &Loaded,
    now_ms: i64,
) -> Result<bool, RolloutError> {
    let (record, deployment) = (&own.record, own.record.deployment);
    if record.target != REMOVAL || record.ended_ms.is_none() {
        return Ok(false);
    }
    let has_it = |device: &super::fleet::FleetDevice| device.revision(deployment).is_some();
    if fleet.devices.iter().any(has_it) {
        return Ok(false);
    }
    let mut write = store.write().await?;
    write.fence(lease);
    let of_deployment = [
        Match::equals("deployment", &deployment),
        Match::null("ended_ms"),
    ];
    let open = write.count::<Rollout>(scope, &of_deployment).await?;
    let deployed: Deployment = write.one(scope, deployment).await?;
    if open > 0 || is_needed(&mut write, scope, fleet, &deployed).await? {
        return Ok(false);
    }
    // Those that are left are of devices that are no more.
    let left = write.assignments_of_deployment(scope, deployment).await?;
    let left: Vec<(DeviceId, DeploymentId)> =
        left.iter().map(|one| (one.device, deployment)).collect();
    if !left.is_empty() {
        let tenant: TenantId = record.tenant;
        write.unassign(scope, tenant, &left, &Audit::part()).await?;
    }
    let subject = format!("deployment/{deployment}");
    let audit = Audit::new(now_ms, "hub", "deployment.removed", subject)
        .with(serde_json::json!({ "name": deployed.name, "rollout": record.id.to_string() }));
    write
        .remove::<Deployment>(scope, deployment, &audit)
        .await?;
    write.commit().await?;
    Ok(true)
}

/// Says whether a revision that a device has, or the newest of another deployment, names this one: it could not be read without.
async fn is_needed(
    read: &mut Read,
    scope: &Scope,
    fleet: &Fleet,
    deployed: &Deployment,
) -> Result<bool, RolloutError> {
    let mut revisions: BTreeSet<(DeploymentId, u64)> = fleet
        .devices
        .iter()
        .flat_map(|device| device.assignments.iter().copied())
        .collect();
    let others = fleet.deployments.values().map(|other| &other.record);
    revisions.extend(others.map(|other| (other.id, other.latest)));
    revisions.retain(|(other, _)| *other != deployed.id);
    for (other, revision) in revisions {
        let found = match revision_spec(read, scope, other, revision).await {
            Ok(found) => found,
            // One that went in the same step.
            Err(crate::publish::PublishError::NoRevision { .. }) => continue,
            Err(error) => return Err(error.into()),
        };
        let mut needed = found.spec.depends_on.iter();
        if needed.any(|said| is_meant(deployed, said)) {
            return Ok(true);
        }
    }
    Ok(false)
}
