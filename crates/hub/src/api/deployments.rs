//! Which devices are to run what. Changing a deployment makes a revision; devices change only through a rollout.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use thimble_hub_api::deployment::{
    Deployment as DeploymentView, DeploymentSpec, NewDeployment, Placement, Refusal,
    Revision as RevisionView,
};
use thimble_hub_api::rollout::Policy;
use thimble_hub_api::{Page, Problem, ProblemKind};
use thimble_hub_store::{
    App, AppVersion, Audit, Deployment, DeploymentId, DeploymentRevision, DeploymentRevisionId,
    Id as _, Match, Read, Scope, Topic, Write,
};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::allowed::{Allowed, ToDeployments, ToRead};
use super::apps::version_named;
use super::dependencies;
use super::described;
use super::lookup::named;
use super::reply::{Answer, Fault, Tagged, unchanged};
use super::request::{Asked, Declared, Named, Nothing, Paged, Reason};
use crate::hub::Hub;
use crate::identity::Caller;
use crate::model::version::VersionDocument;
use crate::model::{deployment as model, names, timestamp};
use crate::rollouts;

/// Devices of a placement that are told one by one, at most.
const REFUSALS_MAX: usize = 1000;

pub(super) fn routes() -> OpenApiRouter<Arc<Hub>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(inspect, change, remove))
        .routes(routes!(revisions))
        .routes(routes!(placement))
}

/// Lists the deployments.
#[utoipa::path(get, path = "/v1/deployments", tag = "deployments", params(Paged),
    responses((status = 200, body = Page<DeploymentView>)))]
async fn list(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToRead>,
    Asked(paged): Asked<Paged>,
) -> Answer<Json<Page<DeploymentView>>> {
    let rows = paged.rows::<DeploymentId>()?;
    let scope = caller.scope();
    let mut read = hub.store.read().await?;
    let listed = read.page::<Deployment>(&scope, &[], &rows).await?;
    let mut items = Vec::with_capacity(listed.items.len());
    for deployment in listed.items {
        items.push(view(&mut read, &scope, &deployment).await?);
    }
    Ok(Json(Page {
        items,
        next: listed.next,
    }))
}

/// Makes a deployment. No device changes yet: a rollout brings it to them.
#[utoipa::path(post, path = "/v1/deployments", tag = "deployments", request_body = NewDeployment,
    responses((status = 201, body = DeploymentView),
        (status = 404, description = "There is no such app or version", body = Problem, content_type = "application/problem+json"),
        described::Conflicting,
        described::Invalid))]
async fn create(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToDeployments>,
    Declared(new): Declared<NewDeployment>,
) -> Answer<(StatusCode, Tagged<DeploymentView>)> {
    let mut write = hub.store.write().await?;
    let deployment = make(&mut write, &caller, &new, hub.now_ms()).await?;
    let view = view(&mut write, &caller.scope(), &deployment).await?;
    write.commit().await?;
    Ok((StatusCode::CREATED, Tagged(1, view)))
}

/// Makes a deployment with its first revision.
pub(super) async fn make(
    write: &mut Write,
    caller: &Caller,
    new: &NewDeployment,
    now_ms: i64,
) -> Answer<Deployment> {
    names::name("the deployment's name", &new.name)?;
    let scope = caller.scope();
    let (app, version) = checked(write, &scope, &new.name, &new.spec).await?;
    let deployment = Deployment {
        id: DeploymentId::fresh(),
        tenant: caller.tenant(),
        edition: 0,
        created_ms: now_ms,
        name: new.name.clone(),
        app: app.id,
        selector: new.spec.selector.clone(),
        priority: new.spec.priority,
        latest: 1,
        removing_ms: None,
    };
    let audit = caller
        .audit(now_ms, "deployment.create", format!("deployment/{}", deployment.id))
        .with(serde_json::json!({ "name": new.name, "app": new.spec.app, "version": new.spec.version }));
    write.insert(&scope, &deployment, &audit).await?;
    revise(write, caller, &deployment, &version, &new.spec, now_ms).await?;
    Ok(deployment)
}

/// Keeps what was declared as the newest revision.
async fn revise(
    write: &mut Write,
    caller: &Caller,
    deployment: &Deployment,
    version: &AppVersion,
    spec: &DeploymentSpec,
    now_ms: i64,
) -> Answer<()> {
    let revision = DeploymentRevision {
        id: DeploymentRevisionId::fresh(),
        tenant: deployment.tenant,
        edition: 0,
        created_ms: now_ms,
        deployment: deployment.id,
        number: deployment.latest,
        app_version: version.id,
        document: serde_json::to_value(spec)
            .map_err(|error| Fault::new(ProblemKind::HubFault, error))?,
        author: caller.actor(),
    };
    write
        .insert(&caller.scope(), &revision, &Audit::part())
        .await?;
    write.wake(
        Topic::Deployment,
        Some(deployment.tenant),
        Some(deployment.id.to_string()),
    );
    Ok(())
}

/// Finds out that what is declared is possible; the app and the version that it names.
pub(super) async fn checked(
    read: &mut Read,
    scope: &Scope,
    name: &str,
    spec: &DeploymentSpec,
) -> Answer<(App, AppVersion)> {
    let app = named::<App>(read, scope, &spec.app).await?;
    let version = version_named(read, scope, &app, &spec.version).await?;
    let document: VersionDocument =
        serde_json::from_value(version.document.clone()).unwrap_or_default();
    let errors = model::check(name, spec, &document);
    if !errors.is_empty() {
        return Err(Problem::new(
            ProblemKind::Invalid,
            "the deployment is not possible as it is declared: correct what is told, and send it again",
        )
        .because(errors)
        .into());
    }
    dependencies::check(read, scope, name, &app, &spec.depends_on).await?;
    Ok((app, version))
}

/// What a deployment's revision of this number declares.
pub(super) async fn revision(
    read: &mut Read,
    scope: &Scope,
    deployment: &Deployment,
    number: u64,
) -> Answer<DeploymentRevision> {
    let found: Option<DeploymentRevision> = read
        .find(
            scope,
            &[
                Match::equals("deployment", &deployment.id),
                Match::equals("number", &number),
            ],
        )
        .await?;
    found.ok_or_else(|| {
        Fault::not_found(
            "deployment revision",
            &format!("{} {number}", deployment.name),
        )
    })
}

pub(super) async fn view(
    read: &mut Read,
    scope: &Scope,
    deployment: &Deployment,
) -> Answer<DeploymentView> {
    let newest = revision(read, scope, deployment, deployment.latest).await?;
    Ok(DeploymentView {
        id: deployment.id.to_string(),
        name: deployment.name.clone(),
        revision: newest.number,
        spec: serde_json::from_value(newest.document).unwrap_or_default(),
        is_being_removed: deployment.removing_ms.is_some(),
        created_at: timestamp(deployment.created_ms),
        updated_at: timestamp(newest.created_ms),
    })
}

/// Tells about a deployment.
#[utoipa::path(get, path = "/v1/deployments/{deployment}", tag = "deployments",
    params(described::DeploymentName),
    responses((status = 200, body = DeploymentView, headers(("ETag" = String, description = "For `If-Match`"))),
        described::NotFound))]
async fn inspect(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToRead>,
    Named(name): Named<String>,
) -> Answer<Tagged<DeploymentView>> {
    let scope = caller.scope();
    let mut read = hub.store.read().await?;
    let deployment = named::<Deployment>(&mut read, &scope, &name).await?;
    let view = view(&mut read, &scope, &deployment).await?;
    Ok(Tagged(deployment.edition, view))
}

/// Declares a deployment anew, which makes a revision; declaring the same again makes none. No device changes yet.
#[utoipa::path(put, path = "/v1/deployments/{deployment}", tag = "deployments", request_body = DeploymentSpec,
    params(described::DeploymentName, described::IfMatch),
    responses((status = 200, body = DeploymentView), described::NotFound, described::Conflicting, described::Changed,
        described::Invalid))]
async fn change(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToDeployments>,
    Named(name): Named<String>,
    headers: HeaderMap,
    Declared(spec): Declared<DeploymentSpec>,
) -> Answer<Tagged<DeploymentView>> {
    let scope = caller.scope();
    let mut write = hub.store.write().await?;
    let deployment = named::<Deployment>(&mut write, &scope, &name).await?;
    unchanged(&headers, deployment.edition)?;
    let (deployment, is_new) =
        redeclare(&mut write, &caller, deployment, &spec, hub.now_ms()).await?;
    let view = view(&mut write, &scope, &deployment).await?;
    if is_new {
        write.commit().await?;
    }
    Ok(Tagged(deployment.edition, view))
}

/// Makes a revision if what is declared is something else; whether it is.
pub(super) async fn redeclare(
    write: &mut Write,
    caller: &Caller,
    mut deployment: Deployment,
    spec: &DeploymentSpec,
    now_ms: i64,
) -> Answer<(Deployment, bool)> {
    let scope = caller.scope();
    if deployment.removing_ms.is_some() {
        return Err(Fault::new(
            ProblemKind::WrongState,
            "the deployment is being removed: wait until it is gone, or choose another name",
        ));
    }
    let (app, version) = checked(write, &scope, &deployment.name, spec).await?;
    if app.id != deployment.app {
        return Err(Fault::new(
            ProblemKind::Invalid,
            "a deployment stays with its app: make another one, and remove this one",
        ));
    }
    let present = revision(write, &scope, &deployment, deployment.latest).await?;
    let declared =
        serde_json::to_value(spec).map_err(|error| Fault::new(ProblemKind::HubFault, error))?;
    if present.document == declared {
        return Ok((deployment, false));
    }
    deployment.latest = deployment.latest.saturating_add(1);
    deployment.selector.clone_from(&spec.selector);
    deployment.priority = spec.priority;
    let audit = caller
        .audit(now_ms, "deployment.change", format!("deployment/{}", deployment.id))
        .with(serde_json::json!({ "name": deployment.name, "revision": deployment.latest, "version": spec.version }));
    deployment.edition = write.update(&scope, &deployment, &audit).await?;
    revise(write, caller, &deployment, &version, spec, now_ms).await?;
    Ok((deployment, true))
}

/// Begins to remove a deployment from its devices, within their windows, holds and budgets; it is gone when the last one has
/// removed it.
#[utoipa::path(delete, path = "/v1/deployments/{deployment}", tag = "deployments",
    params(described::DeploymentName, described::Why),
    responses((status = 202, description = "It is being removed"), described::NotFound,
        (status = 409, description = "Another deployment depends on it", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "There is no reason", body = Problem, content_type = "application/problem+json")))]
async fn remove(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToDeployments>,
    Named(name): Named<String>,
    Reason(reason): Reason,
    _: Nothing,
) -> Answer<StatusCode> {
    let (scope, now_ms) = (caller.scope(), hub.now_ms());
    let mut write = hub.store.write().await?;
    let deployment = named::<Deployment>(&mut write, &scope, &name).await?;
    if deployment.removing_ms.is_none() {
        let audit = caller
            .audit(
                now_ms,
                "deployment.remove",
                format!("deployment/{}", deployment.id),
            )
            .because(reason)
            .with(serde_json::json!({ "name": deployment.name }));
        dependencies::require_none_on(&mut write, &scope, &deployment).await?;
        // Waves prove a revision; what bounds how many devices are down at once holds for every change.
        let last = rollouts::last_policy(&mut write, &scope, deployment.id).await?;
        let request = rollouts::Request {
            deployment: deployment.id,
            revision: rollouts::REMOVAL,
            policy: Policy {
                budgets: last.budgets,
                rate_per_minute: last.rate_per_minute,
                device_timeout_s: last.device_timeout_s,
                ..Policy::default()
            },
            author: caller.user(),
        };
        rollouts::create(&mut write, &scope, &request, now_ms, &audit).await?;
        write.commit().await?;
    }
    Ok(StatusCode::ACCEPTED)
}

/// Lists the revisions of a deployment.
#[utoipa::path(get, path = "/v1/deployments/{deployment}/revisions", tag = "deployments",
    params(described::DeploymentName, Paged),
    responses((status = 200, body = Page<RevisionView>), described::NotFound))]
async fn revisions(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToRead>,
    Named(name): Named<String>,
    Asked(paged): Asked<Paged>,
) -> Answer<Json<Page<RevisionView>>> {
    let rows = paged.rows::<DeploymentRevisionId>()?;
    let scope = caller.scope();
    let mut read = hub.store.read().await?;
    let deployment = named::<Deployment>(&mut read, &scope, &name).await?;
    let of_it = [Match::equals("deployment", &deployment.id)];
    let listed = read
        .page::<DeploymentRevision>(&scope, &of_it, &rows)
        .await?;
    let items = listed.items.into_iter().map(|revision| RevisionView {
        revision: revision.number,
        spec: serde_json::from_value(revision.document).unwrap_or_default(),
        created_at: timestamp(revision.created_ms),
        author: revision.author,
    });
    Ok(Json(Page {
        items: items.collect(),
        next: listed.next,
    }))
}

/// Tells on how many devices the newest revision of a deployment would be, and where it would not be although its selector
/// picks the device: conflicts, missing dependencies, devices where it does not fit.
#[utoipa::path(get, path = "/v1/deployments/{deployment}/placement", tag = "deployments",
    params(described::DeploymentName),
    responses((status = 200, body = Placement), described::NotFound, described::Invalid))]
async fn placement(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToRead>,
    Named(name): Named<String>,
) -> Answer<Json<Placement>> {
    let scope = caller.scope();
    let mut read = hub.store.snapshot().await?;
    let deployment = named::<Deployment>(&mut read, &scope, &name).await?;
    placed(&mut read, &scope, &deployment, hub.now_ms())
        .await
        .map(Json)
}

/// On which devices the newest revision would be.
pub(super) async fn placed(
    read: &mut Read,
    scope: &Scope,
    deployment: &Deployment,
    now_ms: i64,
) -> Answer<Placement> {
    let latest = deployment.latest;
    let (placed, refused) = rollouts::placement(read, scope, deployment.id, latest, now_ms).await?;
    Ok(Placement {
        placed,
        refused_count: refused.len() as u64,
        refused: refused
            .into_iter()
            .take(REFUSALS_MAX)
            .map(|refused| Refusal {
                device: refused.device.to_string(),
                name: refused.name,
                reason: refused.reason,
            })
            .collect(),
    })
}
