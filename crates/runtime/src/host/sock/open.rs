//! Making, binding, connecting and closing sockets.

use core::task;
use core::task::Poll;

use thimble_abi::Errno;
use thimble_abi::socket::{
    ADDRESS_BYTES, DATAGRAM, IPV4, IPV6, SHUTDOWN_RECEIVE, SHUTDOWN_SEND, STREAM,
};
use thimble_abi::wasi::rights;

use crate::host::descriptors::{Descriptor, FdFlags, Full, Kind};
use crate::host::wasi::{Attempt, Stop};
use crate::host::{Arguments, Context};
use crate::memory;
use crate::port::Protocol;

use super::{access, address, wait};

/// `sock_open(poolfd, family, kind, opened_fd)`.
pub(super) fn open(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> Attempt {
    let opened = arguments.u32(3);
    memory::range(memory.len(), opened, 4)?;
    let ipv6 = match arguments.u32(1) {
        IPV4 => false,
        IPV6 => true,
        _ => return Err(Errno::AddressFamilyNotSupported.into()),
    };
    let protocol = match arguments.i32(2) {
        DATAGRAM => Protocol::Udp,
        STREAM => Protocol::Tcp,
        _ => return Err(Errno::Invalid.into()),
    };
    let room = context.state.descriptors.room(true);
    room.map_err(|full| too_many(context, full))?;
    let descriptor = Descriptor::socket(context.ports.network.socket(protocol, ipv6)?);
    let number = context
        .state
        .descriptors
        .insert(descriptor)
        .map_err(|full| too_many(context, full))?;
    Ok(memory::write_u32(memory, opened, number)?)
}

/// `sock_bind(fd, address)`.
pub(super) fn bind(context: &mut Context<'_>, arguments: Arguments<'_>, memory: &[u8]) -> Attempt {
    let local = address::read(memory, arguments.u32(1))?;
    let number = arguments.u32(0);
    let (socket, _) = context.state.descriptors.socket(number, 0)?;
    let protocol = socket.socket.protocol();
    if local.is_ipv6() != socket.socket.is_ipv6() {
        return Err(Errno::AddressFamilyNotSupported.into());
    }
    let answers = access::bind(context, protocol, local.port())?;
    let (socket, _) = context.state.descriptors.socket(number, 0)?;
    socket.socket.bind(local)?;
    socket.binding.port = Some(local.port());
    socket.binding.answers = answers;
    Ok(())
}

/// `sock_listen(fd, backlog)`.
pub(super) fn listen(context: &mut Context<'_>, arguments: Arguments<'_>) -> Attempt {
    let number = arguments.u32(0);
    let (socket, _) = context.state.descriptors.socket(number, 0)?;
    if socket.socket.protocol() != Protocol::Tcp {
        return Err(Errno::NotSupported.into());
    }
    if !socket.listening {
        // Without a bind, the device chooses the port.
        let port = socket.binding.port.unwrap_or(0);
        access::listen(context, Protocol::Tcp, port)?;
    }
    let (socket, _) = context.state.descriptors.socket(number, 0)?;
    socket.socket.listen(arguments.u32(1))?;
    socket.listening = true;
    Ok(())
}

/// `sock_accept(fd, flags, accepted_fd)`.
pub(super) fn accept(
    context: &mut Context<'_>,
    number: u32,
    flags: u32,
    accepted: u32,
    memory: &mut [u8],
) -> Attempt {
    memory::range(memory.len(), accepted, 4)?;
    let flags = FdFlags::parse(flags)?;
    if flags != FdFlags::default() && flags != FdFlags::NONBLOCK {
        return Err(Errno::Invalid.into());
    }
    context
        .state
        .descriptors
        .socket(number, rights::SOCK_ACCEPT)?;
    // Asked before accepting: a connection that is accepted must not be lost.
    let room = context.state.descriptors.room(true);
    room.map_err(|full| too_many(context, full))?;
    let inheriting = context.state.descriptors.entry(number)?.inheriting;
    let mut task = task::Context::from_waker(context.waker);
    let (socket, own_flags) = context
        .state
        .descriptors
        .socket(number, rights::SOCK_ACCEPT)?;
    let timeout = socket.receive_timeout;
    let connection = match socket.socket.poll_accept(&mut task) {
        Poll::Ready(connection) => connection?,
        Poll::Pending if own_flags.is_nonblocking() => return Err(Errno::Again.into()),
        Poll::Pending => return Err(wait(context, timeout, Errno::Again)),
    };
    let mut descriptor = Descriptor::socket(connection);
    descriptor.flags = flags;
    descriptor.rights &= inheriting;
    if let Kind::Socket(socket) = &mut descriptor.kind {
        socket.connected = true;
    }
    let number = context
        .state
        .descriptors
        .insert(descriptor)
        .map_err(|full| too_many(context, full))?;
    Ok(memory::write_u32(memory, accepted, number)?)
}

/// `sock_connect(fd, address)`.
///
/// A socket that is connecting already is only asked how it fares, whoever began it: this call when it
/// last blocked, or an earlier one.
pub(super) fn connect(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    memory: &[u8],
) -> Attempt {
    let target = access::target(address::read(memory, arguments.u32(1))?);
    let number = arguments.u32(0);
    let (socket, flags) = context.state.descriptors.socket(number, 0)?;
    let protocol = socket.socket.protocol();
    if target.is_ipv6() != socket.socket.is_ipv6() {
        return Err(Errno::AddressFamilyNotSupported.into());
    }
    let begun = socket.connecting.is_some();
    if !begun {
        access::connect(context, protocol, target)?;
    }
    let mut task = task::Context::from_waker(context.waker);
    let (socket, _) = context.state.descriptors.socket(number, 0)?;
    let timeout = socket.send_timeout;
    match socket.socket.poll_connect(&mut task, target) {
        Poll::Ready(answer) => {
            socket.connecting = None;
            answer?;
            socket.connected = true;
            // What POSIX says to whoever asks a nonblocking socket again.
            if begun && flags.is_nonblocking() {
                Err(Errno::IsConnected.into())
            } else {
                Ok(())
            }
        }
        Poll::Pending => {
            socket.connecting = Some(target);
            match (flags.is_nonblocking(), begun) {
                (true, true) => Err(Errno::Already.into()),
                (true, false) => Err(Errno::InProgress.into()),
                (false, _) => Err(wait(context, timeout, Errno::InProgress)),
            }
        }
    }
}

/// `sock_close(fd)`.
pub(super) fn close(context: &mut Context<'_>, arguments: Arguments<'_>) -> Attempt {
    context.state.descriptors.socket(arguments.u32(0), 0)?;
    context.state.descriptors.close(arguments.u32(0))?;
    Ok(())
}

/// `sock_shutdown(fd, how)`.
pub(super) fn shutdown(context: &mut Context<'_>, arguments: Arguments<'_>) -> Attempt {
    let how = arguments.u32(1);
    if how == 0 || how & !(SHUTDOWN_RECEIVE | SHUTDOWN_SEND) != 0 {
        return Err(Errno::Invalid.into());
    }
    let (socket, _) = context
        .state
        .descriptors
        .socket(arguments.u32(0), rights::SOCK_SHUTDOWN)?;
    Ok(socket
        .socket
        .shutdown(how & SHUTDOWN_RECEIVE != 0, how & SHUTDOWN_SEND != 0)?)
}

/// `sock_addr_local(fd, address)`.
pub(super) fn local_address(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> Attempt {
    memory::range(memory.len(), arguments.u32(1), ADDRESS_BYTES)?;
    let (socket, _) = context.state.descriptors.socket(arguments.u32(0), 0)?;
    Ok(address::write(
        memory,
        arguments.u32(1),
        socket.socket.local_address()?,
    )?)
}

/// `sock_addr_remote(fd, address)`.
pub(super) fn remote_address(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> Attempt {
    memory::range(memory.len(), arguments.u32(1), ADDRESS_BYTES)?;
    let (socket, _) = context.state.descriptors.socket(arguments.u32(0), 0)?;
    Ok(address::write(
        memory,
        arguments.u32(1),
        socket.socket.remote_address()?,
    )?)
}

fn too_many(context: &mut Context<'_>, full: Full) -> Stop {
    context.limit_reached(full.limit());
    Stop::Failed(Errno::TooManyOpenFiles)
}
