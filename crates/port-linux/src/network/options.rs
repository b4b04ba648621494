//! Socket options as the kernel has them.

use std::io;
use std::time::Duration;

use rustix::net::sockopt;
use socket2::Socket as RawSocket;
use thimble_abi::Errno;
use thimble_runtime::port::{Group, SocketOption};

use crate::errno::{from_io, from_rustix};

use super::fast_open;

/// Sets an option. Lingering is not for here.
pub(super) fn set(raw: &RawSocket, ipv6: bool, option: SocketOption) -> Result<(), Errno> {
    let seconds = |seconds: u32| Duration::from_secs(seconds.into());
    let done: io::Result<()> = match option {
        SocketOption::Broadcast(on) => raw.set_broadcast(on),
        SocketOption::KeepAlive(on) => raw.set_keepalive(on),
        SocketOption::ReceiveBufferBytes(bytes) => raw.set_recv_buffer_size(buffer_size(bytes)),
        SocketOption::SendBufferBytes(bytes) => raw.set_send_buffer_size(buffer_size(bytes)),
        SocketOption::ReuseAddress(on) => raw.set_reuse_address(on),
        SocketOption::ReusePort(on) => raw.set_reuse_port(on),
        SocketOption::TcpFastOpenConnect(on) => fast_open::set(raw, on),
        SocketOption::TcpKeepIdleSeconds(idle) => {
            sockopt::set_tcp_keepidle(raw, seconds(idle)).map_err(Into::into)
        }
        SocketOption::TcpKeepIntervalSeconds(pause) => {
            sockopt::set_tcp_keepintvl(raw, seconds(pause)).map_err(Into::into)
        }
        SocketOption::TcpNoDelay(on) => raw.set_tcp_nodelay(on),
        SocketOption::TcpQuickAck(on) => raw.set_tcp_quickack(on),
        SocketOption::Ipv6Only(on) => raw.set_only_v6(on),
        SocketOption::TimeToLive(0) => return Err(Errno::Invalid),
        SocketOption::TimeToLive(hops) if ipv6 => raw.set_unicast_hops_v6(hops.into()),
        SocketOption::TimeToLive(hops) => raw.set_ttl_v4(hops.into()),
        SocketOption::MulticastTimeToLive(hops) if ipv6 => raw.set_multicast_hops_v6(hops.into()),
        SocketOption::MulticastTimeToLive(hops) => raw.set_multicast_ttl_v4(hops.into()),
        SocketOption::MulticastLoopV4(on) => raw.set_multicast_loop_v4(on),
        SocketOption::MulticastLoopV6(on) => raw.set_multicast_loop_v6(on),
        SocketOption::JoinGroup(Group::V4(group, interface)) => {
            raw.join_multicast_v4(&group, &interface)
        }
        SocketOption::JoinGroup(Group::V6(group, interface)) => {
            raw.join_multicast_v6(&group, interface)
        }
        SocketOption::LeaveGroup(Group::V4(group, interface)) => {
            raw.leave_multicast_v4(&group, &interface)
        }
        SocketOption::LeaveGroup(Group::V6(group, interface)) => {
            raw.leave_multicast_v6(&group, interface)
        }
        _ => return Err(Errno::NoProtocolOption),
    };
    done.map_err(|error| from_io(&error))
}

/// Reads an option. Lingering is not for here.
pub(super) fn read(raw: &RawSocket, ipv6: bool, kind: SocketOption) -> Result<SocketOption, Errno> {
    let seconds = |answer: rustix::io::Result<Duration>| {
        answer
            .map(|time| u32::try_from(time.as_secs()).unwrap_or(u32::MAX))
            .map_err(from_rustix)
    };
    let hops = |answer: io::Result<u32>| answer.map(|hops| u8::try_from(hops).unwrap_or(u8::MAX));
    let bytes =
        |answer: io::Result<usize>| answer.map(|bytes| u32::try_from(bytes).unwrap_or(u32::MAX));
    let value: io::Result<SocketOption> = match kind {
        SocketOption::Broadcast(_) => raw.broadcast().map(SocketOption::Broadcast),
        SocketOption::KeepAlive(_) => raw.keepalive().map(SocketOption::KeepAlive),
        SocketOption::ReceiveBufferBytes(_) => {
            bytes(raw.recv_buffer_size()).map(SocketOption::ReceiveBufferBytes)
        }
        SocketOption::SendBufferBytes(_) => {
            bytes(raw.send_buffer_size()).map(SocketOption::SendBufferBytes)
        }
        SocketOption::ReuseAddress(_) => raw.reuse_address().map(SocketOption::ReuseAddress),
        SocketOption::ReusePort(_) => raw.reuse_port().map(SocketOption::ReusePort),
        SocketOption::TcpFastOpenConnect(_) => {
            fast_open::read(raw).map(SocketOption::TcpFastOpenConnect)
        }
        SocketOption::TcpKeepIdleSeconds(_) => {
            return seconds(sockopt::tcp_keepidle(raw)).map(SocketOption::TcpKeepIdleSeconds);
        }
        SocketOption::TcpKeepIntervalSeconds(_) => {
            return seconds(sockopt::tcp_keepintvl(raw)).map(SocketOption::TcpKeepIntervalSeconds);
        }
        SocketOption::TcpNoDelay(_) => raw.tcp_nodelay().map(SocketOption::TcpNoDelay),
        SocketOption::TcpQuickAck(_) => raw.tcp_quickack().map(SocketOption::TcpQuickAck),
        SocketOption::Ipv6Only(_) => raw.only_v6().map(SocketOption::Ipv6Only),
        SocketOption::TimeToLive(_) if ipv6 => {
            hops(raw.unicast_hops_v6()).map(SocketOption::TimeToLive)
        }
        SocketOption::TimeToLive(_) => hops(raw.ttl_v4()).map(SocketOption::TimeToLive),
        SocketOption::MulticastTimeToLive(_) if ipv6 => {
            hops(raw.multicast_hops_v6()).map(SocketOption::MulticastTimeToLive)
        }
        SocketOption::MulticastTimeToLive(_) => {
            hops(raw.multicast_ttl_v4()).map(SocketOption::MulticastTimeToLive)
        }
        SocketOption::MulticastLoopV4(_) => {
            raw.multicast_loop_v4().map(SocketOption::MulticastLoopV4)
        }
        SocketOption::MulticastLoopV6(_) => {
            raw.multicast_loop_v6().map(SocketOption::MulticastLoopV6)
        }
        _ => return Err(Errno::NoProtocolOption),
    };
    value.map_err(|error| from_io(&error))
}

/// The kernel takes sizes as `int`, and bounds them much lower anyway.
fn buffer_size(bytes: u32) -> usize {
    const SIZE_MAX: u32 = i32::MAX.cast_unsigned();
    usize::try_from(bytes.min(SIZE_MAX)).unwrap_or(usize::MAX)
}
