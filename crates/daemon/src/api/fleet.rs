//! The device as one of a fleet.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use thimble_device_api::{FleetEnrol, FleetStatus, Problem};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::device::Device;

use super::reply::{Fault, blocking};
use super::request::Declared;

pub(super) fn routes() -> OpenApiRouter<Arc<Device>> {
    OpenApiRouter::new()
        .routes(routes!(status))
        .routes(routes!(enrol))
        .routes(routes!(hold))
        .routes(routes!(release))
        .routes(routes!(import))
}

type Shared = State<Arc<Device>>;

/// Tells how the device is with its hub, and how each deployment is.
#[utoipa::path(get, path = "/v1/fleet", tag = "fleet", responses((status = 200, body = FleetStatus)))]
async fn status(State(device): Shared) -> Json<FleetStatus> {
    Json(device.fleet.status())
}

/// Makes the device one of a hub's fleet: the hub is asked until it answers. The device's settings may name a hub instead.
#[utoipa::path(post, path = "/v1/fleet/enrol", tag = "fleet", request_body = FleetEnrol,
    responses((status = 202, description = "The hub is being asked; GET /v1/fleet tells how that goes"),
        (status = 409, description = "It has a hub", body = Problem, content_type = "application/problem+json"),
        (status = 422, body = Problem, content_type = "application/problem+json")))]
async fn enrol(
    State(device): Shared,
    Declared(asked): Declared<FleetEnrol>,
) -> Result<StatusCode, Fault> {
    blocking(move || device.enrol(asked)).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Keeps everything as it is, whatever the hub wants, until it is released. What was fetched stays, and outlives restarts.
#[utoipa::path(post, path = "/v1/fleet/hold", tag = "fleet",
    responses((status = 204, description = "It is held"),
        (status = 409, description = "The device belongs to no fleet", body = Problem, content_type = "application/problem+json")))]
async fn hold(State(device): Shared) -> Result<StatusCode, Fault> {
    device.hold_fleet(true)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes a hold back: what waits goes on, within the hub's windows.
#[utoipa::path(post, path = "/v1/fleet/release", tag = "fleet",
    responses((status = 204, description = "It is released"),
        (status = 409, description = "The device belongs to no fleet", body = Problem, content_type = "application/problem+json")))]
async fn release(State(device): Shared) -> Result<StatusCode, Fault> {
    device.hold_fleet(false)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes the device's state from a bundle, a file that the hub wrote, with everything that it needs.
#[utoipa::path(post, path = "/v1/fleet/import", tag = "fleet",
    request_body(content = String, content_type = "application/octet-stream"),
    responses((status = 202, description = "It is here, and brought into force like what the hub sends"),
        (status = 400, description = "It is no bundle", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The device has not enrolled", body = Problem, content_type = "application/problem+json"),
        (status = 413, body = Problem, content_type = "application/problem+json"),
        (status = 507, body = Problem, content_type = "application/problem+json")))]
async fn import(State(device): Shared, body: Body) -> Result<StatusCode, Fault> {
    let file = super::images::received(&device, body, "the bundle").await?;
    blocking(move || device.import_bundle(file)).await?;
    Ok(StatusCode::ACCEPTED)
}
