//! What the device knows of one socket, or of a connection that waits to be accepted.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::net::Ipv6Addr;
use core::task::Waker;

use thimble_abi::Errno;
use thimble_runtime::port::Protocol;

use super::address::{self, Kind, Place};
use super::ring::Ring;

/// Where an endpoint is in the stack, for as long as it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot(pub(super) u16);

/// A socket.
pub(super) struct Endpoint {
    pub(super) protocol: Protocol,
    pub(super) ipv6: bool,
    /// What it is bound to.
    pub(super) local: Option<Place>,
    pub(super) sharing: Sharing,
    /// Who waits for it: one is enough, since a container makes one call at a time.
    pub(super) waker: Option<Waker>,
    /// Whether the waker is to be called as soon as the lock is free.
    pub(super) is_due: bool,
    pub(super) role: Role,
}

/// With whom a socket shares its port.
#[derive(Clone, Copy)]
pub(super) struct Sharing {
    /// [`thimble_runtime::port::SocketOption::ReuseAddress`].
    pub(super) reuse_address: bool,
    /// [`thimble_runtime::port::SocketOption::ReusePort`].
    pub(super) reuse_port: bool,
    /// [`thimble_runtime::port::SocketOption::Ipv6Only`].
    pub(super) ipv6_only: bool,
}

/// What a socket is there for.
pub(super) enum Role {
    /// TCP, not yet told what to be.
    Idle,
    /// Waits until its listener has room for it.
    Connecting {
        /// Where its listener is.
        target: Place,
        /// Why there will be no connection.
        failure: Option<Errno>,
    },
    /// Takes connections.
    Listener(Listener),
    /// One side of a connection.
    Stream(Stream),
    /// UDP.
    Datagrams(Datagrams),
}

/// A listener.
pub(super) struct Listener {
    /// Connections that may wait; there is memory for as many.
    pub(super) waiting_max: usize,
    /// Those that wait, the oldest first.
    pub(super) waiting: VecDeque<Slot>,
}

/// One side of a connection.
pub(super) struct Stream {
    pub(super) remote: Place,
    /// The other side, until it is closed.
    pub(super) peer: Option<Slot>,
    /// What the other side sent.
    pub(super) received: Ring,
    pub(super) incoming: Incoming,
    pub(super) is_read_shut: bool,
    pub(super) is_write_shut: bool,
    /// Whether it waited to be connected, and connecting has not yet been told that it is.
    pub(super) is_unannounced: bool,
}

/// What comes after the bytes that were received.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Incoming {
    /// More bytes, maybe.
    Open,
    /// The end.
    Ended,
    /// An error that nobody has heard of yet.
    Reset,
    /// The end, after that error.
    ResetTold,
}

/// A UDP socket.
#[derive(Default)]
pub(super) struct Datagrams {
    /// Whom it talks to, and hears alone.
    pub(super) remote: Option<Place>,
    pub(super) queue: VecDeque<Datagram>,
    /// Bytes of the queue's datagrams.
    pub(super) queue_bytes: usize,
    pub(super) groups: Vec<Ipv6Addr>,
    /// Whether nobody was there to get what it sent.
    pub(super) is_refused: bool,
    pub(super) is_read_shut: bool,
    pub(super) is_write_shut: bool,
}

/// What was sent to a UDP socket.
pub(super) struct Datagram {
    pub(super) sender: Place,
    pub(super) bytes: Vec<u8>,
}

impl Endpoint {
    /// A socket that nothing was done with.
    pub(super) fn new(protocol: Protocol, ipv6: bool) -> Self {
        Self {
            protocol,
            ipv6,
            local: None,
            sharing: Sharing {
                // So that a container which is started again can listen again.
                reuse_address: protocol == Protocol::Tcp,
                reuse_port: false,
                ipv6_only: false,
            },
            waker: None,
            is_due: false,
            role: match protocol {
                Protocol::Tcp => Role::Idle,
                Protocol::Udp => Role::Datagrams(Datagrams::default()),
            },
        }
    }

    pub(super) const fn is_listening(&self) -> bool {
        matches!(self.role, Role::Listener(_))
    }

    /// Whether what is sent to an address comes here, and how narrowly it is bound to it.
    pub(super) fn covers(&self, ip: Ipv6Addr) -> Option<Narrowness> {
        let local = self.local?.ip;
        let is_ipv4 = address::is_ipv4(local);
        if local == ip {
            Some(Narrowness::Exact)
        } else if address::kind(local) != Kind::Unspecified {
            None
        } else if is_ipv4 == address::is_ipv4(ip) {
            Some(Narrowness::Family)
        } else if is_ipv4 || self.sharing.ipv6_only {
            None
        } else {
            Some(Narrowness::Any)
        }
    }

    /// The device's address that it uses towards another.
    ///
    /// # Errors
    /// [`Errno::NetworkUnreachable`] if what it is bound to cannot reach it.
    pub(super) fn source(&self, target: Ipv6Addr) -> Result<Ipv6Addr, Errno> {
        let is_ipv4 = address::is_ipv4(target);
        if self.ipv6 && self.sharing.ipv6_only && is_ipv4 {
            return Err(Errno::NetworkUnreachable);
        }
        match self.local.map(|local| local.ip) {
            Some(local) if address::kind(local) == Kind::Loopback => {
                if address::is_ipv4(local) == is_ipv4 {
                    Ok(local)
                } else {
                    Err(Errno::NetworkUnreachable)
                }
            }
            _ => Ok(address::loopback(is_ipv4)),
        }
    }
}

/// How narrowly an endpoint is bound, the narrowest last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Narrowness {
    /// To every address.
    Any,
    /// To every address of the family.
    Family,
    /// To this address.
    Exact,
}
