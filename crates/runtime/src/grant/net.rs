//! Hosts and ports in grants.

use alloc::string::String;
use core::net::IpAddr;

/// Ports from a first to a last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl PortRange {
    /// Every port.
    pub const ALL: Self = Self { first: 0, last: u16::MAX };

    /// Reads `8080`, `8000-8099` or `*`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::ALL);
        }
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (first, last) = (first.parse().ok()?, last.parse().ok()?);
        (first <= last).then_some(Self { first, last })
    }

    /// Whether this port is among them.
    #[must_use]
    pub const fn contains(self, port: u16) -> bool {
        self.first <= port && port <= self.last
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
    /// Every address that shares its first bits with this one.
    Network(IpAddr, u8),
}

impl HostPattern {
    /// Reads a name, `*.domain`, an address, `address/bits` or `*`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::Any);
        }
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        if let Ok(address) = bare.parse::<IpAddr>() {
            return Some(Self::Network(address, address_bits(address)));
        }
        if let Some((address, bits)) = bare.split_once('/') {
            let (address, bits) = (address.parse::<IpAddr>().ok()?, bits.parse().ok()?);
            return (bits <= address_bits(address)).then_some(Self::Network(address, bits));
        }
        let lower = text.to_ascii_lowercase();
        let (wildcard, name) = lower.strip_prefix("*.").map_or((false, lower.as_str()), |name| (true, name));
        if !is_host_name(name) {
            return None;
        }
        Some(if wildcard { Self::Below(alloc::format!(".{name}")) } else { Self::Name(name.into()) })
    }

    /// Whether a host name is meant.
    #[must_use]
    pub fn matches_name(&self, name: &str) -> bool {
        let name = name.strip_suffix('.').unwrap_or(name);
        match self {
            Self::Any => true,
            Self::Name(host) => host.eq_ignore_ascii_case(name),
            Self::Below(domain) => {
                name.len() > domain.len()
                    && name.get(name.len() - domain.len()..).is_some_and(|end| end.eq_ignore_ascii_case(domain))
            }
            Self::Network(..) => name.parse().is_ok_and(|address| self.matches_address(address)),
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

const fn address_bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn shares_bits(network: IpAddr, address: IpAddr, bits: u8) -> bool {
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let difference = network.to_bits() ^ address.to_bits();
            difference.checked_shr(32 - u32::from(bits.min(32))).unwrap_or(0) == 0
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let difference = network.to_bits() ^ address.to_bits();
            difference.checked_shr(128 - u32::from(bits.min(128))).unwrap_or(0) == 0
        }
        _ => false,
    }
}

fn is_host_name(name: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty() && label.len() <= 63 && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    name.len() <= 253 && name.split('.').all(label)
}
