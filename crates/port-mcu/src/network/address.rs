//! Addresses of this device.
//!
//! Inside, every address is an IPv6 one: IPv4 stands as IPv4-mapped, whatever the family of its socket, and there are
//! neither scopes nor flows. Only what a socket tells is in its own family.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use thimble_abi::Errno;
use thimble_runtime::port::Protocol;

/// An address and a port.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) ip: Ipv6Addr,
    pub(super) port: u16,
}

/// What an address is to this device.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One of the device's own.
    Loopback,
    /// All of the device's own.
    Unspecified,
    /// A multicast group.
    Group,
    /// Somebody else's.
    Foreign,
}

impl Place {
    /// The place that a socket of a family was given.
    ///
    /// # Errors
    /// [`Errno::AddressFamilyNotSupported`] if it is not of that family.
    pub(super) fn new(address: SocketAddr, ipv6: bool) -> Result<Self, Errno> {
        if address.is_ipv6() == ipv6 {
            let (ip, port) = (inner(address.ip()), address.port());
            Ok(Self { ip, port })
        } else {
            Err(Errno::AddressFamilyNotSupported)
        }
    }

    /// As a socket of a family tells it.
    pub(super) fn told(self, ipv6: bool) -> SocketAddr {
        let ip = match self.ip.to_ipv4_mapped() {
            Some(ip) if !ipv6 => IpAddr::V4(ip),
            _ => IpAddr::V6(self.ip),
        };
        SocketAddr::new(ip, self.port)
    }

    /// What connecting or sending to it reaches: the unspecified address is this device.
    ///
    /// # Errors
    /// [`Errno::NetworkUnreachable`] for what is not of this device, but for multicast groups of datagrams.
    pub(super) fn reached(self, protocol: Protocol) -> Result<Self, Errno> {
        match kind(self.ip) {
            Kind::Loopback => Ok(self),
            Kind::Group if protocol == Protocol::Udp => Ok(self),
            Kind::Unspecified => Ok(Self {
                ip: loopback(is_ipv4(self.ip)),
                port: self.port,
            }),
            Kind::Group | Kind::Foreign => Err(Errno::NetworkUnreachable),
        }
    }
}

/// An address as it is inside.
pub(super) const fn inner(ip: IpAddr) -> Ipv6Addr {
    match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    }
}

pub(super) const fn is_ipv4(ip: Ipv6Addr) -> bool {
    matches!(ip.segments(), [0, 0, 0, 0, 0, 0xffff, _, _])
}

/// Says what an address is.
pub(super) fn kind(ip: Ipv6Addr) -> Kind {
    let (is_loopback, is_unspecified, is_group) = match ip.to_ipv4_mapped() {
        Some(ip) => (ip.is_loopback(), ip.is_unspecified(), ip.is_multicast()),
        None => (ip.is_loopback(), ip.is_unspecified(), ip.is_multicast()),
    };
    if is_loopback {
        Kind::Loopback
    } else if is_unspecified {
        Kind::Unspecified
    } else if is_group {
        Kind::Group
    } else {
        Kind::Foreign
    }
}

/// The device's address in a family.
pub(super) const fn loopback(ipv4: bool) -> Ipv6Addr {
    if ipv4 {
        Ipv4Addr::LOCALHOST.to_ipv6_mapped()
    } else {
        Ipv6Addr::LOCALHOST
    }
}

/// Every address of a family.
pub(super) const fn unspecified(ipv4: bool) -> Ipv6Addr {
    if ipv4 {
        Ipv4Addr::UNSPECIFIED.to_ipv6_mapped()
    } else {
        Ipv6Addr::UNSPECIFIED
    }
}
