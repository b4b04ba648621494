//! The name that this device has.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::task::{Context, Poll};

use thimble_abi::Errno;
use thimble_runtime::port::Lookup;

/// A look-up that knows its answer at once.
pub(super) struct LocalLookup {
    is_this_device: bool,
}

impl LocalLookup {
    /// Looks for `localhost` and what is below it (RFC 6761, section 6.3).
    pub(super) fn of(name: &str) -> Self {
        let name = name.strip_suffix('.').unwrap_or(name).as_bytes();
        let below = name.last_chunk::<10>();
        Self {
            is_this_device: name.eq_ignore_ascii_case(b"localhost")
                || below.is_some_and(|end| end.eq_ignore_ascii_case(b".localhost")),
        }
    }
}

impl Lookup for LocalLookup {
    fn poll(&mut self, _: &mut Context<'_>) -> Poll<Result<Vec<IpAddr>, Errno>> {
        if !self.is_this_device {
            return Poll::Ready(Err(Errno::NoEntry));
        }
        let mut addresses = Vec::new();
        addresses
            .try_reserve_exact(2)
            .map_err(|_| Errno::NoMemory)?;
        addresses.push(Ipv4Addr::LOCALHOST.into());
        addresses.push(Ipv6Addr::LOCALHOST.into());
        Poll::Ready(Ok(addresses))
    }
}
