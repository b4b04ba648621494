//! Apps and their versions.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use thimble_hub_api::app::{App as AppView, AppVersion as VersionView, NewApp, NewAppVersion};
use thimble_hub_api::{Page, Problem, ProblemKind};
use thimble_hub_store::{App, AppId, AppVersion, AppVersionId, Audit, Id as _, Match, Read, Scope};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::allowed::{Allowed, ToApps, ToRead};
use super::described;
use super::lookup::named;
use super::reply::{Answer, Fault};
use super::request::{Asked, Declared, Named, Nothing, Paged};
use crate::hub::Hub;
use crate::model::pin::{pin, space};
use crate::model::version::VersionDocument;
use crate::model::{containers, names, timestamp};

/// Characters of a description at most.
const DESCRIPTION_CHARACTERS_MAX: usize = 1000;

pub(super) fn routes() -> OpenApiRouter<Arc<Hub>> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(inspect, remove))
        .routes(routes!(versions, publish))
        .routes(routes!(version))
}

pub(super) fn view(app: App) -> AppView {
    AppView {
        id: app.id.to_string(),
        name: app.name,
        description: app.description,
        created_at: timestamp(app.created_ms),
    }
}

pub(super) fn version_view(app: &App, version: AppVersion) -> VersionView {
    let document: VersionDocument = serde_json::from_value(version.document).unwrap_or_default();
    VersionView {
        id: version.id.to_string(),
        app: app.name.clone(),
        version: version.version,
        containers: document.containers,
        created_at: timestamp(version.created_ms),
    }
}

/// Lists the apps.
#[utoipa::path(get, path = "/v1/apps", tag = "apps", params(Paged),
    responses((status = 200, body = Page<AppView>)))]
async fn list(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToRead>,
    Asked(paged): Asked<Paged>,
) -> Answer<Json<Page<AppView>>> {
    let rows = paged.rows::<AppId>()?;
    let listed = hub
        .store
        .read()
        .await?
        .page::<App>(&caller.scope(), &[], &rows)
        .await?;
    Ok(Json(Page {
        items: listed.items.into_iter().map(view).collect(),
        next: listed.next,
    }))
}

/// Makes an app.
#[utoipa::path(post, path = "/v1/apps", tag = "apps", request_body = NewApp,
    responses((status = 201, body = AppView), described::Conflicting, described::Invalid))]
async fn create(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToApps>,
    Declared(new): Declared<NewApp>,
) -> Answer<(StatusCode, Json<AppView>)> {
    names::name("the app's name", &new.name)?;
    names::words(
        "the description",
        &new.description,
        DESCRIPTION_CHARACTERS_MAX,
    )?;
    let now_ms = hub.now_ms();
    let app = App {
        id: AppId::fresh(),
        tenant: caller.tenant(),
        edition: 0,
        created_ms: now_ms,
        name: new.name,
        description: new.description,
    };
    let audit = caller
        .audit(now_ms, "app.create", format!("app/{}", app.id))
        .with(serde_json::json!({ "name": app.name }));
    let mut write = hub.store.write().await?;
    write.insert(&caller.scope(), &app, &audit).await?;
    write.commit().await?;
    Ok((StatusCode::CREATED, Json(view(app))))
}

/// Tells about an app.
#[utoipa::path(get, path = "/v1/apps/{app}", tag = "apps",
    params(described::AppName),
    responses((status = 200, body = AppView), described::NotFound))]
async fn inspect(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToRead>,
    Named(name): Named<String>,
) -> Answer<Json<AppView>> {
    let mut read = hub.store.read().await?;
    let app = named::<App>(&mut read, &caller.scope(), &name).await?;
    Ok(Json(view(app)))
}

/// Removes an app that nothing deploys, with its versions. Its images stay as long as a manifest of the registry needs them.
#[utoipa::path(delete, path = "/v1/apps/{app}", tag = "apps",
    params(described::AppName),
    responses((status = 204, description = "It is gone"), described::NotFound,
        (status = 409, description = "Something deploys it", body = Problem, content_type = "application/problem+json")))]
async fn remove(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToApps>,
    Named(name): Named<String>,
    _: Nothing,
) -> Answer<StatusCode> {
    let scope = caller.scope();
    let mut write = hub.store.write().await?;
    let app = named::<App>(&mut write, &scope, &name).await?;
    let audit = caller
        .audit(hub.now_ms(), "app.remove", format!("app/{}", app.id))
        .with(serde_json::json!({ "name": app.name }));
    let of_app = [Match::equals("app", &app.id)];
    for version in write.all::<AppVersion>(&scope, &of_app).await? {
        write
            .remove::<AppVersion>(&scope, version.id, &Audit::part())
            .await?;
    }
    write.remove::<App>(&scope, app.id, &audit).await?;
    write.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists the versions of an app.
#[utoipa::path(get, path = "/v1/apps/{app}/versions", tag = "apps",
    params(described::AppName, Paged),
    responses((status = 200, body = Page<VersionView>), described::NotFound))]
async fn versions(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToRead>,
    Named(name): Named<String>,
    Asked(paged): Asked<Paged>,
) -> Answer<Json<Page<VersionView>>> {
    let rows = paged.rows::<AppVersionId>()?;
    let scope = caller.scope();
    let mut read = hub.store.read().await?;
    let app = named::<App>(&mut read, &scope, &name).await?;
    let listed = read
        .page::<AppVersion>(&scope, &[Match::equals("app", &app.id)], &rows)
        .await?;
    Ok(Json(Page {
        items: listed
            .items
            .into_iter()
            .map(|version| version_view(&app, version))
            .collect(),
        next: listed.next,
    }))
}

/// Publishes a version of an app. Its images are in the hub's registry; a tag is replaced by the digest that it has now. A
/// version never changes.
#[utoipa::path(post, path = "/v1/apps/{app}/versions", tag = "apps", request_body = NewAppVersion,
    params(described::AppName),
    responses((status = 201, body = VersionView), described::NotFound, described::Conflicting,
        (status = 422, description = "A container or an image is not possible", body = Problem, content_type = "application/problem+json")))]
async fn publish(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToApps>,
    Named(name): Named<String>,
    Declared(new): Declared<NewAppVersion>,
) -> Answer<(StatusCode, Json<VersionView>)> {
    let scope = caller.scope();
    let app = {
        let mut read = hub.store.read().await?;
        named::<App>(&mut read, &scope, &name).await?
    };
    let document = pinned(&hub, caller.tenant(), &new).await?;
    let images = document.digests();
    let now_ms = hub.now_ms();
    let version = AppVersion {
        id: AppVersionId::fresh(),
        tenant: caller.tenant(),
        edition: 0,
        created_ms: now_ms,
        app: app.id,
        version: new.version,
        document: serde_json::to_value(document)
            .map_err(|error| Fault::new(ProblemKind::HubFault, error))?,
        published_ms: Some(now_ms),
    };
    let audit = caller
        .audit(now_ms, "app.publish", format!("app/{}", app.id))
        .with(serde_json::json!({ "name": app.name, "version": version.version }));
    let mut write = hub.store.write().await?;
    write.insert(&scope, &version, &audit).await?;
    write.need(caller.tenant(), &images, now_ms).await?;
    write.commit().await?;
    Ok((StatusCode::CREATED, Json(version_view(&app, version))))
}

/// The document of a version, with its images by digest.
pub(super) async fn pinned(
    hub: &Hub,
    tenant: thimble_hub_store::TenantId,
    new: &NewAppVersion,
) -> Answer<VersionDocument> {
    let errors = containers::check(&new.version, &new.containers);
    if !errors.is_empty() {
        return Err(Problem::new(
            ProblemKind::Invalid,
            "the version is not possible as it is declared: correct what is told, and send it again",
        )
        .because(errors)
        .into());
    }
    let space = space(hub, tenant)?;
    let mut document = VersionDocument::default();
    for container in &new.containers {
        document.containers.push(pin(&space, container).await?);
    }
    Ok(document)
}

/// The version of an app of this name.
pub(super) async fn version_named(
    read: &mut Read,
    scope: &Scope,
    app: &App,
    version: &str,
) -> Answer<AppVersion> {
    let found: Option<AppVersion> = read
        .find(
            scope,
            &[
                Match::equals("app", &app.id),
                Match::equals("version", &version.to_owned()),
            ],
        )
        .await?;
    found.ok_or_else(|| Fault::not_found("app version", &format!("{} {version}", app.name)))
}

/// Tells about a version of an app.
#[utoipa::path(get, path = "/v1/apps/{app}/versions/{version}", tag = "apps",
    params(described::AppName, described::VersionName),
    responses((status = 200, body = VersionView), described::NotFound))]
async fn version(
    State(hub): State<Arc<Hub>>,
    caller: Allowed<ToRead>,
    Named((name, version)): Named<(String, String)>,
) -> Answer<Json<VersionView>> {
    let scope = caller.scope();
    let mut read = hub.store.read().await?;
    let app = named::<App>(&mut read, &scope, &name).await?;
    let version = version_named(&mut read, &scope, &app, &version).await?;
    Ok(Json(version_view(&app, version)))
}
