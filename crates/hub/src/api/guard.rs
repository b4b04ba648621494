//! What stands around every handler: a limit of time, and a net for whatever breaks.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::{Next, from_fn, map_response};
use axum::response::{IntoResponse, Response};
use thimble_hub_api::ProblemKind;
use tower_http::catch_panic::CatchPanicLayer;

use super::reply::Fault;
use crate::hub::Hub;

/// The same routes, guarded.
pub(super) fn guarded(router: Router<Arc<Hub>>, hub: &Hub) -> Router<Arc<Hub>> {
    let time = Duration::from_secs(hub.settings.operators.request_s.max(1));
    router
        .layer(from_fn(move |request: Request, next: Next| async move {
            match tokio::time::timeout(time, next.run(request)).await {
                Ok(response) => response,
                Err(_) => Fault::new(
                    ProblemKind::Timeout,
                    format_args!(
                        "the request took longer than {} s: send it faster, or ask for less",
                        time.as_secs()
                    ),
                )
                .into_response(),
            }
        }))
        .layer(CatchPanicLayer::custom(broken))
        .layer(map_response(quiet))
}

fn broken(_: Box<dyn Any + Send + 'static>) -> Response {
    tracing::error!("a handler of the operators' interface broke");
    Fault::new(
        ProblemKind::HubFault,
        "the hub broke while it did this; its log says more to its administrator",
    )
    .into_response()
}

/// Answers are for whoever asked, and are nothing to guess about or to show in a frame.
async fn quiet(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}
