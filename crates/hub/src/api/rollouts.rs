//! How devices get from what they have to what was declared. What is done is the executor's; this takes orders and tells how
//! it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use thimble_hub_api::rollout::{
    NewRollout, Policy, Preview, Rollout as RolloutView, RolloutDevice as DeviceView, RolloutState,
};
use thimble_hub_api::{Page, ProblemKind};
use thimble_hub_store::{
    Deployment, Device, DeviceId, Error as StoreError, Read, Rollout, RolloutId,
    RolloutState as Stored, Scope,
};
use thimble_rollout::Standing;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::allowed::{Allowed, ToApprove, ToRead, ToRollouts};
use super::described;
use super::lookup::{by_id, named};
use super::policy;
use super::reply::{Answer, Fault};
use super::request::{Asked, Declared, Named, Nothing, Paged, Reason, limit};
use crate::hub::Hub;
use crate::model::timestamp;
use crate::rollouts::{self, Request, RolloutError, Vote};

/// Devices of a preview that are told one by one, at most.
const TOLD_MAX: usize = 1000;

pub(super) fn routes() -> OpenApiRouter<Arc<Hub>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(preview))
        .routes(routes!(inspect))
        .routes(routes!(devices))
        .routes(routes!(approve))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(abort))
        .routes(routes!(roll_back))
}

const fn state(stored: Stored) -> RolloutState {
    match stored {
        Stored::Planned => RolloutState::Planned,
        Stored::WaitingApproval => RolloutState::WaitingApproval,
        Stored::Running => RolloutState::Running,
        Stored::Paused => RolloutState::Paused,
        Stored::Aborted => RolloutState::Aborted,
        Stored::RollingBack => RolloutState::RollingBack,
        Stored::Finished => RolloutState::Finished,
        Stored::Failed => RolloutState::Failed,
    }
}

async fn view(read: &mut Read, scope: &Scope, rollout: Rollout) -> Answer<RolloutView> {
    let counts: BTreeMap<String, u64> = read
        .count_rollout_devices(scope, rollout.id)
        .await?
        .into_iter()
        .collect();
    let author = rollouts::author(&rollout);
    Ok(RolloutView {
        id: rollout.id.to_string(),
        deployment: rollout.deployment.to_string(),
        revision: rollout.target,
        policy: serde_json::from_value::<Policy>(rollout.policy.clone()).unwrap_or_default(),
        state: state(rollout.state),
        wave: rollout.wave,
        reason: rollout.reason,
        counts,
        created_at: timestamp(rollout.created_ms),
        author,
    })
}

/// Lists the rollouts, oldest first.
#[utoipa::path(get, path = "/v1/rollouts", tag = "rollouts", params(Paged),
    responses((status = 200, body = Page<RolloutView>)))]
async fn list(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToRead>,
    Asked(paged): Asked<Paged>,
) -> Answer<Json<Page<RolloutView>>> {
    let rows = paged.rows::<RolloutId>()?;
    let scope = caller.scope();
    let mut read = hub.store.read().await?;
    let listed = read.page::<Rollout>(&scope, &[], &rows).await?;
    let mut items = Vec::with_capacity(listed.items.len());
    for rollout in listed.items {
        items.push(view(&mut read, &scope, rollout).await?);
    }
    Ok(Json(Page {
        items,
        next: listed.next,
    }))
}

/// What is asked for: the deployment, and the revision that it is about.
async fn request(
    read: &mut Read,
    caller: &Allowed<ToRollouts>,
    new: &NewRollout,
    now_ms: i64,
) -> Answer<Request> {
    let deployment = named::<Deployment>(read, &caller.scope(), &new.deployment).await?;
    let policy = match &new.policy {
        Some(policy) => policy.clone(),
        None => rollouts::last_policy(read, &caller.scope(), deployment.id).await?,
    };
    policy::check(read, &caller.scope(), &deployment, &policy, now_ms).await?;
    let revision = new.revision.unwrap_or(deployment.latest);
    if revision == rollouts::REMOVAL {
        return Err(Fault::new(
            ProblemKind::Invalid,
            "revisions begin with 1: to take a deployment from its devices, remove it",
        ));
    }
    Ok(Request {
        deployment: deployment.id,
        revision,
        policy,
        author: caller.user(),
    })
}

/// Begins a rollout: devices get this revision of the deployment, as carefully as the policy says. One of the same deployment
/// that is under way is aborted.
#[utoipa::path(post, path = "/v1/rollouts", tag = "rollouts", request_body = NewRollout,
    responses((status = 201, body = RolloutView), described::NotFound, described::Conflicting, described::Invalid))]
async fn create(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToRollouts>,
    Declared(new): Declared<NewRollout>,
) -> Answer<(StatusCode, Json<RolloutView>)> {
    let (scope, now_ms) = (caller.scope(), hub.now_ms());
    let mut write = hub.store.write().await?;
    let request = request(&mut write, &caller, &new, now_ms).await?;
    let audit = caller
        .audit(
            now_ms,
            "rollout.create",
            format!("deployment/{}", request.deployment),
        )
        .with(serde_json::json!({ "revision": request.revision }));
    let rollout = rollouts::create(&mut write, &scope, &request, now_ms, &audit).await?;
    let view = view(&mut write, &scope, rollout).await?;
    write.commit().await?;
    Ok((StatusCode::CREATED, Json(view)))
}

/// Tells what a rollout would do now, for each device with the reason, and does nothing.
#[utoipa::path(post, path = "/v1/rollouts/preview", tag = "rollouts", request_body = NewRollout,
    responses((status = 200, body = Preview), described::NotFound, described::Invalid))]
async fn preview(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToRollouts>,
    Declared(new): Declared<NewRollout>,
) -> Answer<Json<Preview>> {
    let now_ms = hub.now_ms();
    let mut read = hub.store.snapshot().await?;
    let request = request(&mut read, &caller, &new, now_ms).await?;
    previewed(&mut read, &caller.scope(), &request, now_ms)
        .await
        .map(Json)
}

/// What a rollout would do now.
pub(super) async fn previewed(
    read: &mut Read,
    scope: &Scope,
    request: &Request,
    now_ms: i64,
) -> Answer<Preview> {
    let made = rollouts::simulate(read, scope, request, now_ms).await?;
    let mut preview = Preview {
        policy: request.policy.clone(),
        ..Preview::default()
    };
    for (device, name, wave, standing) in made.devices {
        let begins = matches!(standing, Standing::Begins { .. });
        let (list, count) = if begins {
            (&mut preview.begins, &mut preview.begins_count)
        } else {
            (&mut preview.waits, &mut preview.waits_count)
        };
        *count = count.saturating_add(1);
        if list.len() < TOLD_MAX {
            list.push(DeviceView {
                device: device.to_string(),
                name,
                wave: wave.map(u32::from),
                status: standing.word().to_owned(),
                reason: standing.to_string(),
            });
        }
    }
    Ok(preview)
}

/// Tells how a rollout is, and why.
#[utoipa::path(get, path = "/v1/rollouts/{rollout}", tag = "rollouts",
    params(described::RolloutId),
    responses((status = 200, body = RolloutView), described::NotFound))]
async fn inspect(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToRead>,
    Named(id): Named<String>,
) -> Answer<Json<RolloutView>> {
    let scope = caller.scope();
    let mut read = hub.store.read().await?;
    let rollout = by_id::<Rollout>(&mut read, &scope, &id).await?;
    view(&mut read, &scope, rollout).await.map(Json)
}

/// Lists the devices of a rollout, each with where it is and why.
#[utoipa::path(get, path = "/v1/rollouts/{rollout}/devices", tag = "rollouts",
    params(described::RolloutId, Paged),
    responses((status = 200, body = Page<DeviceView>), described::NotFound))]
async fn devices(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToRead>,
    Named(id): Named<String>,
    Asked(paged): Asked<Paged>,
) -> Answer<Json<Page<DeviceView>>> {
    let scope = caller.scope();
    let mut rows = paged.rows::<DeviceId>()?;
    rows.limit = limit(paged.limit)?;
    let mut read = hub.store.read().await?;
    let rollout = by_id::<Rollout>(&mut read, &scope, &id).await?;
    let listed = read
        .rollout_devices(&scope, rollout.id, None, &rows)
        .await?;
    let mut items = Vec::with_capacity(listed.items.len());
    for row in listed.items {
        let name = match read.one::<Device>(&scope, row.device).await {
            Ok(device) => device.name,
            // One that is no more.
            Err(_) => String::new(),
        };
        items.push(DeviceView {
            device: row.device.to_string(),
            name,
            wave: row.wave,
            status: row.status,
            reason: row.reason,
        });
    }
    Ok(Json(Page {
        items,
        next: listed.next,
    }))
}

/// Approves the wave that a rollout waits with, as one person.
#[utoipa::path(post, path = "/v1/rollouts/{rollout}/approve", tag = "rollouts",
    params(described::RolloutId, described::Why),
    responses((status = 200, body = RolloutView), described::Forbidden, described::NotFound, described::Conflicting))]
async fn approve(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToApprove>,
    Named(id): Named<String>,
    Reason(reason): Reason,
    _: Nothing,
) -> Answer<Json<RolloutView>> {
    let (scope, now_ms) = (caller.scope(), hub.now_ms());
    let mut write = hub.store.write().await?;
    let rollout = by_id::<Rollout>(&mut write, &scope, &id).await?;
    let audit = caller
        .audit(now_ms, "rollout.approve", format!("rollout/{}", rollout.id))
        .with(serde_json::json!({ "wave": rollout.wave }))
        .because(reason.as_str());
    let vote = Vote {
        wave: None,
        user: caller.user(),
        roles: caller.roles(),
        reason: Some(&reason),
    };
    let approved = rollouts::approve(&mut write, &scope, rollout.id, &vote, now_ms, &audit).await;
    let rollout = approved.map_err(|error| match error {
        RolloutError::Store(StoreError::Exists { .. }) => Fault::new(
            ProblemKind::WrongState,
            "you have approved this wave already: another person has to",
        ),
        error => error.into(),
    })?;
    let view = view(&mut write, &scope, rollout).await?;
    write.commit().await?;
    Ok(Json(view))
}

/// What a rollout can be told, beside approval.
#[derive(Clone, Copy)]
enum Order {
    Pause,
    Resume,
    Abort,
    RollBack,
}

impl Order {
    async fn give(
        self,
        hub: &Hub,
        caller: &Allowed<ToRollouts>,
        id: &str,
        reason: &str,
    ) -> Answer<Json<RolloutView>> {
        let (scope, now_ms) = (caller.scope(), hub.now_ms());
        let mut write = hub.store.write().await?;
        let rollout = by_id::<Rollout>(&mut write, &scope, id).await?.id;
        let action = match self {
            Self::Pause => "rollout.pause",
            Self::Resume => "rollout.resume",
            Self::Abort => "rollout.abort",
            Self::RollBack => "rollout.roll-back",
        };
        let audit = caller
            .audit(now_ms, action, format!("rollout/{rollout}"))
            .because(reason);
        let rollout = match self {
            Self::Pause => rollouts::pause(&mut write, &scope, rollout, reason, &audit).await,
            Self::Resume => {
                rollouts::resume(&mut write, &scope, rollout, reason, now_ms, &audit).await
            }
            Self::Abort => rollouts::abort(&mut write, &scope, rollout, reason, &audit).await,
            Self::RollBack => {
                rollouts::roll_back(&mut write, &scope, rollout, reason, &audit).await
            }
        }?;
        let view = view(&mut write, &scope, rollout).await?;
        write.commit().await?;
        Ok(Json(view))
    }
}

macro_rules! orders {
    ($($(#[$doc:meta])* $name:ident = $path:literal, $order:ident;)*) => {$(
        $(#[$doc])*
        #[utoipa::path(post, path = $path, tag = "rollouts", params(described::RolloutId, described::Why),
            responses((status = 200, body = RolloutView), described::NotFound, described::Conflicting))]
        async fn $name(
            State(hub): State<Arc<Hub>>,
            caller: Allowed<ToRollouts>,
            Named(id): Named<String>,
            Reason(reason): Reason,
            _: Nothing,
        ) -> Answer<Json<RolloutView>> {
            Order::$order.give(&hub, &caller, &id, &reason).await
        }
    )*};
}

orders! {
    /// Lets no more devices begin.
    pause = "/v1/rollouts/{rollout}/pause", Pause;
    /// Lets a paused rollout go on. Failures until now do not count any more.
    resume = "/v1/rollouts/{rollout}/resume", Resume;
    /// Gives a rollout up. Devices that began finish.
    abort = "/v1/rollouts/{rollout}/abort", Abort;
    /// Gives devices back what they had, the last first and within the same budgets.
    roll_back = "/v1/rollouts/{rollout}/roll-back", RollBack;
}
