//! HTTP/1.1 connections: one agent per registry and kind of connection, made when it is needed.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use thimble_image::registry::{Head, Request, TransportError, TransportErrorKind, Url};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::unversioned::transport::DefaultConnector;
use ureq::{Agent, SendBody};

use crate::names::Names;
use crate::settings::{Settings, SettingsError, host_of, is_loopback};

/// Bytes of the buffers of a connection, each way.
const BUFFER_BYTES: usize = 64 << 10;
/// Bytes of the head of an answer at most.
const HEAD_BYTES_MAX: usize = 32 << 10;

/// Sends requests.
pub(crate) struct Client {
    settings: Settings,
    /// Certificates of registries that have their own.
    own_certificates: BTreeMap<String, Vec<Certificate<'static>>>,
    system_certificates: OnceLock<Vec<Certificate<'static>>>,
    agents: Mutex<BTreeMap<Kind, Agent>>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Kind {
    /// For which registry: it vouches for its own token server and storage too.
    registry: String,
    https: bool,
    is_direct: bool,
}

impl Client {
    pub(crate) fn new(settings: Settings) -> Result<Self, SettingsError> {
        settings.check()?;
        let mut own_certificates = BTreeMap::new();
        for registry in settings.registries.keys() {
            own_certificates.insert(registry.clone(), settings.certificates(registry)?);
        }
        Ok(Self {
            settings,
            own_certificates,
            system_certificates: OnceLock::new(),
            agents: Mutex::default(),
        })
    }

    pub(crate) const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Sends a request and waits for the head of the answer.
    pub(crate) fn send(
        &self,
        registry: &str,
        request: &Request,
        body: Option<&mut dyn Read>,
    ) -> Result<(Head, impl Read + use<>), TransportError> {
        let url = Url::parse(&request.url).map_err(|error| protocol(error.to_string()))?;
        let origin = url.origin();
        let kind = Kind {
            registry: registry.into(),
            https: origin.https,
            is_direct: is_loopback(host_of(&origin.host)),
        };
        let agent = self.agent(kind)?;
        let mut builder = ureq::http::Request::builder()
            .method(request.method.name())
            .uri(&request.url);
        for (name, value) in &request.headers {
            builder = builder.header(*name, value);
        }
        if let Some(authorization) = &request.authorization {
            builder = builder.header("authorization", authorization.expose());
        }
        let invalid = |error: ureq::http::Error| protocol(error.to_string());
        let answer = match body {
            Some(body) => {
                let builder = builder.header("content-length", request.body.length());
                let body = SendBody::from_reader(body);
                agent.run(builder.body(body).map_err(invalid)?)
            }
            None => agent.run(builder.body(()).map_err(invalid)?),
        };
        let response = answer.map_err(translate)?;
        let (parts, body) = response.into_parts();
        let headers = parts.headers.iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        });
        let head = Head {
            status: parts.status.as_u16(),
            headers: headers.collect(),
        };
        Ok((head, body.into_reader()))
    }

    fn agent(&self, kind: Kind) -> Result<Agent, TransportError> {
        let mut agents = self.agents.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(agent) = agents.get(&kind) {
            return Ok(agent.clone());
        }
        let proxy = if kind.is_direct {
            None
        } else {
            let proxy = self.settings.proxies.proxy(kind.https);
            proxy.map_err(|error| protocol(error.to_string()))?
        };
        let mut builder = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(&self.settings.user_agent)
            .proxy(proxy)
            .timeout_resolve(Some(self.settings.connect_timeout))
            .timeout_connect(Some(self.settings.connect_timeout))
            .timeout_per_read(Some(self.settings.idle_timeout))
            .timeout_per_write(Some(self.settings.idle_timeout))
            .max_response_header_size(HEAD_BYTES_MAX)
            .input_buffer_size(BUFFER_BYTES)
            .output_buffer_size(BUFFER_BYTES);
        if kind.https {
            builder = builder.tls_config(self.tls(&kind.registry));
        }
        let config = builder.build();
        let agent = match &self.settings.resolve {
            Some(resolve) => Agent::with_parts(
                config,
                DefaultConnector::default(),
                Names(Arc::clone(resolve)),
            ),
            None => config.into(),
        };
        agents.insert(kind, agent.clone());
        Ok(agent)
    }

    fn tls(&self, registry: &str) -> TlsConfig {
        let system = self.system_certificates.get_or_init(|| {
            rustls_native_certs::load_native_certs()
                .certs
                .iter()
                .map(|certificate| Certificate::from_der(certificate).to_owned())
                .collect()
        });
        let own = self.own_certificates.get(registry);
        let roots: Vec<_> = system
            .iter()
            .chain(own.into_iter().flatten())
            .cloned()
            .collect();
        TlsConfig::builder()
            .root_certs(RootCerts::Specific(Arc::new(roots)))
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build()
    }
}

/// What an error of a body being read means.
pub(crate) fn translate_io(error: io::Error) -> TransportError {
    translate(error.into())
}

fn translate(error: ureq::Error) -> TransportError {
    use TransportErrorKind as Kind;
    let text = error.to_string();
    let (kind, text) = match error {
        ureq::Error::Timeout(ureq::Timeout::Connect | ureq::Timeout::Resolve) => {
            (Kind::Connect, "it takes too long".into())
        }
        ureq::Error::Timeout(_) => (Kind::Stalled, String::new()),
        ureq::Error::HostNotFound => (Kind::Connect, "no such host".into()),
        ureq::Error::ConnectionFailed | ureq::Error::ConnectProxyFailed(_) => (Kind::Connect, text),
        ureq::Error::Rustls(error) => (Kind::Tls, tls_text(&error)),
        ureq::Error::Tls(_) | ureq::Error::Pem(_) | ureq::Error::TlsRequired => (Kind::Tls, text),
        ureq::Error::Io(error) => return translate_os(&error),
        ureq::Error::LargeResponseHeader(..) => (
            Kind::Protocol,
            format!("the head of its answer has more than {HEAD_BYTES_MAX} bytes"),
        ),
        _ => (Kind::Protocol, text),
    };
    TransportError { kind, text }
}

fn translate_os(error: &io::Error) -> TransportError {
    let inner = error.get_ref();
    if let Some(error) = inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return TransportError {
            kind: TransportErrorKind::Tls,
            text: tls_text(error),
        };
    }
    let kind = match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => TransportErrorKind::Stalled,
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::NotConnected => TransportErrorKind::Closed,
        io::ErrorKind::InvalidData => TransportErrorKind::Protocol,
        _ => TransportErrorKind::Connect,
    };
    TransportError {
        kind,
        text: error.to_string(),
    }
}

fn tls_text(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidMessage(_) => {
            "what answers does not speak TLS; if that is meant, allow plain http for this registry"
                .into()
        }
        rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer) => {
            "nobody this device trusts vouches for it; if that is meant, name the certificate of who does".into()
        }
        other => other.to_string(),
    }
}

const fn protocol(text: String) -> TransportError {
    TransportError {
        kind: TransportErrorKind::Protocol,
        text,
    }
}
