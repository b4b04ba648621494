//! What is answered: JSON, lines of JSON, or a problem.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Json;
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_core::Stream;
use serde::Serialize;
use thimble_device_api::{Problem, ProblemKind, problem};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

/// The media type of lines of JSON.
pub(super) const LINES: &str = "application/x-ndjson";
/// Pieces that wait for a client at most.
pub(super) const PIECES_MAX: usize = 16;

/// A problem, as an answer.
pub(super) struct Fault(Problem);

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self.0)).into_response();
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(problem::MEDIA_TYPE),
        );
        response
    }
}

/// Does something that may wait, on a thread where that harms nobody.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Fault> {
    match spawn_blocking(work).await {
        Ok(result) => result.map_err(Fault),
        Err(_) => Err(Fault(Problem::new(
            ProblemKind::DeviceFault,
            "the daemon failed while it did this; its log says more",
        ))),
    }
}

/// A body that comes in pieces.
pub(super) fn pieces(media_type: &'static str, receiver: mpsc::Receiver<Bytes>) -> Response {
    let mut response = Body::from_stream(Pieces(receiver)).into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// A line of JSON.
pub(super) fn line(value: &impl Serialize) -> Bytes {
    // What we send has only text for keys, and no floats that JSON does not know.
    let mut bytes = serde_json::to_vec(value).unwrap_or_default();
    bytes.push(b'\n');
    bytes.into()
}

struct Pieces(mpsc::Receiver<Bytes>);

impl Stream for Pieces {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context).map(|piece| piece.map(Ok))
    }
}
