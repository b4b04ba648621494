//! Why the hub did not answer, in words for the device's owner.

use std::error::Error as _;
use std::fmt;
use std::io;
use std::time::Duration;

use rustls::AlertDescription;
use thimble_protocol::session::Failure;

/// Why a request has no answer.
#[derive(Debug)]
#[non_exhaustive]
pub(in crate::fleet) enum LinkError {
    /// It is not the URL of a hub.
    Url(String),
    /// Nobody can be trusted, or the device's certificate cannot be used.
    Tls(String),
    /// The hub cannot be reached.
    Unreachable {
        /// Which.
        hub: String,
        /// Why.
        error: io::Error,
    },
    /// The hub's certificate is not one that is trusted.
    HubUntrusted {
        /// Why not.
        reason: String,
    },
    /// The hub refuses the device's certificate.
    DeviceRefused {
        /// What it says of it.
        reason: String,
    },
    /// It took too long.
    Slow {
        /// What.
        doing: &'static str,
        /// For how long it was waited.
        waited: Duration,
    },
    /// The hub ended the connection, or speaks something else.
    Broken(hyper::Error),
    /// The answer is too long.
    TooLarge {
        /// What it may have.
        bytes_max: usize,
    },
}

impl fmt::Display for LinkError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => write!(
                formatter,
                "{url:?} is not where a hub can be: it must be https://HOST[:PORT]"
            ),
            Self::Tls(reason) => write!(formatter, "TLS cannot be set up: {reason}"),
            Self::Unreachable { hub, error } => write!(formatter, "cannot reach {hub}: {error}"),
            Self::HubUntrusted { reason } => write!(
                formatter,
                "the hub's certificate is not trusted: {reason}; set `ca` in [fleet] to its authority"
            ),
            Self::DeviceRefused { reason } => write!(
                formatter,
                "the hub refuses this device's certificate ({reason}); what runs goes on, ask the hub's operator"
            ),
            Self::Slow { doing, waited } => {
                write!(formatter, "{doing} took longer than {} s", waited.as_secs())
            }
            Self::Broken(error) => {
                write!(formatter, "the connection to the hub broke: {error}")?;
                error
                    .source()
                    .map_or(Ok(()), |cause| write!(formatter, ": {cause}"))
            }
            Self::TooLarge { bytes_max } => {
                write!(
                    formatter,
                    "the hub's answer has more than {bytes_max} bytes"
                )
            }
        }
    }
}

impl std::error::Error for LinkError {}

impl LinkError {
    /// The same for the session.
    pub(in crate::fleet) const fn failure(&self) -> Failure {
        match self {
            Self::Unreachable { .. } | Self::Broken(_) => Failure::Connection,
            Self::Url(_) => Failure::Name,
            Self::Tls(_) | Self::HubUntrusted { .. } | Self::DeviceRefused { .. } => Failure::Tls,
            Self::Slow { .. } => Failure::Timeout,
            Self::TooLarge { .. } => Failure::Answer,
        }
    }
}

/// What the failure of a handshake means.
pub(super) fn handshake_failed(base: &str, error: io::Error) -> LinkError {
    match tls_cause(&error) {
        Some(rustls::Error::AlertReceived(alert)) => refused(*alert),
        Some(error @ rustls::Error::InvalidCertificate(_)) => LinkError::HubUntrusted {
            reason: error.to_string(),
        },
        Some(error) => LinkError::Tls(error.to_string()),
        None => LinkError::Unreachable {
            hub: base.to_owned(),
            error,
        },
    }
}

/// In TLS 1.3 the hub looks at the device's certificate after the handshake: its refusal comes instead of an answer.
pub(super) fn broken(error: hyper::Error) -> LinkError {
    let mut cause = error.source();
    while let Some(below) = cause {
        let tls = below.downcast_ref::<io::Error>().and_then(tls_cause);
        if let Some(rustls::Error::AlertReceived(alert)) = tls {
            return refused(*alert);
        }
        cause = below.source();
    }
    LinkError::Broken(error)
}

fn tls_cause(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

fn refused(alert: AlertDescription) -> LinkError {
    let reason = match alert {
        AlertDescription::CertificateRevoked => "it was revoked".to_owned(),
        AlertDescription::CertificateExpired => {
            "it has expired, or the device's clock is wrong".to_owned()
        }
        AlertDescription::UnknownCA => {
            "it is of an authority that the hub does not know".to_owned()
        }
        alert => format!("{alert:?}"),
    };
    LinkError::DeviceRefused { reason }
}
