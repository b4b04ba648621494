//! What the grants say about sockets, and the words that tell what was missing.

use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use thimble_abi::{Errno, GrantKind};

use crate::grant::Grant;
use crate::host::Context;
use crate::port::Protocol;

/// Senders that a bound socket may answer, the latest last.
const SENDERS_MAX: usize = 32;

/// What a socket's grants came from.
#[derive(Default)]
pub(in crate::host) struct Binding {
    /// The port it was bound to; 0 if the device chose.
    pub(super) port: Option<u16>,
    /// Whether it was bound under a grant to listen, so that it may answer who sends to it.
    pub(super) answers: bool,
    senders: VecDeque<SocketAddr>,
}

impl Binding {
    /// Remembers a sender.
    pub(super) fn heard(&mut self, sender: SocketAddr) {
        // Without the scope of a link-local address, which a guest cannot say.
        let sender = SocketAddr::new(sender.ip(), sender.port());
        if self.senders.contains(&sender) {
            return;
        }
        if self.senders.len() >= SENDERS_MAX {
            self.senders.pop_front();
        }
        self.senders.push_back(sender);
    }

    /// Whether an address sent something lately.
    pub(super) fn has_heard(&self, address: SocketAddr) -> bool {
        self.senders.contains(&address)
    }
}

/// The address that connecting or sending to `address` really reaches: Linux takes the unspecified
/// address for this device.
pub(super) fn target(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.to_ipv4_mapped().is_some_and(|ip| ip.is_unspecified()) => {
            Ipv4Addr::LOCALHOST.to_ipv6_mapped().into()
        }
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Checks that it may connect or send to a [`target`].
///
/// # Errors
/// [`Errno::Access`] without a grant.
pub(super) fn connect(
    context: &mut Context<'_>,
    protocol: Protocol,
    target: SocketAddr,
) -> Result<(), Errno> {
    let (address, port) = (target.ip().to_canonical(), target.port());
    let names = context.state.sock.names.of(address);
    if context
        .state
        .config
        .grants
        .connect(protocol, address, port, names.clone())
    {
        return Ok(());
    }
    let host = match (names.into_iter().next(), address) {
        (Some(name), _) => String::from(name),
        (None, IpAddr::V4(address)) => format!("{address}"),
        (None, IpAddr::V6(address)) => format!("[{address}]"),
    };
    let protocol = match protocol {
        Protocol::Tcp => "",
        Protocol::Udp => "udp/",
    };
    context.refuse(&format!("net.connect:{protocol}{host}:{port}"));
    Err(Errno::Access)
}

/// Checks that it may bind to a port, and tells whether under a grant to listen.
///
/// A port that the device chooses gives no more than connecting does, which binds a socket likewise.
///
/// # Errors
/// [`Errno::Access`] without a grant.
pub(super) fn bind(
    context: &mut Context<'_>,
    protocol: Protocol,
    port: u16,
) -> Result<bool, Errno> {
    if context.state.config.grants.listen(protocol, port) {
        return Ok(true);
    }
    let connects = |grant: &Grant| matches!(grant, Grant::Connect(of, ..) if of.is_none_or(|of| of == protocol));
    if port == 0 && context.state.config.grants.as_slice().iter().any(connects) {
        return Ok(false);
    }
    Err(refuse_listen(context, protocol, port))
}

/// Checks that it may listen on a port; 0 if the device chose.
///
/// # Errors
/// [`Errno::Access`] without a grant.
pub(super) fn listen(
    context: &mut Context<'_>,
    protocol: Protocol,
    port: u16,
) -> Result<(), Errno> {
    if context.state.config.grants.listen(protocol, port) {
        Ok(())
    } else {
        Err(refuse_listen(context, protocol, port))
    }
}

/// Checks that it may look a name up.
///
/// # Errors
/// [`Errno::Access`] without a grant.
pub(super) fn resolve(context: &mut Context<'_>, name: &str) -> Result<(), Errno> {
    if context.state.config.grants.resolve(name) {
        return Ok(());
    }
    context.refuse(&format!("net.resolve:{name}"));
    Err(Errno::Access)
}

/// Checks that it may join a multicast group: with any grant for the network.
///
/// # Errors
/// [`Errno::Access`] without a grant.
pub(super) fn join(context: &mut Context<'_>, port: u16) -> Result<(), Errno> {
    if context.state.config.grants.any(GrantKind::Network) {
        Ok(())
    } else {
        Err(refuse_listen(context, Protocol::Udp, port))
    }
}

fn refuse_listen(context: &mut Context<'_>, protocol: Protocol, port: u16) -> Errno {
    let protocol = match protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
    };
    context.refuse(&format!("net.listen:{protocol}/{port}"));
    Errno::Access
}
