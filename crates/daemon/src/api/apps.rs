//! Apps.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use thimble_device_api::{AppSpec, AppStatus, Plan, Problem};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::device::Device;

use super::reply::{Fault, blocking};
use super::request::{Asked, Declared, Named};

pub(super) fn routes() -> OpenApiRouter<Arc<Device>> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(inspect, declare, take_down))
        .routes(routes!(plan))
}

type Shared = State<Arc<Device>>;

/// Lists the apps.
#[utoipa::path(get, path = "/v1/apps", tag = "apps", responses((status = 200, body = [AppStatus])))]
async fn list(State(device): Shared) -> Json<Vec<AppStatus>> {
    Json(device.app_statuses())
}

/// Tells about an app, with what was declared.
#[utoipa::path(get, path = "/v1/apps/{name}", tag = "apps",
    params(("name" = String, Path, description = "The app's name")),
    responses((status = 200, body = AppStatus), (status = 404, body = Problem, content_type = "application/problem+json")))]
async fn inspect(State(device): Shared, Named(name): Named) -> Result<Json<AppStatus>, Fault> {
    Ok(Json(device.app_status(&name)?))
}

/// Brings an app to what is declared; answers with what was done. Declaring the same again changes nothing.
#[utoipa::path(put, path = "/v1/apps/{name}", tag = "apps", request_body = AppSpec,
    params(("name" = String, Path, description = "The app's name")),
    responses((status = 200, body = Plan),
        (status = 404, description = "An image is not here", body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json")))]
async fn declare(
    State(device): Shared,
    Named(name): Named,
    Declared(spec): Declared<AppSpec>,
) -> Result<Json<Plan>, Fault> {
    blocking(move || device.apply(&name, &spec)).await.map(Json)
}

/// Tells what would be done to bring an app to what is declared, and does nothing.
#[utoipa::path(post, path = "/v1/apps/{name}/plan", tag = "apps", request_body = AppSpec,
    params(("name" = String, Path, description = "The app's name")),
    responses((status = 200, body = Plan),
        (status = 404, description = "An image is not here", body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json")))]
async fn plan(
    State(device): Shared,
    Named(name): Named,
    Declared(spec): Declared<AppSpec>,
) -> Result<Json<Plan>, Fault> {
    blocking(move || device.plan(&name, &spec)).await.map(Json)
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
struct TakingDown {
    /// Deletes its volumes and stored values as well.
    #[serde(default)]
    volumes: bool,
}

/// Stops and removes an app's containers.
#[utoipa::path(delete, path = "/v1/apps/{name}", tag = "apps",
    params(("name" = String, Path, description = "The app's name"), TakingDown),
    responses((status = 204, description = "It is gone"), (status = 404, body = Problem, content_type = "application/problem+json")))]
async fn take_down(
    State(device): Shared,
    Named(name): Named,
    Asked(asked): Asked<TakingDown>,
) -> Result<StatusCode, Fault> {
    blocking(move || device.take_down(&name, asked.volumes)).await?;
    Ok(StatusCode::NO_CONTENT)
}
