//! What an operator says of the collector.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use axum::http::{HeaderName, HeaderValue, Uri};
use serde::Deserialize;

/// The shortest time between two exports.
pub const INTERVAL_SECONDS_MIN: u32 = 5;
/// The longest time between two exports: a day.
pub const INTERVAL_SECONDS_MAX: u32 = 86_400;
/// Headers that may be sent.
pub const HEADERS_MAX: usize = 16;
/// Bytes of the endpoint, and of a header's name or value.
const TEXT_BYTES_MAX: usize = 4096;
/// Where a collector takes metrics (OTLP 1, section "OTLP/HTTP request").
const METRICS_PATH: &str = "/v1/metrics";

/// Where figures are sent.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtlpSettings {
    /// `http://host:4318` or `https://host:4318`; `/v1/metrics` is added.
    pub endpoint: String,
    /// Seconds between two exports.
    #[serde(default = "interval")]
    pub interval: u32,
    /// Headers to send, such as `authorization`.
    #[serde(default)]
    pub headers: Headers,
    /// A PEM file with the only authorities to trust; the system's if absent.
    #[serde(default)]
    pub ca: Option<PathBuf>,
}

const fn interval() -> u32 {
    60
}

/// Headers by name. Their values may be secrets, which `Debug` does not show.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Headers(pub BTreeMap<String, String>);

impl fmt::Debug for Headers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}

/// Why figures cannot be sent as it is described; the operator's to mend.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OtlpSettingsError {
    /// The endpoint is not one.
    Endpoint {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The interval is out of range.
    Interval,
    /// There are too many headers.
    Headers,
    /// A header cannot be sent.
    Header {
        /// Its name.
        name: String,
    },
    /// An authority for a connection without TLS.
    CaWithoutTls,
    /// The library does not take the settings, or the environment's; it says why.
    Library(String),
}

impl fmt::Display for OtlpSettingsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Endpoint { reason } => write!(
                formatter,
                "`endpoint` is not `http://HOST:PORT` or `https://HOST:PORT`: {reason}"
            ),
            Self::Interval => write!(
                formatter,
                "`interval` must be {INTERVAL_SECONDS_MIN} to {INTERVAL_SECONDS_MAX} seconds"
            ),
            Self::Headers => write!(formatter, "more than {HEADERS_MAX} headers: remove some"),
            Self::Header { name } => write!(
                formatter,
                "the header {name:?} cannot be sent: its name or value has signs that HTTP does not allow"
            ),
            Self::CaWithoutTls => {
                formatter.write_str("`ca` without TLS: write the endpoint with `https://`")
            }
            Self::Library(reason) => write!(formatter, "the exporter cannot be set up: {reason}"),
        }
    }
}

impl std::error::Error for OtlpSettingsError {}

impl OtlpSettings {
    /// Checks everything that can be checked without the collector.
    ///
    /// # Errors
    /// [`OtlpSettingsError`], the first that is found.
    pub fn check(&self) -> Result<(), OtlpSettingsError> {
        let wrong = |reason| OtlpSettingsError::Endpoint { reason };
        if self.endpoint.len() > TEXT_BYTES_MAX {
            return Err(wrong("it is too long"));
        }
        let uri: Uri = self
            .metrics_url()
            .parse()
            .map_err(|_| wrong("it is no address of the web"))?;
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if self.ca.is_some() => return Err(OtlpSettingsError::CaWithoutTls),
            Some("http") => {}
            _ => return Err(wrong("it begins otherwise")),
        }
        if uri.host().is_none_or(str::is_empty) || uri.query().is_some() {
            return Err(wrong("it has no host, or a query"));
        }
        if uri
            .authority()
            .is_some_and(|authority| authority.as_str().contains('@'))
        {
            return Err(wrong("credentials belong into `headers`"));
        }
        if !(INTERVAL_SECONDS_MIN..=INTERVAL_SECONDS_MAX).contains(&self.interval) {
            return Err(OtlpSettingsError::Interval);
        }
        self.check_headers()
    }

    /// Where metrics are sent to.
    pub(super) fn metrics_url(&self) -> String {
        let base = self.endpoint.trim_end_matches('/');
        if base.ends_with(METRICS_PATH) {
            base.to_owned()
        } else {
            format!("{base}{METRICS_PATH}")
        }
    }

    fn check_headers(&self) -> Result<(), OtlpSettingsError> {
        if self.headers.0.len() > HEADERS_MAX {
            return Err(OtlpSettingsError::Headers);
        }
        let fits = |(name, value): &(&String, &String)| {
            name.len().max(value.len()) <= TEXT_BYTES_MAX
                && HeaderName::from_bytes(name.as_bytes()).is_ok()
                && HeaderValue::from_str(value).is_ok()
        };
        match self.headers.0.iter().find(|header| !fits(header)) {
            None => Ok(()),
            Some((name, _)) => Err(OtlpSettingsError::Header {
                name: name.chars().take(64).collect(),
            }),
        }
    }
}
