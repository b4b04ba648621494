//! HTTP/1.1 over TLS 1.3 to the hub: one connection, kept open, one request at a time.

mod error;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::http::header::{CONTENT_RANGE, HOST};
use axum::http::{HeaderMap, Request, Response, Uri};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use thimble_protocol::enrol::Issued;
use thimble_protocol::session::{self, Exchange, Outcome, Session};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::identity::{self, DeviceKey};

use error::{broken, handshake_failed};

pub(super) use error::LinkError;

/// Time for name look-up, connection and handshake.
const CONNECT_MAX: Duration = Duration::from_secs(20);
/// Time for the head of an answer, beside the time that the hub may wait.
const ANSWER_MAX: Duration = Duration::from_secs(30);
/// Time between two pieces of a body.
const PIECE_MAX: Duration = Duration::from_secs(60);
/// Bytes of an answer at most, where the session says nothing.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// The port where the URL has none.
const PORT: u16 = 443;
/// Bytes that are read ahead: an idle connection costs little more.
const BUFFER_BYTES: usize = 16 << 10;

/// Whom the device trusts to be the hub, read while its file could be.
#[derive(Clone, Debug, Default)]
pub(super) struct Anchors {
    /// Certificates, PEM; the system's authorities without any.
    pub(super) pem: Option<Vec<u8>>,
}

/// How to speak TLS with the hub; with the device's certificate once it has one.
pub(super) fn tls(
    anchors: &Anchors,
    key: &DeviceKey,
    issued: Option<&Issued>,
) -> Result<Arc<ClientConfig>, LinkError> {
    let failed = |error: &dyn fmt::Display| LinkError::Tls(error.to_string());
    let mut roots = RootCertStore::empty();
    match &anchors.pem {
        Some(pem) => {
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate
                    .map_err(|error| failed(&format_args!("the file of `ca`: {error}")))?;
                roots
                    .add(certificate)
                    .map_err(|error| failed(&format_args!("the file of `ca`: {error}")))?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    for authority in issued.iter().flat_map(|issued| &issued.authorities) {
        roots
            .add(CertificateDer::from(authority.clone()))
            .map_err(|error| failed(&format_args!("an authority that the hub named: {error}")))?;
    }
    if roots.is_empty() {
        return Err(LinkError::Tls(
            "there is no certificate authority; set `ca` in [fleet] to a PEM file".to_owned(),
        ));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| failed(&error))?
        .with_root_certificates(roots);
    let config = match issued {
        None => builder.with_no_client_auth(),
        Some(issued) => builder
            .with_client_auth_cert(identity::chain(issued), key.for_tls())
            .map_err(|error| failed(&format_args!("the device's certificate: {error}")))?,
    };
    Ok(Arc::new(config))
}

/// What the hub answers, its body still to come.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    body: Incoming,
}

impl Answer {
    /// The next piece of the body; nothing at its end.
    pub(super) async fn piece(&mut self) -> Result<Option<Bytes>, LinkError> {
        loop {
            let Ok(frame) = timeout(PIECE_MAX, self.body.frame()).await else {
                return Err(LinkError::Slow {
                    doing: "the next piece of a download",
                    waited: PIECE_MAX,
                });
            };
            match frame {
                None => return Ok(None),
                Some(Err(error)) => return Err(broken(error)),
                Some(Ok(frame)) => {
                    // What is not data has no meaning here.
                    if let Ok(bytes) = frame.into_data() {
                        return Ok(Some(bytes));
                    }
                }
            }
        }
    }

    /// The whole body.
    pub(super) async fn whole(self, bytes_max: usize) -> Result<Bytes, LinkError> {
        let collecting = Limited::new(self.body, bytes_max).collect();
        match timeout(PIECE_MAX, collecting).await {
            Err(_) => Err(LinkError::Slow {
                doing: "an answer",
                waited: PIECE_MAX,
            }),
            Ok(Ok(collected)) => Ok(collected.to_bytes()),
            Ok(Err(error)) => match error.downcast::<hyper::Error>() {
                Ok(error) => Err(broken(*error)),
                Err(error) if error.is::<LengthLimitError>() => {
                    Err(LinkError::TooLarge { bytes_max })
                }
                Err(error) => Err(LinkError::Tls(error.to_string())),
            },
        }
    }

    /// Where a part begins (RFC 9110, section 14.4).
    pub(super) fn range_begin(&self) -> Option<u64> {
        let range = self.headers.get(CONTENT_RANGE)?.to_str().ok()?;
        let (begin, _) = range.strip_prefix("bytes ")?.split_once('-')?;
        begin.parse().ok()
    }
}

/// What the hub answers, whole.
pub(super) struct Got {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Got {
    /// Hands it to the session.
    pub(super) fn answered(
        &self,
        session: &mut Session,
        now_ms: u64,
        exchange: &Exchange,
    ) -> Outcome {
        let headers: Vec<(&str, &str)> = self
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
            .collect();
        let response = session::Response {
            status: self.status,
            headers: &headers,
            body: &self.body,
        };
        session.answered(now_ms, exchange, &response)
    }
}

/// The connection.
pub(super) struct Link {
    config: Arc<ClientConfig>,
    open: Option<Open>,
}

struct Open {
    base: String,
    sender: SendRequest<Full<Bytes>>,
    /// Moves the bytes; ended with the connection.
    task: JoinHandle<()>,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Link {
    pub(super) const fn new(config: Arc<ClientConfig>) -> Self {
        Self { config, open: None }
    }

    /// Ends the connection; the next request makes another.
    pub(super) fn close(&mut self) {
        self.open = None;
    }

    /// Sends a request, over the connection that is open if it goes to the same hub.
    pub(super) async fn send(
        &mut self,
        base: &str,
        exchange: &Exchange,
    ) -> Result<Answer, LinkError> {
        let is_kept = self
            .open
            .as_ref()
            .is_some_and(|open| open.base == base && !open.sender.is_closed());
        if is_kept {
            // The hub may have ended it this very moment; requests may be sent twice.
            match self.exchange(exchange).await {
                Err(LinkError::Broken(_)) => {}
                result => return result,
            }
        }
        self.open = None;
        self.open = Some(self.connect(base).await?);
        self.exchange(exchange).await
    }

    /// Sends a request and reads the whole answer.
    pub(super) async fn exchange_whole(
        &mut self,
        base: &str,
        exchange: &Exchange,
    ) -> Result<Got, LinkError> {
        let answer = self.send(base, exchange).await?;
        let bytes_max = exchange
            .answer_bytes_max
            .and_then(|bytes| usize::try_from(bytes).ok())
            .unwrap_or(ANSWER_BYTES_MAX);
        let (status, headers) = (answer.status, answer.headers.clone());
        let body = answer
            .whole(bytes_max)
            .await
            .inspect_err(|_| self.close())?;
        Ok(Got {
            status,
            headers,
            body,
        })
    }

    async fn exchange(&mut self, exchange: &Exchange) -> Result<Answer, LinkError> {
        let Some(open) = &mut self.open else {
            return Err(LinkError::Url(String::new()));
        };
        let request = request(&open.base, exchange)?;
        let waited = ANSWER_MAX + Duration::from_secs(exchange.wait_s.into());
        let answering = async {
            open.sender.ready().await?;
            open.sender.send_request(request).await
        };
        let result = match timeout(waited, answering).await {
            Ok(Ok(response)) => Ok(answer(response)),
            Ok(Err(error)) => Err(broken(error)),
            Err(_) => Err(LinkError::Slow {
                doing: "the hub's answer",
                waited,
            }),
        };
        if result.is_err() {
            self.open = None;
        }
        result
    }

    async fn connect(&self, base: &str) -> Result<Open, LinkError> {
        let connecting = async {
            let (host, port) = address(base)?;
            let unreachable = |error| LinkError::Unreachable {
                hub: base.to_owned(),
                error,
            };
            let stream = TcpStream::connect((host.as_str(), port))
                .await
                .map_err(unreachable)?;
            stream.set_nodelay(true).map_err(unreachable)?;
            let name = ServerName::try_from(host).map_err(|_| LinkError::Url(base.to_owned()))?;
            let stream = TlsConnector::from(Arc::clone(&self.config))
                .connect(name, stream)
                .await
                .map_err(|error| handshake_failed(base, error))?;
            let (sender, connection) = http1::Builder::new()
                .max_buf_size(BUFFER_BYTES)
                .handshake(TokioIo::new(stream))
                .await
                .map_err(broken)?;
            let task = tokio::spawn(async move {
                // Whoever sent the request hears how it ended.
                drop(connection.await);
            });
            Ok(Open {
                base: base.to_owned(),
                sender,
                task,
            })
        };
        match timeout(CONNECT_MAX, connecting).await {
            Ok(result) => result,
            Err(_) => Err(LinkError::Slow {
                doing: "connecting to the hub",
                waited: CONNECT_MAX,
            }),
        }
    }
}

fn answer(response: Response<Incoming>) -> Answer {
    let (head, body) = response.into_parts();
    Answer {
        status: head.status.as_u16(),
        headers: head.headers,
        body,
    }
}

fn request(base: &str, exchange: &Exchange) -> Result<Request<Full<Bytes>>, LinkError> {
    let authority = base.strip_prefix("https://").unwrap_or(base);
    let mut builder = Request::builder()
        .method(exchange.method.name())
        .uri(&exchange.target)
        .header(HOST, authority.trim_end_matches('/'));
    for (name, value) in &exchange.headers {
        builder = builder.header(*name, value);
    }
    builder
        .body(Full::new(exchange.body.clone().into()))
        .map_err(|_| LinkError::Url(format!("{base}{}", exchange.target)))
}

/// Host and port of a hub's URL.
pub(super) fn address(base: &str) -> Result<(String, u16), LinkError> {
    let wrong = || LinkError::Url(base.to_owned());
    let uri: Uri = base.parse().map_err(|_| wrong())?;
    let has_path = uri
        .path_and_query()
        .is_some_and(|path| path.as_str() != "/");
    if uri.scheme_str() != Some("https") || has_path {
        return Err(wrong());
    }
    let host = uri.host().ok_or_else(wrong)?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    Ok((host.to_owned(), uri.port_u16().unwrap_or(PORT)))
}
