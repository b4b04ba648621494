//! Sockets and name look-up.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::task::{Context, Poll};

use thimble_abi::Errno;

use super::streams::{Interest, Readiness};

/// What a socket speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// A stream of bytes.
    Tcp,
    /// Datagrams.
    Udp,
}

/// The device's network.
pub trait Network: Sync {
    /// Makes a socket.
    ///
    /// # Errors
    /// What the device says.
    fn socket(&self, protocol: Protocol, ipv6: bool) -> Result<Box<dyn Socket>, Errno>;

    /// Begins to look a name up: neither an address nor empty.
    ///
    /// # Errors
    /// What the device says; [`Errno::Again`] when too many look-ups are under way.
    fn lookup(&self, name: &str) -> Result<Box<dyn Lookup>, Errno>;
}

/// A look-up under way.
pub trait Lookup: Send {
    /// The addresses, or [`Errno::NoEntry`] if the name has none, or [`Errno::Again`] if it cannot be told now.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Vec<IpAddr>, Errno>>;
}

/// What was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Bytes in the buffer; 0 from a stream is its end.
    pub bytes: usize,
    /// Whether a datagram was longer than the buffer, and its rest is lost.
    pub truncated: bool,
    /// Who sent the datagram; `None` for streams.
    pub sender: Option<SocketAddr>,
}

/// A socket. Dropping it closes it, and never waits.
pub trait Socket: Send {
    /// What it speaks.
    fn protocol(&self) -> Protocol;

    /// Whether its addresses are IPv6.
    fn is_ipv6(&self) -> bool;

    /// Gives it a local address. TCP may take over one that an ended connection still holds, unless
    /// [`SocketOption::ReuseAddress`] was set to false.
    ///
    /// # Errors
    /// What the device says.
    fn bind(&mut self, address: SocketAddr) -> Result<(), Errno>;

    /// Makes it listen.
    ///
    /// # Errors
    /// What the device says.
    fn listen(&mut self, backlog: u32) -> Result<(), Errno>;

    /// Connects; repeated until done. While a connection is being made, the address is not looked at.
    fn poll_connect(
        &mut self,
        context: &mut Context<'_>,
        address: SocketAddr,
    ) -> Poll<Result<(), Errno>>;

    /// Takes a connection.
    fn poll_accept(&mut self, context: &mut Context<'_>) -> Poll<Result<Box<dyn Socket>, Errno>>;

    /// Receives some bytes or one datagram; `peek` leaves them there.
    fn poll_receive(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
        peek: bool,
    ) -> Poll<Result<Received, Errno>>;

    /// Sends some bytes or one datagram, to `address` if given and the protocol is UDP.
    fn poll_send(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
        address: Option<SocketAddr>,
    ) -> Poll<Result<usize, Errno>>;

    /// Waits until it can be read from (or accepted from), or written to.
    fn poll_ready(
        &mut self,
        context: &mut Context<'_>,
        interest: Interest,
    ) -> Poll<Result<Readiness, Errno>>;

    /// The local address.
    ///
    /// # Errors
    /// What the device says.
    fn local_address(&self) -> Result<SocketAddr, Errno>;

    /// The other side's address.
    ///
    /// # Errors
    /// [`Errno::NotConnected`] when there is none.
    fn remote_address(&self) -> Result<SocketAddr, Errno>;

    /// Shuts down the reading side, the writing side, or both.
    ///
    /// # Errors
    /// What the device says.
    fn shutdown(&mut self, read: bool, write: bool) -> Result<(), Errno>;

    /// Sets an option.
    ///
    /// # Errors
    /// [`Errno::NoProtocolOption`] when the device does not have it, [`Errno::Invalid`] for a bad value.
    fn set_option(&mut self, option: SocketOption) -> Result<(), Errno>;

    /// Reads the option of the same kind; the value given in is not used.
    ///
    /// # Errors
    /// [`Errno::NoProtocolOption`] when the device does not have it.
    fn option(&self, kind: SocketOption) -> Result<SocketOption, Errno>;
}

/// A socket option and its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SocketOption {
    /// May send to broadcast addresses.
    Broadcast(bool),
    /// Sends keep-alive probes.
    KeepAlive(bool),
    /// Seconds to keep unsent bytes after closing, `None` for as the device likes; closing never waits
    /// for them. 0 resets the connection on close.
    LingerSeconds(Option<u32>),
    /// Bytes of the receive buffer.
    ReceiveBufferBytes(u32),
    /// Bytes of the send buffer.
    SendBufferBytes(u32),
    /// May bind an address in use by a connection that ended.
    ReuseAddress(bool),
    /// May share a port.
    ReusePort(bool),
    /// TCP Fast Open on connect.
    TcpFastOpenConnect(bool),
    /// Seconds of silence before keep-alive probes.
    TcpKeepIdleSeconds(u32),
    /// Seconds between keep-alive probes.
    TcpKeepIntervalSeconds(u32),
    /// No Nagle delay.
    TcpNoDelay(bool),
    /// Acknowledge at once.
    TcpQuickAck(bool),
    /// IPv6 only.
    Ipv6Only(bool),
    /// Time to live.
    TimeToLive(u8),
    /// Time to live of multicast.
    MulticastTimeToLive(u8),
    /// Own multicast comes back (IPv4).
    MulticastLoopV4(bool),
    /// Own multicast comes back (IPv6).
    MulticastLoopV6(bool),
    /// Join a multicast group.
    JoinGroup(Group),
    /// Leave a multicast group.
    LeaveGroup(Group),
}

/// A multicast group on an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// An IPv4 group, on the interface that has this address; unspecified for the device's choice.
    V4(Ipv4Addr, Ipv4Addr),
    /// An IPv6 group, on the interface of this index; 0 for the device's choice.
    V6(Ipv6Addr, u32),
}
