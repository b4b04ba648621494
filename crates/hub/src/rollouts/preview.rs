//! What would come of a deployment or a rollout, without doing it.

use std::collections::{BTreeSet, HashMap};

use thimble_hub_store::{
    App, Deployment, DeploymentId, DeviceId, Match, Read, Reports, RolloutState, Scope,
};
use thimble_rollout::placement::Verdict;
use thimble_rollout::plan::WaveTally;
use thimble_rollout::snapshot::Progress;
use thimble_rollout::{Standing, UnixMs, plan};

use super::fleet::{Fleet, placed};
use super::memory::{Memory, put_progress};
use super::order::Request;
use super::snapshot::{Loaded, note_open, read_rollouts, snapshot};
use super::{RolloutError, kept_device_id, moment, planner_policy};
use crate::publish::revision_spec;

/// Where devices would stand.
#[derive(Clone, Debug, Default)]
pub struct Preview {
    /// Every device that the rollout concerns: its id, its name, its wave, and where it would stand, and why.
    pub devices: Vec<(DeviceId, String, Option<u16>, Standing)>,
    /// Each wave in numbers.
    pub waves: Vec<WaveTally>,
    /// When something more would happen, if no device does anything.
    pub next_ms: Option<u64>,
}

/// A device that a deployment picks, and that would not have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Which device.
    pub device: DeviceId,
    /// Its name.
    pub name: String,
    /// Why.
    pub reason: String,
}

/// Says what a rollout would do now.
///
/// # Errors
/// As [`super::create`].
pub async fn simulate(
    read: &mut Read,
    scope: &Scope,
    request: &Request,
    now_ms: i64,
) -> Result<Preview, RolloutError> {
    let policy = planner_policy(&request.policy)?;
    let (mut fleet, deployment) =
        fleet(read, scope, request.deployment, request.revision, now_ms).await?;
    let mut rollouts = read_rollouts(read, scope, deployment.tenant).await?;
    // Those that it would take the place of would be aborted.
    for other in &mut rollouts {
        if other.record.deployment == request.deployment {
            other.record.state = RolloutState::Aborted;
        }
    }
    note_open(&mut fleet, &rollouts);
    let own = planned(&deployment, request, policy)?;
    let made = plan(
        &own.policy,
        &snapshot(&fleet, &rollouts, &own, UnixMs(0)),
        moment(now_ms),
    );
    let named = made.places.into_iter().map(|place| {
        let id = kept_device_id(place.device);
        let name = fleet.device(id).map(|device| device.name.clone());
        (id, name.unwrap_or_default(), place.wave, place.standing)
    });
    Ok(Preview {
        devices: named.collect(),
        waves: made.tallies,
        next_ms: made.next_look.map(|at: UnixMs| at.0),
    })
}

/// Says where a deployment would be, by a revision that is kept: on how many devices, and on which that it picks it would not be.
///
/// # Errors
/// The deployment is not in the scope or has no such revision; deployments cannot be placed.
pub async fn placement(
    read: &mut Read,
    scope: &Scope,
    deployment: DeploymentId,
    revision: u64,
    now_ms: i64,
) -> Result<(u64, Vec<Refused>), RolloutError> {
    let (fleet, _) = fleet(read, scope, deployment, revision, now_ms).await?;
    let mut count = 0;
    let mut refused = Vec::new();
    for device in &fleet.devices {
        let standing = match device.verdict(deployment) {
            Verdict::NotSelected => continue,
            Verdict::Placed => {
                count += 1;
                continue;
            }
            Verdict::Conflict { with } => Standing::Conflict { with },
            Verdict::Superseded { by } => Standing::Superseded { by },
            Verdict::MissingDependency { deployment } => Standing::MissingDependency { deployment },
            Verdict::DoesNotFit(misfit) => Standing::DoesNotFit(misfit),
            _ => Standing::NotSelected,
        };
        refused.push(Refused {
            device: device.id,
            name: device.name.clone(),
            reason: standing.to_string(),
        });
    }
    Ok((count, refused))
}

/// Reads the fleet of a deployment's tenant, and places it by this revision.
async fn fleet(
    read: &mut Read,
    scope: &Scope,
    deployment: DeploymentId,
    revision: u64,
    now_ms: i64,
) -> Result<(Fleet, Deployment), RolloutError> {
    let record: Deployment = read.one(scope, deployment).await?;
    let mut fleet = Fleet::read(read, scope, record.tenant, moment(now_ms), Reports::OfAll).await?;
    if revision != super::REMOVAL {
        let app: App = read.one(scope, record.app).await?;
        let spec = revision_spec(read, scope, deployment, revision).await?;
        let of_tenant = [Match::equals("tenant", &record.tenant)];
        let all: Vec<Deployment> = read.all(scope, &of_tenant).await?;
        let names = all
            .into_iter()
            .map(|one| (one.name, one.id))
            .collect::<HashMap<_, _>>();
        if let Some(deployed) = fleet.deployments.get_mut(&deployment) {
            deployed.placed = placed(&record, &app, &spec, &names)?;
        }
    }
    fleet.place()?;
    Ok((fleet, record))
}

/// A rollout that is not kept.
fn planned(
    deployment: &Deployment,
    request: &Request,
    policy: thimble_rollout::Policy,
) -> Result<Loaded, RolloutError> {
    let memory = Memory::begun_by(&request.author, "");
    let mut record = super::order::record(deployment, request, 0)?;
    put_progress(&mut record, &memory, &Progress::default())?;
    Ok(Loaded {
        record,
        memory,
        policy,
        approvals: Vec::new(),
        rows: HashMap::new(),
        attempts: HashMap::new(),
        failed_before: BTreeSet::new(),
    })
}
