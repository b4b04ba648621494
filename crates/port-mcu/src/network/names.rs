//! The names that this device has: its own.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::task::{Context, Poll};

use thimble_abi::Errno;
use thimble_runtime::port::Lookup;

/// A look-up that knows its answer at once.
pub(super) struct LocalLookup(Option<Known>);

enum Known {
    /// This device (RFC 6761, section 6.3).
    Localhost,
    /// What was an address already.
    Address(IpAddr),
}

impl LocalLookup {
    pub(super) fn of(name: &str) -> Self {
        let name = name.strip_suffix('.').unwrap_or(name);
        let domain = name.rsplit('.').next().unwrap_or(name);
        Self(if domain.eq_ignore_ascii_case("localhost") {
            Some(Known::Localhost)
        } else {
            name.parse().ok().map(Known::Address)
        })
    }
}

impl Lookup for LocalLookup {
    fn poll(&mut self, _: &mut Context<'_>) -> Poll<Result<Vec<IpAddr>, Errno>> {
        let mut addresses = Vec::new();
        addresses
            .try_reserve_exact(2)
            .map_err(|_| Errno::NoMemory)?;
        match self.0 {
            Some(Known::Localhost) => {
                addresses.push(Ipv4Addr::LOCALHOST.into());
                addresses.push(Ipv6Addr::LOCALHOST.into());
            }
            Some(Known::Address(address)) => addresses.push(address),
            None => return Poll::Ready(Err(Errno::NoEntry)),
        }
        Poll::Ready(Ok(addresses))
    }
}
