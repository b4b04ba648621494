//! Addresses of this device.
//!
//! Inside, an address is canonical: IPv4 is IPv4 whatever the family of its socket, and there are neither scopes nor
//! flows. Only what a socket tells is in its own family.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use thimble_abi::Errno;
use thimble_runtime::port::Protocol;

/// The canonical form of an address that a socket was given.
///
/// # Errors
/// [`Errno::AddressFamilyNotSupported`] if it is not of the socket's family.
pub(super) fn canonical(address: SocketAddr, ipv6: bool) -> Result<SocketAddr, Errno> {
    if address.is_ipv6() == ipv6 {
        Ok(SocketAddr::new(address.ip().to_canonical(), address.port()))
    } else {
        Err(Errno::AddressFamilyNotSupported)
    }
}

/// A canonical address as a socket of a family tells it.
pub(super) fn presented(address: SocketAddr, ipv6: bool) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ipv6 => SocketAddr::new(ip.to_ipv6_mapped().into(), address.port()),
        _ => address,
    }
}

/// Every address of a family.
pub(super) const fn unspecified(ipv6: bool) -> IpAddr {
    if ipv6 {
        IpAddr::V6(Ipv6Addr::UNSPECIFIED)
    } else {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED)
    }
}

/// What connecting or sending to an address reaches: the unspecified address is this device.
///
/// # Errors
/// [`Errno::NetworkUnreachable`] for what is not of this device, but for multicast groups of datagrams.
pub(super) fn reached(target: SocketAddr, protocol: Protocol) -> Result<SocketAddr, Errno> {
    let ip = target.ip();
    if ip.is_loopback() || (protocol == Protocol::Udp && ip.is_multicast()) {
        Ok(target)
    } else if ip.is_unspecified() {
        Ok(SocketAddr::new(loopback(ip.is_ipv6()), target.port()))
    } else {
        Err(Errno::NetworkUnreachable)
    }
}

/// Whether a socket can be bound to it.
pub(super) fn is_own(ip: IpAddr, protocol: Protocol) -> bool {
    ip.is_loopback() || ip.is_unspecified() || (protocol == Protocol::Udp && ip.is_multicast())
}

/// The device's address in a family.
pub(super) const fn loopback(ipv6: bool) -> IpAddr {
    if ipv6 {
        IpAddr::V6(Ipv6Addr::LOCALHOST)
    } else {
        IpAddr::V4(Ipv4Addr::LOCALHOST)
    }
}
