//! The hub itself, and the fleet in numbers.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use thimble_hub_api::ProblemKind;
use thimble_hub_api::status::{Health, Summary};
use thimble_hub_store::{DeviceFilter, DeviceState, Scope};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::allowed::{Allowed, ToRead};
use super::described;
use super::reply::{Answer, Fault};
use crate::hub::Hub;
use crate::model::device::state;

/// The media type of figures.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(super) fn routes() -> OpenApiRouter<Arc<Hub>> {
    OpenApiRouter::new()
        .routes(routes!(status))
        .routes(routes!(health))
        .routes(routes!(ready))
        .routes(routes!(metrics))
        .routes(routes!(openapi))
}

/// The fleet in numbers.
#[utoipa::path(get, path = "/v1/status", tag = "hub", responses((status = 200, body = Summary)))]
async fn status(State(hub): State<Arc<Hub>>, caller: Allowed<ToRead>) -> Answer<Json<Summary>> {
    summary(&hub, &caller.scope()).await.map(Json)
}

async fn summary(hub: &Hub, scope: &Scope) -> Answer<Summary> {
    let mut read = hub.store.read().await?;
    let mut summary = Summary::default();
    for (state, _, count) in read.device_summary(scope).await? {
        let sum = match state {
            DeviceState::Pending => &mut summary.pending,
            DeviceState::Active => &mut summary.active,
            DeviceState::Revoked => &mut summary.revoked,
            DeviceState::Retired => &mut summary.retired,
        };
        *sum = sum.saturating_add(count);
    }
    let behind = DeviceFilter {
        states: vec![DeviceState::Active],
        is_up_to_date: Some(false),
        ..DeviceFilter::default()
    };
    summary.out_of_date = read.count_devices(scope, &behind).await?;
    Ok(summary)
}

/// Answers as long as the hub runs.
#[utoipa::path(get, path = "/v1/health", tag = "hub", security(()),
    responses((status = 200, body = Health)))]
async fn health(State(hub): State<Arc<Hub>>) -> Json<Health> {
    Json(Health {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ready: hub.store.check().await.is_ok(),
    })
}

/// Answers with 200 as long as the hub can do what is asked: its store answers.
#[utoipa::path(get, path = "/v1/ready", tag = "hub", security(()),
    responses((status = 204, description = "It is ready"), described::NotReady))]
async fn ready(State(hub): State<Arc<Hub>>) -> Answer<StatusCode> {
    match hub.store.check().await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(error) => {
            tracing::error!(error = %crate::chain(&error), "the store does not answer");
            Err(Fault::new(
                ProblemKind::NotReady,
                "the hub's store does not answer: try again in some seconds",
            ))
        }
    }
}

/// The tenant's fleet as figures for Prometheus, in OpenMetrics.
#[utoipa::path(get, path = "/metrics", tag = "hub",
    responses((status = 200, body = String, content_type = "application/openmetrics-text")))]
async fn metrics(State(hub): State<Arc<Hub>>, caller: Allowed<ToRead>) -> Answer<Response> {
    let by_health = hub
        .store
        .read()
        .await?
        .device_summary(&caller.scope())
        .await?;
    let summary = summary(&hub, &caller.scope()).await?;
    let tenant = quoted(caller.tenant_name());
    let mut text = String::from("# TYPE thimble_hub info\n# HELP thimble_hub The hub.\n");
    let version = quoted(env!("CARGO_PKG_VERSION"));
    // Writing to a text does not fail.
    let _ = writeln!(text, "thimble_hub_info{{version={version}}} 1");
    text.push_str("# TYPE thimble_hub_devices gauge\n# HELP thimble_hub_devices Devices by state and health.\n");
    for (device_state, health, count) in by_health {
        let (name, health) = (quoted(state(device_state).name()), quoted(&health));
        let _ = writeln!(
            text,
            "thimble_hub_devices{{tenant={tenant},state={name},health={health}}} {count}"
        );
    }
    text.push_str(
        "# TYPE thimble_hub_devices_out_of_date gauge\n# HELP thimble_hub_devices_out_of_date Devices without what they are to have.\n",
    );
    let _ = writeln!(
        text,
        "thimble_hub_devices_out_of_date{{tenant={tenant}}} {}",
        summary.out_of_date
    );
    let mut read = hub.store.read().await?;
    let (blobs, bytes) = crate::collect::freed(&mut read, caller.tenant()).await?;
    for (name, what, total) in [
        (
            "blobs_deleted",
            "Blobs that nothing needed any more.",
            blobs,
        ),
        ("blob_bytes_deleted", "Their bytes.", bytes),
    ] {
        let _ = writeln!(
            text,
            "# TYPE thimble_hub_{name} counter\n# HELP thimble_hub_{name} {what}\nthimble_hub_{name}_total{{tenant={tenant}}} {total}"
        );
    }
    text.push_str("# EOF\n");
    Ok(([(header::CONTENT_TYPE, OPENMETRICS)], text).into_response())
}

/// A label's value as OpenMetrics writes it.
fn quoted(text: &str) -> String {
    let escaped = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n");
    format!("\"{escaped}\"")
}

/// The description of this interface.
#[utoipa::path(get, path = "/v1/openapi.json", tag = "hub", security(()),
    responses((status = 200, description = "An OpenAPI 3.1 document", content_type = "application/json")))]
async fn openapi() -> Answer<Response> {
    let text = super::openapi()
        .to_pretty_json()
        .map_err(|error| Fault::new(ProblemKind::HubFault, error))?;
    Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
}
