//! Name look-up.

use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};
use core::task;
use core::task::Poll;

use thimble_abi::Errno;
use thimble_abi::socket::{
    DATAGRAM, ENTRY_BYTES, ENTRY_KIND_OFFSET, FAMILY_ANY, HINTS_BYTES, HINTS_ENABLED_OFFSET,
    HINTS_FAMILY_OFFSET, HOST_BYTES_MAX, IPV4, IPV6, KIND_ANY, SERVICE_BYTES_MAX, STREAM,
};

use crate::grant::net::is_host_name;
use crate::host::wasi::{Attempt, Stop};
use crate::host::{Arguments, Context};
use crate::memory;
use crate::port::Protocol;

use super::{access, address, service};

/// What entries are wanted.
struct Wanted {
    ipv4: bool,
    ipv6: bool,
    protocols: &'static [Protocol],
}

/// `sock_addr_resolve(host, service, hints, entries, capacity, available)`.
pub(super) fn resolve(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> Attempt {
    let (entries, capacity, available) = (arguments.u32(3), arguments.u32(4), arguments.u32(5));
    let host = memory::c_string(memory, arguments.u32(0), HOST_BYTES_MAX)?;
    let service = memory::c_string(memory, arguments.u32(1), SERVICE_BYTES_MAX)?;
    let hints = memory::bytes(memory, arguments.u32(2), HINTS_BYTES)?;
    memory::range(
        memory.len(),
        entries,
        capacity.checked_mul(ENTRY_BYTES).ok_or(Errno::Fault)?,
    )?;
    memory::range(memory.len(), available, 4)?;
    let wanted = wanted(hints)?;
    let service = core::str::from_utf8(service).map_err(|_| Errno::Invalid)?;
    let (port, only) = service::port(service).ok_or(Errno::Invalid)?;
    let kinds = wanted
        .protocols
        .iter()
        .filter(|protocol| only.is_none_or(|only| only == **protocol));
    if kinds.clone().next().is_none() {
        return Err(Errno::Invalid.into());
    }
    let host = core::str::from_utf8(host).map_err(|_| Errno::NoEntry)?;
    let addresses = addresses(context, host)?;

    let found = addresses.into_iter().filter(|address| {
        if address.is_ipv4() {
            wanted.ipv4
        } else {
            wanted.ipv6
        }
    });
    let mut count: u32 = 0;
    for (address, protocol) in
        found.flat_map(|address| kinds.clone().map(move |protocol| (address, *protocol)))
    {
        if count < capacity {
            let place = memory::bytes_mut(
                memory,
                entries.saturating_add(count * ENTRY_BYTES),
                ENTRY_BYTES,
            )?;
            let kind = if protocol == Protocol::Tcp {
                STREAM
            } else {
                DATAGRAM
            };
            address::write(place, 0, SocketAddr::new(address, port))?;
            memory::write_u32(place, ENTRY_KIND_OFFSET, kind.cast_unsigned())?;
        }
        count += 1;
    }
    if count == 0 {
        return Err(Errno::NoEntry.into());
    }
    Ok(memory::write_u32(memory, available, count)?)
}

fn wanted(hints: &[u8]) -> Result<Wanted, Errno> {
    const BOTH: &[Protocol] = &[Protocol::Tcp, Protocol::Udp];
    if memory::bytes(hints, HINTS_ENABLED_OFFSET, 1)? == [0] {
        return Ok(Wanted {
            ipv4: true,
            ipv6: true,
            protocols: BOTH,
        });
    }
    let protocols: &[Protocol] = match memory::read_u32(hints, 0)?.cast_signed() {
        KIND_ANY => BOTH,
        STREAM => &[Protocol::Tcp],
        DATAGRAM => &[Protocol::Udp],
        _ => return Err(Errno::Invalid),
    };
    let (ipv4, ipv6) = match memory::read_u32(hints, HINTS_FAMILY_OFFSET)? {
        IPV4 => (true, false),
        IPV6 => (false, true),
        FAMILY_ANY => (true, true),
        _ => return Err(Errno::AddressFamilyNotSupported),
    };
    Ok(Wanted {
        ipv4,
        ipv6,
        protocols,
    })
}

/// The addresses of a host. An address stands for itself and needs no grant: using it does.
fn addresses(context: &mut Context<'_>, host: &str) -> Attempt<Vec<IpAddr>> {
    if let Ok(address) = host.parse() {
        return Ok(alloc::vec![address]);
    }
    let name = host.strip_suffix('.').unwrap_or(host);
    if !is_host_name(name) {
        return Err(Errno::NoEntry.into());
    }
    let name = name.to_ascii_lowercase();
    access::resolve(context, &name)?;
    let mut task = task::Context::from_waker(context.waker);
    let mut lookup = match context.state.sock.lookup.take() {
        Some(lookup) => lookup,
        None => context.ports.network.lookup(host)?,
    };
    match lookup.poll(&mut task) {
        Poll::Ready(addresses) => {
            let addresses = addresses?;
            context.state.sock.names.remember(name, &addresses);
            Ok(addresses)
        }
        Poll::Pending => {
            context.state.sock.lookup = Some(lookup);
            Err(Stop::Blocked)
        }
    }
}
