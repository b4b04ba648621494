//! Socket options.

use core::net::{IpAddr, Ipv4Addr};
use core::time::Duration;

use thimble_abi::Errno;
use thimble_abi::calls::SockCall;

use crate::host::wasi::Attempt;
use crate::host::{Arguments, Context};
use crate::memory;
use crate::port::{Group, SocketOption};

use super::{access, address};

/// Carries out a call that sets or reads an option.
pub(super) fn call(
    context: &mut Context<'_>,
    call: SockCall,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> Attempt {
    match call {
        SockCall::SetRecvTimeout | SockCall::SetSendTimeout => {
            set_timeout(context, call, arguments)
        }
        SockCall::GetRecvTimeout | SockCall::GetSendTimeout => {
            read_timeout(context, call, arguments, memory)
        }
        SockCall::GetLinger => read_linger(context, arguments, memory),
        SockCall::GetIpMulticastLoop => {
            let kind = multicast_loop(arguments, false);
            read(context, arguments, kind, arguments.u32(2), memory)
        }
        SockCall::SetIpAddMembership | SockCall::SetIpDropMembership => {
            membership(context, call, arguments, memory)
        }
        call => match (to_set(call, arguments)?, to_read(call)) {
            (Some(option), _) => {
                let (socket, _) = context.state.descriptors.socket(arguments.u32(0), 0)?;
                Ok(socket.socket.set_option(option)?)
            }
            (None, Some(kind)) => read(context, arguments, kind, arguments.u32(1), memory),
            (None, None) => Err(Errno::NotSupportedCall.into()),
        },
    }
}

/// The option that a call sets, with its value.
fn to_set(call: SockCall, arguments: Arguments<'_>) -> Result<Option<SocketOption>, Errno> {
    let on = arguments.u32(1) != 0;
    let number = arguments.u32(1);
    let hops = || u8::try_from(number).map_err(|_| Errno::Invalid);
    Ok(Some(match call {
        SockCall::SetBroadcast => SocketOption::Broadcast(on),
        SockCall::SetKeepAlive => SocketOption::KeepAlive(on),
        SockCall::SetReuseAddr => SocketOption::ReuseAddress(on),
        SockCall::SetReusePort => SocketOption::ReusePort(on),
        SockCall::SetTcpNoDelay => SocketOption::TcpNoDelay(on),
        SockCall::SetTcpQuickAck => SocketOption::TcpQuickAck(on),
        SockCall::SetTcpFastopenConnect => SocketOption::TcpFastOpenConnect(on),
        SockCall::SetIpv6Only => SocketOption::Ipv6Only(on),
        SockCall::SetIpTtl => SocketOption::TimeToLive(hops()?),
        SockCall::SetIpMulticastTtl => SocketOption::MulticastTimeToLive(hops()?),
        SockCall::SetRecvBufSize => SocketOption::ReceiveBufferBytes(number),
        SockCall::SetSendBufSize => SocketOption::SendBufferBytes(number),
        SockCall::SetTcpKeepIdle => SocketOption::TcpKeepIdleSeconds(number),
        SockCall::SetTcpKeepIntvl => SocketOption::TcpKeepIntervalSeconds(number),
        SockCall::SetLinger => SocketOption::LingerSeconds(match (on, arguments.i32(2)) {
            (false, _) => None,
            (true, seconds) => Some(u32::try_from(seconds).map_err(|_| Errno::Invalid)?),
        }),
        SockCall::SetIpMulticastLoop => multicast_loop(arguments, arguments.u32(2) != 0),
        _ => return Ok(None),
    }))
}

/// The kind of option that a call reads.
const fn to_read(call: SockCall) -> Option<SocketOption> {
    Some(match call {
        SockCall::GetBroadcast => SocketOption::Broadcast(false),
        SockCall::GetKeepAlive => SocketOption::KeepAlive(false),
        SockCall::GetReuseAddr => SocketOption::ReuseAddress(false),
        SockCall::GetReusePort => SocketOption::ReusePort(false),
        SockCall::GetTcpNoDelay => SocketOption::TcpNoDelay(false),
        SockCall::GetTcpQuickAck => SocketOption::TcpQuickAck(false),
        SockCall::GetTcpFastopenConnect => SocketOption::TcpFastOpenConnect(false),
        SockCall::GetIpv6Only => SocketOption::Ipv6Only(false),
        SockCall::GetIpTtl => SocketOption::TimeToLive(0),
        SockCall::GetIpMulticastTtl => SocketOption::MulticastTimeToLive(0),
        SockCall::GetRecvBufSize => SocketOption::ReceiveBufferBytes(0),
        SockCall::GetSendBufSize => SocketOption::SendBufferBytes(0),
        SockCall::GetTcpKeepIdle => SocketOption::TcpKeepIdleSeconds(0),
        SockCall::GetTcpKeepIntvl => SocketOption::TcpKeepIntervalSeconds(0),
        _ => return None,
    })
}

fn multicast_loop(arguments: Arguments<'_>, on: bool) -> SocketOption {
    if arguments.u32(1) == 0 {
        SocketOption::MulticastLoopV4(on)
    } else {
        SocketOption::MulticastLoopV6(on)
    }
}

/// Reads an option and writes its value, whose type is the option's.
fn read(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    kind: SocketOption,
    value: u32,
    memory: &mut [u8],
) -> Attempt {
    let bytes = match kind {
        SocketOption::ReceiveBufferBytes(_)
        | SocketOption::SendBufferBytes(_)
        | SocketOption::TcpKeepIdleSeconds(_)
        | SocketOption::TcpKeepIntervalSeconds(_) => 4,
        _ => 1,
    };
    memory::range(memory.len(), value, bytes)?;
    let (socket, _) = context.state.descriptors.socket(arguments.u32(0), 0)?;
    match socket.socket.option(kind)? {
        SocketOption::Broadcast(on)
        | SocketOption::KeepAlive(on)
        | SocketOption::ReuseAddress(on)
        | SocketOption::ReusePort(on)
        | SocketOption::TcpNoDelay(on)
        | SocketOption::TcpQuickAck(on)
        | SocketOption::TcpFastOpenConnect(on)
        | SocketOption::Ipv6Only(on)
        | SocketOption::MulticastLoopV4(on)
        | SocketOption::MulticastLoopV6(on) => memory::write(memory, value, &[u8::from(on)])?,
        SocketOption::TimeToLive(hops) | SocketOption::MulticastTimeToLive(hops) => {
            memory::write(memory, value, &[hops])?;
        }
        SocketOption::ReceiveBufferBytes(number)
        | SocketOption::SendBufferBytes(number)
        | SocketOption::TcpKeepIdleSeconds(number)
        | SocketOption::TcpKeepIntervalSeconds(number) => memory::write_u32(memory, value, number)?,
        SocketOption::LingerSeconds(_)
        | SocketOption::JoinGroup(_)
        | SocketOption::LeaveGroup(_) => {
            return Err(Errno::NoProtocolOption.into());
        }
    }
    Ok(())
}

/// `sock_get_linger(fd, enabled, seconds)`.
fn read_linger(context: &mut Context<'_>, arguments: Arguments<'_>, memory: &mut [u8]) -> Attempt {
    let (enabled, seconds) = (arguments.u32(1), arguments.u32(2));
    memory::range(memory.len(), enabled, 1)?;
    memory::range(memory.len(), seconds, 4)?;
    let (socket, _) = context.state.descriptors.socket(arguments.u32(0), 0)?;
    let SocketOption::LingerSeconds(linger) =
        socket.socket.option(SocketOption::LingerSeconds(None))?
    else {
        return Err(Errno::NoProtocolOption.into());
    };
    memory::write(memory, enabled, &[u8::from(linger.is_some())])?;
    Ok(memory::write_u32(memory, seconds, linger.unwrap_or(0))?)
}

/// `sock_set_recv_timeout(fd, micros)` and its like for sending.
fn set_timeout(context: &mut Context<'_>, call: SockCall, arguments: Arguments<'_>) -> Attempt {
    let timeout = match arguments.u64(1) {
        0 => None,
        micros => Some(Duration::from_micros(micros)),
    };
    let (socket, _) = context.state.descriptors.socket(arguments.u32(0), 0)?;
    match call {
        SockCall::SetRecvTimeout => socket.receive_timeout = timeout,
        _ => socket.send_timeout = timeout,
    }
    Ok(())
}

/// `sock_get_recv_timeout(fd, micros)` and its like for sending.
fn read_timeout(
    context: &mut Context<'_>,
    call: SockCall,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> Attempt {
    memory::range(memory.len(), arguments.u32(1), 8)?;
    let (socket, _) = context.state.descriptors.socket(arguments.u32(0), 0)?;
    let timeout = match call {
        SockCall::GetRecvTimeout => socket.receive_timeout,
        _ => socket.send_timeout,
    };
    let micros = timeout.map_or(0, |timeout| {
        u64::try_from(timeout.as_micros()).unwrap_or(u64::MAX)
    });
    Ok(memory::write_u64(memory, arguments.u32(1), micros)?)
}

/// `sock_set_ip_add_membership(fd, group, interface)` and `sock_set_ip_drop_membership`.
fn membership(
    context: &mut Context<'_>,
    call: SockCall,
    arguments: Arguments<'_>,
    memory: &[u8],
) -> Attempt {
    let interface = arguments.u32(2);
    let group = match address::read_group(memory, arguments.u32(1))? {
        // The guest stored the interface's octets one after the other and loaded them as a number.
        IpAddr::V4(group) => Group::V4(group, Ipv4Addr::from(interface.to_le_bytes())),
        IpAddr::V6(group) => Group::V6(group, interface),
    };
    let number = arguments.u32(0);
    let (socket, _) = context.state.descriptors.socket(number, 0)?;
    let port = socket.binding.port.unwrap_or(0);
    if matches!(call, SockCall::SetIpAddMembership) {
        access::join(context, port)?;
    }
    let (socket, _) = context.state.descriptors.socket(number, 0)?;
    Ok(socket.socket.set_option(match call {
        SockCall::SetIpAddMembership => SocketOption::JoinGroup(group),
        _ => SocketOption::LeaveGroup(group),
    })?)
}
