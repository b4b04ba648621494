//! Takes operators' connections and serves them: within limits of time, size and number, for each address.

mod count;
mod tls;

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tower_service::Service as _;

use super::allowed::Peer;
use crate::settings::OperatorSettings;

use count::Counts;

pub use tls::{TlsError, acceptor};

/// Bytes that are read ahead of a request at most.
const BUFFER_BYTES: usize = 32 << 10;
/// Headers of a request at most.
const HEADERS_MAX: usize = 64;
/// Time for the handshake.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);
/// Time to wait after the system had no descriptor left.
const PAUSE: Duration = Duration::from_millis(100);
/// Time that requests have which are under way when the hub stops.
const LAST_TIME: Duration = Duration::from_secs(20);

/// Serves until `done`; then takes no more connections and lets those requests end that are under way.
pub async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    router: Router,
    settings: &OperatorSettings,
    done: impl Future<Output = ()>,
) {
    let connections = Arc::new(Semaphore::new(settings.connections_max.max(1)));
    let counts = Counts::new(settings.connections_per_address_max.max(1));
    let head_time = Duration::from_secs(settings.head_s.max(1));
    let graceful = GracefulShutdown::new();
    tokio::pin!(done);
    loop {
        let Ok(permit) = Arc::clone(&connections).acquire_owned().await else {
            break;
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut done => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                if !is_passing(&error) {
                    tracing::error!("no connection can be taken: {error}");
                }
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        // Who has too many is cut off, so that others get through.
        let Some(count) = counts.take(peer.ip()) else {
            continue;
        };
        let (router, tls, watcher) = (router.clone(), tls.clone(), graceful.watcher());
        tokio::spawn(async move {
            let held = (permit, count);
            handle(stream, peer, tls, router, head_time, watcher).await;
            drop(held);
        });
    }
    drop(listener);
    if timeout(LAST_TIME, graceful.shutdown()).await.is_err() {
        tracing::warn!(
            "requests of operators were cut off after {} s",
            LAST_TIME.as_secs()
        );
    }
}

async fn handle(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
    router: Router,
    head_time: Duration,
    watcher: hyper_util::server::graceful::Watcher,
) {
    // Answers are small and written at once.
    drop(stream.set_nodelay(true));
    match tls {
        None => converse(stream, peer, router, head_time, watcher).await,
        Some(acceptor) => match timeout(HANDSHAKE_TIME, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => converse(stream, peer, router, head_time, watcher).await,
            Ok(Err(error)) => tracing::debug!(%peer, %error, "a handshake failed"),
            Err(_) => tracing::debug!(%peer, "a handshake took too long"),
        },
    }
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: SocketAddr,
    router: Router,
    head_time: Duration,
    watcher: hyper_util::server::graceful::Watcher,
) {
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut router = router.clone();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer.ip()));
        async move { router.call(request).await }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_time)
        .max_buf_size(BUFFER_BYTES)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), service);
    // A client that breaks off is no news.
    drop(watcher.watch(connection).await);
}

fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}
