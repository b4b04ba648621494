//! Whom the hub may ask. Tenants choose the addresses of webhooks, and must not reach through the hub what only the hub can
//! reach: this machine, its network, the metadata of a cloud. Names are looked up once, and only addresses that passed are
//! connected to, so that a name cannot change between looking and asking.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Why an address is not told anything.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TargetError {
    /// It is no address.
    Url,
    /// It is not HTTPS.
    Scheme,
    /// It has a name or a password before the host: the signature is there for that.
    Credentials,
    /// It leads into a network that is not everybody's.
    Private {
        /// The host.
        host: String,
    },
    /// There is no such host.
    NoHost {
        /// The host.
        host: String,
        /// What the system said.
        reason: String,
    },
}

impl fmt::Display for TargetError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url => formatter.write_str("the webhook's address is none"),
            Self::Scheme => {
                formatter.write_str("the webhook's address does not begin with https://")
            }
            Self::Credentials => formatter.write_str(
                "the webhook's address has a name or a password in it; check the signature instead",
            ),
            Self::Private { host } => write!(
                formatter,
                "{host} is in a private network, which webhooks.allow_private does not allow"
            ),
            Self::NoHost { host, reason } => write!(formatter, "{host} was not found: {reason}"),
        }
    }
}

impl std::error::Error for TargetError {}

/// Reads an address, and refuses it if it is known already that it is not told anything.
pub(super) fn parse(url: &str, is_private_allowed: bool) -> Result<Url, TargetError> {
    let url = Url::parse(url).map_err(|_| TargetError::Url)?;
    match url.scheme() {
        "https" => {}
        "http" if is_private_allowed => {}
        _ => return Err(TargetError::Scheme),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(TargetError::Credentials);
    }
    let host = url.host_str().ok_or(TargetError::Url)?;
    // Addresses are not looked up, so that they are checked here.
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(address) if !is_private_allowed && !is_public(address) => Err(TargetError::Private {
            host: host.to_owned(),
        }),
        _ => Ok(url),
    }
}

/// Looks names up, and gives only addresses that may be asked.
pub(super) struct Resolver {
    pub(super) is_private_allowed: bool,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let is_private_allowed = self.is_private_allowed;
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found = tokio::net::lookup_host((host.as_str(), 0)).await;
            let found: Vec<SocketAddr> = found
                .map_err(|error| TargetError::NoHost {
                    host: host.clone(),
                    reason: error.to_string(),
                })?
                .filter(|address| is_private_allowed || is_public(address.ip()))
                .collect();
            if found.is_empty() {
                return Err(TargetError::Private { host }.into());
            }
            let addresses: Addrs = Box::new(found.into_iter());
            Ok(addresses)
        })
    }
}

/// Whether an address is everybody's: neither of this machine nor of a network of its own, nor one that leads there.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        // This network, and what is reserved.
        || a == 0
        || a >= 240
        // Between a carrier and its customers (RFC 6598).
        || a == 100 && (64..128).contains(&b)
        // Protocols (RFC 6890), relays of 6to4 (RFC 7526), measurements (RFC 2544).
        || (a, b, c) == (192, 0, 0)
        || (a, b, c) == (192, 88, 99)
        || a == 198 && (b == 18 || b == 19);
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let embedded = |high: u16, low: u16| {
        let ([one, two], [three, four]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(one, two, three, four))
    };
    if let Some(address) = address.to_ipv4_mapped() {
        return is_public_v4(address);
    }
    match (a, b, c, d, e, f) {
        // Translation to IPv4 (RFC 6052), and 6to4 (RFC 3056).
        (0x64, 0xff9b, 0, 0, 0, 0) => embedded(g, h),
        (0x2002, ..) => embedded(b, c),
        // Teredo, protocols, documentation.
        (0x2001, second, ..) if second < 0x200 || second == 0xdb8 => false,
        (0x3fff, second, ..) if second < 0x1000 => false,
        // Only this is given to the world.
        _ => a & 0xe000 == 0x2000,
    }
}
