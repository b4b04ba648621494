//! One connection of a device: handshake, then requests one after the other until either end has had enough.

use core::convert::Infallible;
use core::future::Future;
use core::pin::Pin;
use core::time::Duration;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::Service;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use super::answer::Payload;
use super::guard::{Activity, Guarded, Patience, Watched};
use super::route::{Peer, answer};
use super::side::DeviceSide;

/// Headers of a request at most; devices send five.
const HEADERS_MAX: usize = 32;
/// The least that hyper takes: a head and what comes with it.
const BUFFER_BYTES: usize = 8192;

/// Counts a connection, however it ends.
struct Open(Arc<DeviceSide>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Runs a connection to its end. `begun` is dropped when the handshake is over, whatever came of it.
pub(super) async fn run(
    side: Arc<DeviceSide>,
    acceptor: TlsAcceptor,
    socket: TcpStream,
    address: IpAddr,
    begun: impl Send,
    stopping: CancellationToken,
) {
    side.connections.fetch_add(1, Ordering::Relaxed);
    let _open = Open(Arc::clone(&side));
    let timeout = side.settings.handshake_timeout;
    let Some(stream) = shake_hands(&acceptor, socket, timeout, address).await else {
        return;
    };
    drop(begun);
    let certificate = stream
        .get_ref()
        .1
        .peer_certificates()
        .and_then(<[_]>::first);
    let presented = certificate.and_then(|certificate| side.verifier.presented(certificate));
    let activity = Arc::new(Activity::new());
    let patience = Patience::new(&side.settings);
    let service = Answers {
        peer: Arc::new(Peer {
            side,
            presented,
            address,
        }),
        activity: Arc::clone(&activity),
    };
    let io = TokioIo::new(Watched::new(stream, Arc::clone(&activity)));
    let connection = http1::Builder::new()
        .auto_date_header(false)
        .max_buf_size(BUFFER_BYTES)
        .max_headers(HEADERS_MAX)
        .serve_connection(io, service);
    let mut guarded = Box::pin(Guarded::new(connection, activity, patience));
    let ended = tokio::select! {
        ended = &mut guarded => ended,
        () = stopping.cancelled() => {
            // What is being answered is answered; the connection ends after it.
            Pin::new(guarded.connection()).graceful_shutdown();
            guarded.await
        }
    };
    match ended {
        Some(Ok(())) => {}
        Some(Err(error)) => {
            tracing::debug!(%address, error = &error as &dyn std::error::Error, "a connection failed");
        }
        None => tracing::debug!(%address, "a connection was too slow, or silent for too long"),
    }
}

async fn shake_hands(
    acceptor: &TlsAcceptor,
    socket: TcpStream,
    timeout: Duration,
    address: IpAddr,
) -> Option<TlsStream<TcpStream>> {
    // Boxed, as is everything large that a connection needs for a moment: an idle one keeps only what it waits with.
    let handshake = Box::pin(acceptor.accept(socket));
    match tokio::time::timeout(timeout, handshake).await {
        Ok(Ok(stream)) => return Some(stream),
        Ok(Err(error)) => {
            tracing::debug!(%address, error = &error as &dyn std::error::Error, "a handshake failed");
        }
        Err(_) => tracing::debug!(%address, "a handshake took too long"),
    }
    None
}

/// Answers requests, and notes that it does.
#[derive(Debug)]
struct Answers {
    peer: Arc<Peer>,
    activity: Arc<Activity>,
}

impl Service<Request<Incoming>> for Answers {
    type Response = Response<Payload>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Payload>, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        self.activity.answering();
        let (peer, activity) = (Arc::clone(&self.peer), Arc::clone(&self.activity));
        Box::pin(async move {
            let response = answer(peer, request).await;
            activity.answered();
            Ok(response)
        })
    }
}
