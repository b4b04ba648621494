//! Hosts and ports in grants.

use alloc::string::String;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::str::FromStr;

/// Ports from a first to a last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl PortRange {
    /// Every port.
    pub const ALL: Self = Self {
        first: 0,
        last: u16::MAX,
    };

    /// Reads `8080`, `8000-8099` or `*`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::ALL);
        }
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (first, last): (u16, u16) = (digits(first)?, digits(last)?);
        (first <= last).then_some(Self { first, last })
    }

    /// Whether this port is among them.
    #[must_use]
    pub const fn contains(self, port: u16) -> bool {
        self.first <= port && port <= self.last
    }

    /// Whether every one of these ports is among them.
    #[must_use]
    pub const fn covers(self, other: Self) -> bool {
        self.contains(other.first) && self.contains(other.last)
    }
}

/// Which hosts a grant is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostPattern {
    /// Every host.
    Any,
    /// One host, by its name in lower case.
    Name(String),
    /// Every host below this domain, which begins with a dot.
    Below(String),
    /// Every address that shares its first bits with this one. IPv4 is never written as IPv6.
    Network(IpAddr, u8),
}

impl HostPattern {
    /// Reads a name, `*.domain`, an address, `address/bits` or `*`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::Any);
        }
        let bare = text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'))
            .unwrap_or(text);
        if let Ok(address) = bare.parse::<IpAddr>() {
            return network(address, address_bits(address));
        }
        if let Some((address, bits)) = bare.split_once('/') {
            return network(address.parse().ok()?, digits(bits)?);
        }
        let lower = text.to_ascii_lowercase();
        let (wildcard, name) = lower
            .strip_prefix("*.")
            .map_or((false, lower.as_str()), |name| (true, name));
        let name = name.strip_suffix('.').unwrap_or(name);
        if !is_host_name(name) {
            return None;
        }
        Some(if wildcard {
            Self::Below(alloc::format!(".{name}"))
        } else {
            Self::Name(name.into())
        })
    }

    /// Whether a host name is meant. `localhost` is meant by a network that holds a loopback address.
    #[must_use]
    pub fn matches_name(&self, name: &str) -> bool {
        let name = name.strip_suffix('.').unwrap_or(name);
        match self {
            Self::Any => true,
            Self::Name(host) => host.eq_ignore_ascii_case(name),
            Self::Below(domain) => {
                name.len() > domain.len()
                    && name
                        .get(name.len() - domain.len()..)
                        .is_some_and(|end| end.eq_ignore_ascii_case(domain))
            }
            Self::Network(..) if name.eq_ignore_ascii_case("localhost") => {
                self.matches_address(Ipv4Addr::LOCALHOST.into())
                    || self.matches_address(Ipv6Addr::LOCALHOST.into())
            }
            Self::Network(..) => name
                .parse()
                .is_ok_and(|address| self.matches_address(address)),
        }
    }

    /// Whether every host that `other` means is meant.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        match other {
            Self::Any => *self == Self::Any,
            Self::Name(name) => self.matches_name(name),
            Self::Below(below) => match self {
                Self::Any => true,
                Self::Below(domain) => below.ends_with(domain.as_str()),
                Self::Name(_) | Self::Network(..) => false,
            },
            Self::Network(network, bits) => match self {
                Self::Any => true,
                Self::Network(_, mine) => mine <= bits && self.matches_address(*network),
                Self::Name(_) | Self::Below(_) => false,
            },
        }
    }

    /// Whether an address is meant, whatever names it has. The name `localhost` means the loopback addresses.
    #[must_use]
    pub fn matches_address(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        match self {
            Self::Any => true,
            Self::Name(host) => host == "localhost" && address.is_loopback(),
            Self::Below(_) => false,
            Self::Network(network, bits) => shares_bits(*network, address, *bits),
        }
    }
}

/// A number without a sign.
fn digits<T: FromStr>(text: &str) -> Option<T> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().ok()
    } else {
        None
    }
}

fn network(address: IpAddr, bits: u8) -> Option<HostPattern> {
    if bits > address_bits(address) {
        return None;
    }
    // Addresses are compared in their canonical form, so networks must have it too.
    let (address, bits) = match address.to_canonical() {
        IpAddr::V4(mapped) if address.is_ipv6() => (IpAddr::V4(mapped), bits.checked_sub(96)?),
        canonical => (canonical, bits),
    };
    Some(HostPattern::Network(address, bits))
}

const fn address_bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn shares_bits(network: IpAddr, address: IpAddr, bits: u8) -> bool {
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let difference = network.to_bits() ^ address.to_bits();
            difference
                .checked_shr(32 - u32::from(bits.min(32)))
                .unwrap_or(0)
                == 0
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let difference = network.to_bits() ^ address.to_bits();
            difference
                .checked_shr(128 - u32::from(bits.min(128)))
                .unwrap_or(0)
                == 0
        }
        _ => false,
    }
}

/// Whether a text can be a host's name (RFC 1123, section 2.1; underscores are seen in practice). Its last
/// label is no number: that would be an address with a mistake in it.
pub(crate) fn is_host_name(name: &str) -> bool {
    const NAME_BYTES_MAX: usize = 253;
    const LABEL_BYTES_MAX: usize = 63;
    let label = |label: &str| {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        !label.is_empty() && label.len() <= LABEL_BYTES_MAX && label.bytes().all(letter)
    };
    let numeric = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
    name.len() <= NAME_BYTES_MAX
        && name.split('.').all(label)
        && !name.rsplit('.').next().is_some_and(numeric)
}
