//! One HTTP request at a time, on a connection of its own: there is one a minute.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use axum::http::header::{CONNECTION, HOST};
use axum::http::uri::{PathAndQuery, Uri};
use axum::http::{HeaderValue, request};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use parking_lot::Mutex;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::EXPORT_MAX;
use crate::bridge::trust;

/// Bytes of an answer that are read; a collector has little to say.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// The port of collectors, where the endpoint has none.
const PORT: u16 = 4318;

/// Sends the library's requests.
#[derive(Clone, Debug)]
pub(super) struct Client {
    ca: Option<PathBuf>,
    /// Why the last request had no answer; the library does not pass it on.
    reason: Arc<Mutex<Option<String>>>,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

impl Client {
    pub(super) fn new(ca: Option<PathBuf>) -> Self {
        Self {
            ca,
            reason: Arc::default(),
        }
    }

    /// Why the last request failed, if it had no answer. Forgets it.
    pub(super) fn reason(&self) -> Option<String> {
        self.reason.lock().take()
    }

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (head, body) = request.into_parts();
        let stream = self.connect(&head.uri).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let request = Request::from_parts(relative(head)?, Full::new(body));
        let answer = async {
            let (head, body) = sender.send_request(request).await?.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await?;
            Ok(Response::from_parts(head, body.to_bytes()))
        };
        let mut answer = std::pin::pin!(answer);
        tokio::select! {
            biased;
            answer = &mut answer => answer,
            // The answer may have come with the connection's end.
            _ = connection => answer.await,
        }
    }

    async fn connect(&self, uri: &Uri) -> Result<Box<dyn Stream>, HttpError> {
        let host = uri.host().ok_or("the endpoint has no host")?;
        let tls = uri.scheme_str() == Some("https");
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((bare, uri.port_u16().unwrap_or(PORT))).await?;
        if !tls {
            return Ok(Box::new(stream));
        }
        let ca = self.ca.clone();
        let config = tokio::task::spawn_blocking(move || trust::client(ca.as_deref())).await??;
        let name = ServerName::try_from(bare.to_owned())?;
        let stream = TlsConnector::from(config).connect(name, stream).await?;
        Ok(Box::new(stream))
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let result = match timeout(EXPORT_MAX, self.send(request)).await {
            Ok(result) => result,
            Err(_) => Err(Slow.into()),
        };
        *self.reason.lock() =
            result
                .as_ref()
                .err()
                .map(|error| match error.downcast_ref::<io::Error>() {
                    Some(error) => format!("cannot reach it: {error}"),
                    None => error.to_string(),
                });
        result
    }
}

/// The collector took too long.
#[derive(Debug)]
struct Slow;

impl fmt::Display for Slow {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "it took longer than {} s", EXPORT_MAX.as_secs())
    }
}

impl std::error::Error for Slow {}

/// The head as it is sent: the host in a header, only the path in the first line.
fn relative(mut head: request::Parts) -> Result<request::Parts, HttpError> {
    let authority = head.uri.authority().ok_or("the endpoint has no host")?;
    let host = HeaderValue::from_str(authority.as_str())?;
    head.headers.insert(HOST, host);
    head.headers
        .insert(CONNECTION, HeaderValue::from_static("close"));
    let path = head.uri.path_and_query().cloned();
    head.uri = Uri::from(path.unwrap_or(PathAndQuery::from_static("/")));
    Ok(head)
}
