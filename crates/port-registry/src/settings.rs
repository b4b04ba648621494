//! What an operator sets: registries, mirrors, certificates, proxies, patience.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use thimble_image::Reference;
use thimble_image::registry::Target;

/// Bytes of a file of certificates at most.
const CA_FILE_BYTES_MAX: u64 = 4 << 20;

/// How registries are spoken to.
#[derive(Clone)]
pub struct Settings {
    /// What is particular to one registry, by its name.
    pub registries: BTreeMap<String, RegistrySettings>,
    /// Whether every registry is spoken to without TLS.
    pub plain_http: bool,
    /// The folder in which Docker's `config.json` lies; `None` for `$DOCKER_CONFIG`, else `~/.docker`.
    pub docker_config: Option<PathBuf>,
    /// Attempts in a row that do not get further.
    pub attempts_max: u32,
    /// The longest wait after the first vain attempt; it doubles with each.
    pub backoff: Duration,
    /// How long nothing may move.
    pub idle_timeout: Duration,
    /// How long a connection may take to come about, TLS included.
    pub connect_timeout: Duration,
    /// Who we say we are.
    pub user_agent: String,
    /// Proxies; the environment's by default.
    pub proxies: Proxies,
    /// Looks up the addresses of a host; the C library by default, which a static program should not use.
    pub resolve: Option<Resolve>,
}

/// Looks up the addresses of a host: a name, or an address, that of IPv6 in brackets. Waits for the answer.
pub type Resolve = Arc<dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync>;

/// What is particular to a registry.
#[derive(Clone, Debug, Default)]
pub struct RegistrySettings {
    /// Registries that are asked before it when something is pulled, `HOST[:PORT]`, in this order.
    pub mirrors: Vec<String>,
    /// Whether it is spoken to without TLS.
    pub plain_http: bool,
    /// Whether it is spoken to by TLS even though it is on this very device.
    pub https: bool,
    /// Files of certificates (PEM) that vouch for it in addition to the system's. They imply TLS.
    pub ca_files: Vec<PathBuf>,
}

/// Proxies, as the variables of the same names say. They may hold passwords.
#[derive(Clone, Default)]
pub struct Proxies {
    /// For `http`.
    pub http_proxy: Option<String>,
    /// For `https`.
    pub https_proxy: Option<String>,
    /// For both, where they have none of their own.
    pub all_proxy: Option<String>,
    /// Hosts that are spoken to directly, with commas between them; `*.` and `.` before a domain stand for its hosts.
    pub no_proxy: Option<String>,
}

/// Why settings cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SettingsError {
    /// A mirror is not `HOST[:PORT]`.
    Mirror {
        /// What it is.
        mirror: String,
    },
    /// A file of certificates cannot be used.
    CaFile {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A proxy is not a URL.
    Proxy {
        /// The variable that names it.
        variable: &'static str,
    },
    /// A number is out of its range.
    Range {
        /// Which.
        what: &'static str,
    },
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            registries: BTreeMap::new(),
            plain_http: false,
            docker_config: None,
            attempts_max: 5,
            backoff: Duration::from_millis(500),
            idle_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(10),
            user_agent: concat!("thimble/", env!("CARGO_PKG_VERSION")).into(),
            proxies: Proxies::from_environment(),
            resolve: None,
        }
    }
}

impl Proxies {
    /// What the environment says, in capitals or not.
    #[must_use]
    pub fn from_environment() -> Self {
        let variable = |name: &str| {
            [name.to_ascii_uppercase(), name.to_ascii_lowercase()]
                .iter()
                .find_map(|name| std::env::var(name).ok())
                .filter(|value| !value.is_empty())
        };
        Self {
            http_proxy: variable("http_proxy"),
            https_proxy: variable("https_proxy"),
            all_proxy: variable("all_proxy"),
            no_proxy: variable("no_proxy"),
        }
    }

    /// The proxy for `http` or `https`, if there is one.
    pub(crate) fn proxy(&self, https: bool) -> Result<Option<ureq::Proxy>, SettingsError> {
        let (variable, own) = if https {
            ("HTTPS_PROXY", &self.https_proxy)
        } else {
            ("HTTP_PROXY", &self.http_proxy)
        };
        let (variable, url) = match (own, &self.all_proxy) {
            (Some(url), _) => (variable, url),
            (None, Some(url)) => ("ALL_PROXY", url),
            (None, None) => return Ok(None),
        };
        let fail = |_| SettingsError::Proxy { variable };
        let plain = ureq::Proxy::new(url).map_err(fail)?;
        let mut builder = ureq::Proxy::builder(plain.protocol())
            .host(plain.host())
            .port(plain.port());
        if let Some(username) = plain.username() {
            builder = builder.username(username);
        }
        if let Some(password) = plain.password() {
            builder = builder.password(password);
        }
        for host in self.no_proxy.as_deref().unwrap_or_default().split(',') {
            if !host.trim().is_empty() {
                builder = builder.no_proxy(host.trim());
            }
        }
        builder.build().map(Some).map_err(fail)
    }
}

impl Settings {
    /// Checks everything that can be checked before anything is asked.
    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        let mirrors = self.registries.values().flat_map(|own| &own.mirrors);
        for mirror in mirrors {
            let reference = format!("{mirror}/name").parse::<Reference>();
            if !reference.is_ok_and(|reference| reference.registry() == mirror) {
                return Err(SettingsError::Mirror {
                    mirror: mirror.clone(),
                });
            }
        }
        for https in [false, true] {
            self.proxies.proxy(https)?;
        }
        let is_agent = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
        if !self.user_agent.bytes().all(is_agent) {
            return Err(SettingsError::Range {
                what: "the user agent",
            });
        }
        for (what, is_zero) in [
            ("the number of attempts", self.attempts_max == 0),
            ("the idle timeout", self.idle_timeout.is_zero()),
            ("the connect timeout", self.connect_timeout.is_zero()),
        ] {
            if is_zero {
                return Err(SettingsError::Range { what });
            }
        }
        Ok(())
    }

    /// How a registry is spoken to.
    pub(crate) fn target(&self, registry: &str) -> Target {
        let own = self.registries.get(registry);
        let is_plain = self.plain_http || own.is_some_and(|own| own.plain_http);
        let wants_tls = own.is_some_and(|own| own.https || !own.ca_files.is_empty());
        let https = !is_plain && (wants_tls || !is_loopback(host_of(registry)));
        Target::new(registry, https)
    }

    /// Where to pull from, best first.
    pub(crate) fn sources(&self, registry: &str) -> Vec<Target> {
        let mirrors = self.registries.get(registry).map(|own| &own.mirrors);
        let mirrors = mirrors.into_iter().flatten().map(String::as_str);
        mirrors
            .chain([registry])
            .map(|name| self.target(name))
            .collect()
    }

    /// The certificates that vouch for a registry in addition to the system's.
    pub(crate) fn certificates(
        &self,
        registry: &str,
    ) -> Result<Vec<ureq::tls::Certificate<'static>>, SettingsError> {
        let files = self.registries.get(registry).map(|own| &own.ca_files);
        let mut certificates = Vec::new();
        for path in files.into_iter().flatten() {
            certificates.extend(read_certificates(path)?);
        }
        Ok(certificates)
    }
}

fn read_certificates(path: &Path) -> Result<Vec<ureq::tls::Certificate<'static>>, SettingsError> {
    let fail = |reason: String| SettingsError::CaFile {
        path: path.into(),
        reason,
    };
    let length = std::fs::metadata(path).map_err(|error| fail(error.to_string()))?;
    if length.len() > CA_FILE_BYTES_MAX {
        return Err(fail("it is too large".into()));
    }
    let bytes = std::fs::read(path).map_err(|error| fail(error.to_string()))?;
    let mut certificates = Vec::new();
    for item in ureq::tls::parse_pem(&bytes) {
        match item {
            Ok(ureq::tls::PemItem::Certificate(certificate)) => certificates.push(certificate),
            Ok(_) => {}
            Err(error) => return Err(fail(error.to_string())),
        }
    }
    if certificates.is_empty() {
        return Err(fail("there is no certificate in it".into()));
    }
    Ok(certificates)
}

/// The host of `HOST[:PORT]`.
pub(crate) fn host_of(registry: &str) -> &str {
    if let Some(rest) = registry.strip_prefix('[') {
        return rest.split(']').next().unwrap_or_default();
    }
    registry.split(':').next().unwrap_or_default()
}

/// Whether a host is this very device.
pub(crate) fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host.parse::<Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
        || host.parse::<Ipv6Addr>().is_ok_and(|ip| ip.is_loopback())
}

impl fmt::Display for SettingsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mirror { mirror } => {
                write!(formatter, "the mirror {mirror:?} is not HOST or HOST:PORT")
            }
            Self::CaFile { path, reason } => write!(
                formatter,
                "the certificates in {} cannot be used: {reason}",
                path.display()
            ),
            Self::Proxy { variable } => {
                write!(
                    formatter,
                    "{variable} is not the URL of an http proxy, http://HOST:PORT"
                )
            }
            Self::Range { what } => write!(formatter, "{what} cannot be that"),
        }
    }
}

impl std::error::Error for SettingsError {}
