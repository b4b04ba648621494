//! Takes connections and serves them.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::UnixListener;
use tokio::sync::{Notify, Semaphore};
use tokio::time::timeout;

use crate::service::memory;

/// Connections at once at most; more wait in the socket's queue.
const CONNECTIONS_MAX: usize = 256;
/// Time in which the head of a request must be there.
const HEAD_TIME: Duration = Duration::from_secs(30);
/// Bytes that are read ahead of a request at most.
const BUFFER_BYTES: usize = 16 << 10;
/// Time without a request after which what answering them has used is given back.
const QUIET: Duration = Duration::from_secs(3);
/// Time after that in which what waiting needs has shown.
const WAITED: Duration = Duration::from_secs(1);
/// Time to wait after the system had no descriptor left.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until `done`, and then lets what is being answered go on by itself.
pub(crate) async fn serve(listener: UnixListener, router: Router, done: impl Future<Output = ()>) {
    let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let answered = Arc::new(Notify::new());
    // The start has used as much as any request.
    answered.notify_one();
    tokio::spawn(tidy(Arc::clone(&answered)));
    tokio::pin!(done);
    loop {
        let Ok(permit) = Arc::clone(&connections).acquire_owned().await else {
            return;
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut done => return,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                if !is_passing(&error) {
                    tracing::error!("no connection can be taken: {error}");
                }
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let service = TowerToHyperService::new(router.clone());
        let answered = Arc::clone(&answered);
        tokio::spawn(async move {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIME)
                .max_buf_size(BUFFER_BYTES)
                .half_close(true)
                .serve_connection(TokioIo::new(stream), service);
            // A client that breaks off is no news.
            drop(connection.await);
            drop(permit);
            answered.notify_one();
        });
    }
}

/// Gives memory back when requests have been answered and no more come. Without requests there is nothing to do.
async fn tidy(answered: Arc<Notify>) {
    loop {
        answered.notified().await;
        while timeout(QUIET, answered.notified()).await.is_ok() {}
        // On this thread, although it takes a millisecond: another one would have to end afterwards, which needs much of
        // what was given back.
        memory::give_back();
        match timeout(WAITED, answered.notified()).await {
            Ok(()) => answered.notify_one(),
            Err(_) => memory::narrow(),
        }
    }
}

fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}
