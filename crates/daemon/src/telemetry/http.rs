//! Answers `GET /metrics`, and nothing else.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE as CONTENT_TYPE_HEADER;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::{CONTENT_TYPE, Figures, prometheus};

/// Connections at a time; others wait to be accepted.
pub const CONNECTIONS_MAX: usize = 16;
/// How long a request's head may take.
const HEADER_MAX: Duration = Duration::from_secs(5);
/// How long a connection may take.
const CONNECTION_MAX: Duration = Duration::from_secs(30);
/// Bytes that are read before they are understood; the least the library takes.
const BUFFER_BYTES: usize = 8192;
/// How long to wait when there is no descriptor for another connection.
const ACCEPT_WAIT: Duration = Duration::from_secs(1);

/// Serves figures until it is dropped. A connection is for one request: bodies are never read.
///
/// # Errors
/// If the listener cannot be used.
pub async fn serve(listener: TcpListener, figures: Arc<dyn Figures>) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let router = Router::new()
        .route("/metrics", get(metrics))
        .with_state(figures);
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    // They end with this future.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return Ok(());
        };
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            sleep(ACCEPT_WAIT).await;
            continue;
        };
        let router = router.clone();
        connections.spawn(async move {
            // Whoever is too slow is cut off.
            let _ = timeout(CONNECTION_MAX, answer(stream, router)).await;
            drop(place);
        });
    }
}

async fn answer(stream: TcpStream, router: Router) {
    // What the peer did wrong is the peer's to mend.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_MAX)
        .keep_alive(false)
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
        .await;
}

async fn metrics(State(figures): State<Arc<dyn Figures>>) -> Response {
    let text = prometheus(&figures.figures());
    ([(CONTENT_TYPE_HEADER, CONTENT_TYPE)], text).into_response()
}
