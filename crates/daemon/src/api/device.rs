//! The daemon, its volumes, its figures.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use thimble_device_api::{API_VERSION, Device as DeviceView, Problem, ProblemKind, Volume};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::device::{Device, disk_problem};
use crate::telemetry::{self, Figures};

use super::reply::{Fault, blocking};
use super::request::Named;

pub(super) fn routes() -> OpenApiRouter<Arc<Device>> {
    OpenApiRouter::new()
        .routes(routes!(device))
        .routes(routes!(health))
        .routes(routes!(volumes))
        .routes(routes!(remove_volume))
        .routes(routes!(metrics))
        .routes(routes!(openapi))
}

/// Tells about the daemon.
#[utoipa::path(get, path = "/v1/device", tag = "device",
    responses((status = 200, body = DeviceView)))]
async fn device(State(device): State<Arc<Device>>) -> Json<DeviceView> {
    let entries = device.entries();
    let running = entries
        .iter()
        .filter(|entry| entry.inner().run.is_some())
        .count();
    let facts = &device.facts;
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Json(DeviceView {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        api: API_VERSION.to_owned(),
        engine: device.engine.name().to_owned(),
        root: facts.root.display().to_string(),
        workers: facts.workers,
        started_at: facts.started_at,
        containers: count(entries.len()),
        running: count(running),
        isolation: facts.isolation.clone(),
        damaged: facts.damaged.lock().clone(),
        last_failure: facts.last_failure.clone(),
    })
}

/// Answers as soon as the daemon is ready.
#[utoipa::path(get, path = "/v1/health", tag = "device",
    responses((status = 200, description = "It is ready"), (status = 503, body = Problem, content_type = "application/problem+json")))]
async fn health(State(device): State<Arc<Device>>) -> Result<StatusCode, Fault> {
    device.require_ready()?;
    Ok(StatusCode::OK)
}

/// Lists the volumes.
#[utoipa::path(get, path = "/v1/volumes", tag = "device",
    responses((status = 200, body = [Volume])))]
async fn volumes(State(device): State<Arc<Device>>) -> Result<Json<Vec<Volume>>, Fault> {
    blocking(move || {
        let names = device
            .volumes
            .names()
            .map_err(|error| disk_problem("listing the volumes", &error))?;
        Ok(names
            .into_iter()
            .map(|name| Volume {
                used_bytes: device.volumes.used_bytes(&name),
                containers: device.volume_users(&name),
                name,
            })
            .collect())
    })
    .await
    .map(Json)
}

/// Deletes a volume that no container has.
#[utoipa::path(delete, path = "/v1/volumes/{name}", tag = "device",
    params(("name" = String, Path, description = "The volume's name")),
    responses((status = 204, description = "It is gone"),
        (status = 404, body = Problem, content_type = "application/problem+json"),
        (status = 409, body = Problem, content_type = "application/problem+json")))]
async fn remove_volume(
    State(device): State<Arc<Device>>,
    Named(name): Named,
) -> Result<StatusCode, Fault> {
    blocking(move || device.remove_volume(&name)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Figures for Prometheus, as OpenMetrics text.
#[utoipa::path(get, path = "/metrics", tag = "device",
    responses((status = 200, body = String, content_type = "application/openmetrics-text")))]
async fn metrics(State(device): State<Arc<Device>>) -> Result<Response, Fault> {
    let text = blocking(move || Ok(telemetry::prometheus(&device.figures()))).await?;
    Ok(([(header::CONTENT_TYPE, telemetry::CONTENT_TYPE)], text).into_response())
}

/// The description of this API.
#[utoipa::path(get, path = "/v1/openapi.json", tag = "device",
    responses((status = 200, description = "An OpenAPI 3.1 document", content_type = "application/json")))]
async fn openapi() -> Result<Response, Fault> {
    let text = super::openapi().to_pretty_json().map_err(|error| {
        Problem::new(
            ProblemKind::DeviceFault,
            format_args!("writing the description: {error}"),
        )
    })?;
    Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
}
