//! Addresses as they lie in a guest's memory.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use thimble_abi::Errno;
use thimble_abi::socket::{
    ADDRESS_BYTES, ADDRESS_OFFSET, GROUP_BYTES, IPV4, IPV4_PORT_OFFSET, IPV6, IPV6_PORT_OFFSET,
};

use crate::memory;

/// Reads an `addr`.
///
/// # Errors
/// [`Errno::Fault`] when it lies outside, [`Errno::ProtocolNotSupported`] when its kind means nothing.
pub(super) fn read(memory: &[u8], offset: u32) -> Result<SocketAddr, Errno> {
    let place = memory::bytes(memory, offset, ADDRESS_BYTES)?;
    let ip = read_ip(place)?;
    let port_offset = if ip.is_ipv4() {
        IPV4_PORT_OFFSET
    } else {
        IPV6_PORT_OFFSET
    };
    Ok(SocketAddr::new(ip, read_u16(place, port_offset)?))
}

/// Reads an `addr_ip`.
///
/// # Errors
/// [`Errno::Fault`] when it lies outside, [`Errno::ProtocolNotSupported`] when its kind means nothing.
pub(super) fn read_group(memory: &[u8], offset: u32) -> Result<IpAddr, Errno> {
    read_ip(memory::bytes(memory, offset, GROUP_BYTES)?)
}

/// Writes an `addr`; bytes that mean nothing become zero.
///
/// # Errors
/// [`Errno::Fault`] when it does not fit.
pub(super) fn write(memory: &mut [u8], offset: u32, address: SocketAddr) -> Result<(), Errno> {
    let place = memory::bytes_mut(memory, offset, ADDRESS_BYTES)?;
    place.fill(0);
    match address.ip() {
        IpAddr::V4(ip) => {
            memory::write_u32(place, 0, IPV4)?;
            memory::write(place, ADDRESS_OFFSET, &ip.octets())?;
            memory::write(place, IPV4_PORT_OFFSET, &address.port().to_le_bytes())
        }
        IpAddr::V6(ip) => {
            memory::write_u32(place, 0, IPV6)?;
            let mut octets = ip.octets();
            // The groups are little-endian, the address's octets are not.
            octets.chunks_exact_mut(2).for_each(<[u8]>::reverse);
            memory::write(place, ADDRESS_OFFSET, &octets)?;
            memory::write(place, IPV6_PORT_OFFSET, &address.port().to_le_bytes())
        }
    }
}

fn read_ip(place: &[u8]) -> Result<IpAddr, Errno> {
    match memory::read_u32(place, 0)? {
        IPV4 => {
            let octets: [u8; 4] = memory::bytes(place, ADDRESS_OFFSET, 4)?
                .try_into()
                .map_err(|_| Errno::Fault)?;
            Ok(Ipv4Addr::from(octets).into())
        }
        IPV6 => {
            let mut octets: [u8; 16] = memory::bytes(place, ADDRESS_OFFSET, 16)?
                .try_into()
                .map_err(|_| Errno::Fault)?;
            octets.chunks_exact_mut(2).for_each(<[u8]>::reverse);
            Ok(Ipv6Addr::from(octets).into())
        }
        _ => Err(Errno::ProtocolNotSupported),
    }
}

fn read_u16(place: &[u8], offset: u32) -> Result<u16, Errno> {
    let bytes = memory::bytes(place, offset, 2)?;
    Ok(u16::from_le_bytes(
        bytes.try_into().map_err(|_| Errno::Fault)?,
    ))
}
