//! Options that a socket keeps for its guest. What has no meaning without a wire is kept all the same.

use thimble_abi::Errno;
use thimble_runtime::port::{Protocol, SocketOption};

use super::local::LocalSettings;

/// The options of a socket, but for those that say with whom it shares its port.
#[derive(Clone)]
pub(super) struct Options {
    broadcast: bool,
    keep_alive: bool,
    fast_open_connect: bool,
    no_delay: bool,
    quick_ack: bool,
    multicast_loop_v4: bool,
    multicast_loop_v6: bool,
    time_to_live: u8,
    multicast_time_to_live: u8,
    linger_seconds: Option<u32>,
    receive_buffer_bytes: u32,
    send_buffer_bytes: u32,
    keep_idle_seconds: u32,
    keep_interval_seconds: u32,
}

impl Options {
    /// What Linux begins with, but for the sizes of buffers.
    pub(super) const fn new(protocol: Protocol, settings: &LocalSettings) -> Self {
        let buffer_bytes = match protocol {
            Protocol::Tcp => settings.stream_bytes,
            Protocol::Udp => settings.datagram_bytes,
        };
        Self {
            broadcast: false,
            keep_alive: false,
            fast_open_connect: false,
            no_delay: false,
            quick_ack: true,
            multicast_loop_v4: true,
            multicast_loop_v6: true,
            time_to_live: 64,
            multicast_time_to_live: 1,
            linger_seconds: None,
            receive_buffer_bytes: buffer_bytes,
            send_buffer_bytes: buffer_bytes,
            keep_idle_seconds: 7200,
            keep_interval_seconds: 75,
        }
    }

    /// Whether closing resets the connection.
    pub(super) fn resets_on_close(&self) -> bool {
        self.linger_seconds == Some(0)
    }

    /// Whether the socket hears what it sends to a group of a family.
    pub(super) const fn hears_itself(&self, ipv6: bool) -> bool {
        if ipv6 {
            self.multicast_loop_v6
        } else {
            self.multicast_loop_v4
        }
    }

    /// Sets an option.
    ///
    /// # Errors
    /// As [`thimble_runtime::port::Socket::set_option`].
    pub(super) fn set(
        &mut self,
        protocol: Protocol,
        ipv6: bool,
        option: SocketOption,
    ) -> Result<(), Errno> {
        check(protocol, ipv6, option)?;
        match option {
            SocketOption::TimeToLive(0)
            | SocketOption::TcpKeepIdleSeconds(0)
            | SocketOption::TcpKeepIntervalSeconds(0) => return Err(Errno::Invalid),
            SocketOption::Broadcast(on) => self.broadcast = on,
            SocketOption::KeepAlive(on) => self.keep_alive = on,
            SocketOption::TcpFastOpenConnect(on) => self.fast_open_connect = on,
            SocketOption::TcpNoDelay(on) => self.no_delay = on,
            SocketOption::TcpQuickAck(on) => self.quick_ack = on,
            SocketOption::MulticastLoopV4(on) => self.multicast_loop_v4 = on,
            SocketOption::MulticastLoopV6(on) => self.multicast_loop_v6 = on,
            SocketOption::TimeToLive(hops) => self.time_to_live = hops,
            SocketOption::MulticastTimeToLive(hops) => self.multicast_time_to_live = hops,
            SocketOption::LingerSeconds(seconds) => self.linger_seconds = seconds,
            SocketOption::ReceiveBufferBytes(bytes) => self.receive_buffer_bytes = bytes,
            SocketOption::SendBufferBytes(bytes) => self.send_buffer_bytes = bytes,
            SocketOption::TcpKeepIdleSeconds(seconds) => self.keep_idle_seconds = seconds,
            SocketOption::TcpKeepIntervalSeconds(seconds) => self.keep_interval_seconds = seconds,
            _ => return Err(Errno::NoProtocolOption),
        }
        Ok(())
    }

    /// Reads an option.
    ///
    /// # Errors
    /// [`Errno::NoProtocolOption`] if the socket has none of its kind.
    pub(super) fn read(
        &self,
        protocol: Protocol,
        ipv6: bool,
        kind: SocketOption,
    ) -> Result<SocketOption, Errno> {
        check(protocol, ipv6, kind)?;
        Ok(match kind {
            SocketOption::Broadcast(_) => SocketOption::Broadcast(self.broadcast),
            SocketOption::KeepAlive(_) => SocketOption::KeepAlive(self.keep_alive),
            SocketOption::TcpFastOpenConnect(_) => {
                SocketOption::TcpFastOpenConnect(self.fast_open_connect)
            }
            SocketOption::TcpNoDelay(_) => SocketOption::TcpNoDelay(self.no_delay),
            SocketOption::TcpQuickAck(_) => SocketOption::TcpQuickAck(self.quick_ack),
            SocketOption::MulticastLoopV4(_) => {
                SocketOption::MulticastLoopV4(self.multicast_loop_v4)
            }
            SocketOption::MulticastLoopV6(_) => {
                SocketOption::MulticastLoopV6(self.multicast_loop_v6)
            }
            SocketOption::TimeToLive(_) => SocketOption::TimeToLive(self.time_to_live),
            SocketOption::MulticastTimeToLive(_) => {
                SocketOption::MulticastTimeToLive(self.multicast_time_to_live)
            }
            SocketOption::LingerSeconds(_) => SocketOption::LingerSeconds(self.linger_seconds),
            SocketOption::ReceiveBufferBytes(_) => {
                SocketOption::ReceiveBufferBytes(self.receive_buffer_bytes)
            }
            SocketOption::SendBufferBytes(_) => {
                SocketOption::SendBufferBytes(self.send_buffer_bytes)
            }
            SocketOption::TcpKeepIdleSeconds(_) => {
                SocketOption::TcpKeepIdleSeconds(self.keep_idle_seconds)
            }
            SocketOption::TcpKeepIntervalSeconds(_) => {
                SocketOption::TcpKeepIntervalSeconds(self.keep_interval_seconds)
            }
            _ => return Err(Errno::NoProtocolOption),
        })
    }
}

/// Checks that a socket has options of this kind.
fn check(protocol: Protocol, ipv6: bool, kind: SocketOption) -> Result<(), Errno> {
    let has_it = match kind {
        SocketOption::TcpFastOpenConnect(_)
        | SocketOption::TcpKeepIdleSeconds(_)
        | SocketOption::TcpKeepIntervalSeconds(_)
        | SocketOption::TcpNoDelay(_)
        | SocketOption::TcpQuickAck(_) => protocol == Protocol::Tcp,
        SocketOption::MulticastLoopV6(_) => ipv6,
        _ => true,
    };
    if has_it {
        Ok(())
    } else {
        Err(Errno::NoProtocolOption)
    }
}
