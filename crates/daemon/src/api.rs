//! The local API: HTTP/1.1 and JSON over a Unix socket. Who may open the socket may do everything.
//!
//! Requests are read strictly, and every error is a problem (RFC 9457). What may wait for the disk or for a container is
//! done on another thread than the one that serves; a client that goes away in between changes nothing.

mod apps;
mod bus;
mod containers;
mod device;
mod document;
mod files;
mod fleet;
mod images;
mod linger;
mod reply;
mod request;
mod serve;
mod streams;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::Router;
use axum::http::Uri;
use thimble_device_api::{Problem, ProblemKind};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::device::Device;

use reply::Fault;

pub(crate) use serve::serve;

/// The description of the API, as `spec/openapi/device.json` has it.
#[must_use]
pub fn openapi() -> OpenApi {
    routes().split_for_parts().1
}

/// The service.
pub(crate) fn router(device: Arc<Device>) -> Router {
    let (router, _) = routes().split_for_parts();
    router
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method)
        .layer(axum::middleware::map_request(linger::linger))
        .with_state(device)
}

fn routes() -> OpenApiRouter<Arc<Device>> {
    OpenApiRouter::with_openapi(document::head())
        .merge(device::routes())
        .merge(containers::routes())
        .merge(streams::routes())
        .merge(files::routes())
        .merge(apps::routes())
        .merge(images::routes())
        .merge(bus::routes())
        .merge(fleet::routes())
}

async fn no_such_path(uri: Uri) -> Fault {
    Problem::new(
        ProblemKind::NoSuchPath,
        "there is no such path; GET /v1/openapi.json describes those that there are",
    )
    .about(uri.path())
    .into()
}

async fn no_such_method(uri: Uri) -> Fault {
    Problem::new(
        ProblemKind::NoSuchMethod,
        "this path does not have this method; GET /v1/openapi.json describes those that it has",
    )
    .about(uri.path())
    .into()
}
