//! The network that a device has without any hardware: sockets of its containers, on its loopback addresses, in memory.
//!
//! It behaves as Linux's loopback device does, but for what only a wire needs: nothing is lost on the way, no connection
//! lingers after its end, and whoever writes to a peer that has gone hears so at once. Other destinations are unreachable.
//!
//! Invariants: all sockets together keep to the settings; nobody is woken while the sockets are locked.

use alloc::boxed::Box;
use alloc::sync::Arc;

use thimble_abi::Errno;
use thimble_runtime::port::{Lookup, Network, Protocol, Socket};

use crate::machine::{Lock, Taken};

use super::endpoint::Endpoint;
use super::names::LocalLookup;
use super::options::Options;
use super::socket::LocalSocket;
use super::stack::Stack;

/// What all containers together may have of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalSettings {
    /// Sockets, with the connections that wait to be accepted.
    pub sockets_max: u16,
    /// Bytes that one side of a connection may have sent and the other not yet received. A connection has two such
    /// buffers, from its beginning until each side is closed.
    pub stream_bytes: u32,
    /// Connections that may wait at a listener, however many it asks for.
    pub backlog_max: u16,
    /// Bytes of the datagrams that wait at a socket, and so of the longest one.
    pub datagram_bytes: u32,
    /// Datagrams that wait at a socket. One that comes when there is no room is lost.
    pub datagrams_max: u16,
    /// Multicast groups that a socket may join.
    pub groups_max: u16,
    /// Bytes of all connections' and datagrams' buffers.
    pub buffer_bytes_max: u32,
}

impl Default for LocalSettings {
    /// For a device with some 256 KB of RAM: 14 KB of it for buffers, and 2 KB for 16 sockets.
    fn default() -> Self {
        Self {
            sockets_max: 16,
            stream_bytes: 1024,
            backlog_max: 4,
            datagram_bytes: 2048,
            datagrams_max: 8,
            groups_max: 4,
            buffer_bytes_max: 14 * 1024,
        }
    }
}

/// What all containers together have now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalUsage {
    /// Sockets, with the connections that wait to be accepted.
    pub sockets: u16,
    /// Bytes of buffers.
    pub buffer_bytes: u32,
}

/// A network of the device alone. Clones are the same network.
#[derive(Clone)]
pub struct LocalNetwork(Shared);

impl LocalNetwork {
    /// A network without sockets.
    #[must_use]
    pub fn new(settings: LocalSettings) -> Self {
        Self(Shared(Arc::new(Lock::new(Stack::new(settings)))))
    }

    /// What is in use now; `None` from within one of its own operations.
    #[must_use]
    pub fn usage(&self) -> Option<LocalUsage> {
        self.0.with(|stack| stack.usage()).ok()
    }
}

impl Network for LocalNetwork {
    fn socket(&self, protocol: Protocol, ipv6: bool) -> Result<Box<dyn Socket>, Errno> {
        let (slot, options) = self.0.with(|stack| {
            let options = Options::new(protocol, &stack.settings);
            let slot = stack.insert(Endpoint::new(protocol, ipv6))?;
            Ok::<_, Errno>((slot, options))
        })??;
        Ok(Box::new(LocalSocket {
            stack: self.0.clone(),
            slot,
            protocol,
            ipv6,
            options,
        }))
    }

    fn lookup(&self, name: &str) -> Result<Box<dyn Lookup>, Errno> {
        Ok(Box::new(LocalLookup::of(name)))
    }
}

/// The device's sockets, behind the lock that each operation takes once.
#[derive(Clone)]
pub(super) struct Shared(Arc<Lock<Stack>>);

impl Shared {
    /// Carries out an operation, then wakes whom it concerns.
    ///
    /// # Errors
    /// [`Errno::Busy`] from within another operation, which no operation leads to.
    pub(super) fn with<T>(&self, operation: impl FnOnce(&mut Stack) -> T) -> Result<T, Errno> {
        let outcome = {
            let mut stack = self.0.take().map_err(|Taken| Errno::Busy)?;
            operation(&mut stack)
        };
        self.wake();
        Ok(outcome)
    }

    fn wake(&self) {
        loop {
            let due = self.0.take().ok().and_then(|mut stack| stack.due());
            match due {
                Some(waker) => waker.wake(),
                None => return,
            }
        }
    }
}
