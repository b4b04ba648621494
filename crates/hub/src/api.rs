//! The operators' interface: HTTPS and JSON.
//!
//! Requests are read strictly and within limits, and every error is a problem (RFC 9457). A handler gets its
//! [`Allowed`](allowed::Allowed) caller before anything of the body is read, and reaches the store only through that caller's
//! scope. Every change has an entry in the audit trail, in the same transaction.

mod allowed;
mod apply;
mod apps;
mod audit;
mod claims;
mod dependencies;
mod deployments;
mod described;
mod devices;
mod document;
mod guard;
mod holds;
mod lookup;
mod people;
mod policy;
mod publication;
mod reply;
mod request;
mod rollouts;
mod secrets;
mod serve;
mod session;
mod simulation;
mod system;
mod tenants;
#[cfg(test)]
mod tests;
mod tokens;
mod webhooks;

use std::sync::Arc;

use axum::Router;
use axum::http::Uri;
use thimble_hub_api::ProblemKind;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::hub::Hub;

use reply::Fault;

pub(crate) use allowed::Peer;
pub use serve::{TlsError, acceptor, serve};

/// The description of the interface, as `spec/openapi/hub.json` has it.
#[must_use]
pub fn openapi() -> OpenApi {
    let (_, mut document) = routes().split_for_parts();
    document::complete(&mut document);
    document
}

/// The service.
pub fn router(hub: Arc<Hub>) -> Router {
    let (router, _) = routes().split_for_parts();
    let router = router
        .fallback(no_such_path)
        .method_not_allowed_fallback(no_such_method);
    let registry = crate::registry::router(Arc::clone(&hub));
    // Images take as long as they take: the registry has limits of its own.
    guard::guarded(router, &hub).with_state(hub).merge(registry)
}

fn routes() -> OpenApiRouter<Arc<Hub>> {
    OpenApiRouter::with_openapi(document::head())
        .merge(session::routes())
        .merge(tenants::routes())
        .merge(people::routes())
        .merge(tokens::routes())
        .merge(devices::routes())
        .merge(holds::routes())
        .merge(claims::routes())
        .merge(apps::routes())
        .merge(deployments::routes())
        .merge(rollouts::routes())
        .merge(simulation::routes())
        .merge(apply::routes())
        .merge(secrets::routes())
        .merge(webhooks::routes())
        .merge(audit::routes())
        .merge(system::routes())
}

async fn no_such_path(uri: Uri) -> Fault {
    thimble_hub_api::Problem::new(
        ProblemKind::NoSuchPath,
        "there is no such path; GET /v1/openapi.json describes those that there are",
    )
    .about(uri.path())
    .into()
}

async fn no_such_method(uri: Uri) -> Fault {
    thimble_hub_api::Problem::new(
        ProblemKind::NoSuchMethod,
        "this path does not have this method; GET /v1/openapi.json describes those that it has",
    )
    .about(uri.path())
    .into()
}
