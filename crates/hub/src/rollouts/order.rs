//! What operators order: each is part of the caller's transaction, and the executor looks at it when that is committed.

use thimble_hub_api::identity::Role;
use thimble_hub_api::rollout as api;
use thimble_hub_store::{
    Approval, ApprovalId, Audit, Deployment, DeploymentId, Id as _, Match, Read, Rollout,
    RolloutId, RolloutState, Scope, Topic, UserId, Write,
};
use thimble_rollout::snapshot::{Progress, WrongState};

use super::memory::{Memory, put_progress};
use super::{REMOVAL, RolloutError, moment, planner_policy};

/// A rollout to begin.
#[derive(Clone, Debug)]
pub struct Request {
    /// Of which deployment.
    pub deployment: DeploymentId,
    /// To which revision; [`REMOVAL`] takes the deployment from every device.
    pub revision: u64,
    /// How careful it is.
    pub policy: api::Policy,
    /// Who begins it.
    pub author: UserId,
}

/// Somebody's approval.
#[derive(Clone, Copy, Debug)]
pub struct Vote<'a> {
    /// Of which wave, from 0; none: of the one that the rollout is in.
    pub wave: Option<u32>,
    /// Who approves.
    pub user: UserId,
    /// The roles that this user has in the rollout's tenant.
    pub roles: &'a [Role],
    /// Why.
    pub reason: Option<&'a str>,
}

/// Begins a rollout. One of the same deployment that is under way is aborted: what it began ends by itself, or is taken over.
///
/// # Errors
/// [`RolloutError`]: the deployment is not in the scope, has no such revision or is being removed; the policy cannot be meant.
pub async fn create(
    write: &mut Write,
    scope: &Scope,
    request: &Request,
    now_ms: i64,
    audit: &Audit,
) -> Result<Rollout, RolloutError> {
    planner_policy(&request.policy)?;
    let mut deployment: Deployment = write.one(scope, request.deployment).await?;
    if request.revision > deployment.latest {
        return Err(RolloutError::NoRevision {
            revision: request.revision,
            latest: deployment.latest,
        });
    }
    if request.revision != REMOVAL && deployment.removing_ms.is_some() {
        return Err(RolloutError::BeingRemoved);
    }
    if request.revision == REMOVAL && deployment.removing_ms.is_none() {
        deployment.removing_ms = Some(now_ms);
        write.update(scope, &deployment, &Audit::part()).await?;
    }
    let of_deployment = [
        Match::equals("deployment", &request.deployment),
        Match::null("ended_ms"),
    ];
    let others: Vec<Rollout> = write.all(scope, &of_deployment).await?;
    let previous = others.last().map(|other| other.target);
    let mut rollout = record(&deployment, request, now_ms)?;
    rollout.previous = previous;
    for mut other in others {
        if other.state != RolloutState::Aborted && other.state != RolloutState::Failed {
            other.state = RolloutState::Aborted;
            other.generation = other.generation.saturating_add(1);
            other.reason = Some(format!("rollout {} took its place", rollout.id));
            write.update(scope, &other, &Audit::part()).await?;
        }
    }
    let memory = Memory::begun_by(&request.author, audit.actor().unwrap_or_default());
    put_progress(&mut rollout, &memory, &Progress::default())?;
    write.insert(scope, &rollout, audit).await?;
    rollout.edition = 1;
    wake(write, &rollout);
    Ok(rollout)
}

/// How careful the last rollout of a deployment was, removals aside: what the next one is if nobody says otherwise. Its
/// deadline was its own.
///
/// # Errors
/// [`RolloutError::Damaged`]; the store's.
pub async fn last_policy(
    read: &mut Read,
    scope: &Scope,
    deployment: DeploymentId,
) -> Result<api::Policy, RolloutError> {
    let of_deployment = [Match::equals("deployment", &deployment)];
    let all: Vec<Rollout> = read.all(scope, &of_deployment).await?;
    let last = all.into_iter().rfind(|one| one.target != REMOVAL);
    let Some(last) = last else {
        return Ok(api::Policy::default());
    };
    let policy = serde_json::from_value::<api::Policy>(last.policy);
    let policy = policy.map_err(|error| RolloutError::Damaged {
        what: format!("policy of rollout {}", last.id),
        reason: error.to_string(),
    })?;
    Ok(api::Policy {
        deadline: None,
        ..policy
    })
}

/// A rollout that has not begun.
pub(super) fn record(
    deployment: &Deployment,
    request: &Request,
    now_ms: i64,
) -> Result<Rollout, RolloutError> {
    Ok(Rollout {
        id: RolloutId::fresh(),
        tenant: deployment.tenant,
        edition: 0,
        created_ms: now_ms,
        deployment: request.deployment,
        target: request.revision,
        previous: None,
        policy: to_value(&request.policy)?,
        state: RolloutState::Planned,
        reason: None,
        wave: 0,
        generation: 0,
        memory: serde_json::Value::Null,
        next_ms: Some(now_ms),
        begun_ms: None,
        ended_ms: None,
    })
}

fn to_value(policy: &api::Policy) -> Result<serde_json::Value, RolloutError> {
    serde_json::to_value(policy).map_err(|error| RolloutError::Damaged {
        what: "policy".to_owned(),
        reason: error.to_string(),
    })
}

/// Lets nothing new begin.
///
/// # Errors
/// [`RolloutError::State`], or the rollout is not in the scope, or was changed meanwhile.
pub async fn pause(
    write: &mut Write,
    scope: &Scope,
    rollout: RolloutId,
    reason: &str,
    audit: &Audit,
) -> Result<Rollout, RolloutError> {
    change(write, scope, rollout, reason, audit, Progress::pause).await
}

/// Goes on after a pause; failures until now do not count any more.
///
/// # Errors
/// As [`pause`].
pub async fn resume(
    write: &mut Write,
    scope: &Scope,
    rollout: RolloutId,
    reason: &str,
    now_ms: i64,
    audit: &Audit,
) -> Result<Rollout, RolloutError> {
    let resume = |progress: &mut Progress| progress.resume(moment(now_ms));
    change(write, scope, rollout, reason, audit, resume).await
}

/// Ends a rollout; what was begun ends by itself.
///
/// # Errors
/// As [`pause`].
pub async fn abort(
    write: &mut Write,
    scope: &Scope,
    rollout: RolloutId,
    reason: &str,
    audit: &Audit,
) -> Result<Rollout, RolloutError> {
    change(write, scope, rollout, reason, audit, Progress::abort).await
}

/// Gives devices back what they had, the last first and within the same budgets.
///
/// # Errors
/// As [`pause`].
pub async fn roll_back(
    write: &mut Write,
    scope: &Scope,
    rollout: RolloutId,
    reason: &str,
    audit: &Audit,
) -> Result<Rollout, RolloutError> {
    change(write, scope, rollout, reason, audit, Progress::roll_back).await
}

async fn change(
    write: &mut Write,
    scope: &Scope,
    rollout: RolloutId,
    reason: &str,
    audit: &Audit,
    step: impl FnOnce(&mut Progress) -> Result<(), WrongState>,
) -> Result<Rollout, RolloutError> {
    let mut record: Rollout = write.one(scope, rollout).await?;
    let of_deployment = [Match::equals("deployment", &record.deployment)];
    let all: Vec<Rollout> = write.all(scope, &of_deployment).await?;
    // Two that go on would take every device from each other for ever.
    if let Some(newest) = all.last().filter(|newest| newest.id != rollout) {
        return Err(RolloutError::Superseded {
            by: newest.id.to_string(),
        });
    }
    let memory = Memory::of(&record)?;
    let mut progress = memory.progress(&record);
    step(&mut progress)?;
    put_progress(&mut record, &memory, &progress)?;
    record.generation = record.generation.saturating_add(1);
    record.reason = Some(reason.to_owned());
    // The executor ends it, when nothing of it is open.
    record.ended_ms = None;
    record.edition = write.update(scope, &record, audit).await?;
    wake(write, &record);
    Ok(record)
}

/// Approves the wave that a rollout waits with, or one that comes later, as one person.
///
/// # Errors
/// [`RolloutError::NothingToApprove`], [`RolloutError::WrongRole`], [`RolloutError::OwnRollout`]; the store's, `Exists` above
/// all: this person approved the wave before.
pub async fn approve(
    write: &mut Write,
    scope: &Scope,
    rollout: RolloutId,
    vote: &Vote<'_>,
    now_ms: i64,
    audit: &Audit,
) -> Result<Rollout, RolloutError> {
    let record: Rollout = write.one(scope, rollout).await?;
    let policy: api::Policy =
        serde_json::from_value(record.policy.clone()).map_err(|error| RolloutError::Damaged {
            what: format!("policy of rollout {rollout}"),
            reason: error.to_string(),
        })?;
    let wave = vote.wave.unwrap_or(record.wave);
    let index = usize::try_from(wave).unwrap_or(usize::MAX);
    let rule = policy
        .waves
        .get(index)
        .and_then(|wave| wave.approval.as_ref());
    let rule = rule
        .filter(|_| wave >= record.wave)
        .ok_or(RolloutError::NothingToApprove { wave })?;
    // Who may do everything may approve as well.
    let may = |role: &Role| rule.roles.contains(role) || *role == Role::Admin;
    if !rule.roles.is_empty() && !vote.roles.iter().any(may) {
        return Err(RolloutError::WrongRole {
            wave,
            roles: rule
                .roles
                .iter()
                .map(|role| format!("{role:?}").to_lowercase())
                .collect(),
        });
    }
    if rule.people > 1 && Memory::of(&record)?.author == vote.user.to_string() {
        return Err(RolloutError::OwnRollout);
    }
    let approval = Approval {
        id: ApprovalId::fresh(),
        tenant: record.tenant,
        edition: 0,
        created_ms: now_ms,
        subject: rollout.to_string(),
        step: wave,
        account: vote.user,
        is_given: true,
        reason: vote.reason.map(str::to_owned),
    };
    write.insert(scope, &approval, audit).await?;
    wake(write, &record);
    Ok(record)
}

fn wake(write: &mut Write, rollout: &Rollout) {
    let subject = Some(rollout.id.to_string());
    write.wake(Topic::Rollout, Some(rollout.tenant), subject);
}
