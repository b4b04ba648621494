//! Sends one delivery: within limits of time, without following anybody anywhere.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderName};
use reqwest::{Client, redirect};
use rustls::{ClientConfig, RootCertStore};
use thimble_hub_store::Delivery;

use super::signature::{SIGNATURE_HEADER, signature};
use super::target::{Resolver, TargetError, parse};

/// Time to connect.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// Time for all of it.
const TIME: Duration = Duration::from_secs(10);
/// The header with the kind of event.
const EVENT_HEADER: HeaderName = HeaderName::from_static("thimble-event");
/// The header with the id of the delivery, the same at every attempt.
const DELIVERY_HEADER: HeaderName = HeaderName::from_static("thimble-delivery");

/// Why nothing can be sent at all.
#[derive(Debug)]
#[non_exhaustive]
pub enum SenderError {
    /// TLS cannot be set up.
    Tls(rustls::Error),
    /// The client cannot be set up.
    Client(reqwest::Error),
}

impl fmt::Display for SenderError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Tls(_) => "TLS cannot be set up for webhooks",
            Self::Client(_) => "connections cannot be set up for webhooks",
        })
    }
}

impl std::error::Error for SenderError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Tls(error) => Some(error),
            Self::Client(error) => Some(error),
        }
    }
}

/// Why something was not taken.
#[derive(Debug)]
#[non_exhaustive]
pub enum SendError {
    /// The address is not told anything.
    Target(TargetError),
    /// The answer was not that it was taken (2xx).
    Status {
        /// What the answer was.
        status: u16,
    },
    /// There was no answer.
    Unreachable(reqwest::Error),
}

impl fmt::Display for SendError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target(error) => error.fmt(formatter),
            Self::Status { status } if (300..400).contains(status) => write!(
                formatter,
                "the answer was {status}, and webhooks follow nobody: set the address that it leads to"
            ),
            Self::Status { status } => write!(formatter, "the answer was {status}, not 2xx"),
            Self::Unreachable(error) if error.is_timeout() => {
                write!(formatter, "there was no answer in {} s", TIME.as_secs())
            }
            Self::Unreachable(error) => {
                // The innermost reason is the one that helps.
                let mut reason: &dyn std::error::Error = error;
                while let Some(source) = reason.source() {
                    reason = source;
                }
                write!(formatter, "it was not reached: {reason}")
            }
        }
    }
}

impl std::error::Error for SendError {}

pub(super) struct Sender {
    client: Client,
    is_private_allowed: bool,
}

impl Sender {
    pub(super) fn new(is_private_allowed: bool) -> Result<Self, SenderError> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(SenderError::Tls)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let client = Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(redirect::Policy::none())
            // A proxy would look names up by itself.
            .no_proxy()
            .dns_resolver(Arc::new(Resolver { is_private_allowed }))
            .connect_timeout(CONNECT_TIME)
            .timeout(TIME)
            .user_agent(concat!("thimble-hub/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(SenderError::Client)?;
        Ok(Self {
            client,
            is_private_allowed,
        })
    }

    pub(super) async fn send(
        &self,
        url: &str,
        secret: &[u8],
        delivery: &Delivery,
        now_ms: i64,
    ) -> Result<(), SendError> {
        let url = parse(url, self.is_private_allowed).map_err(SendError::Target)?;
        let signature = signature(secret, now_ms.div_euclid(1000), delivery.body.as_bytes());
        let request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header(SIGNATURE_HEADER, signature)
            .header(EVENT_HEADER, &delivery.event)
            .header(DELIVERY_HEADER, delivery.id.to_string())
            .body(delivery.body.clone());
        // The body of the answer says nothing to us, and is not read.
        let answer = request.send().await.map_err(SendError::Unreachable)?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        Err(SendError::Status {
            status: status.as_u16(),
        })
    }
}
