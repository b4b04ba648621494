//! Sending and receiving.

use alloc::borrow::Cow;
use alloc::vec;
use alloc::vec::Vec;
use core::net::{Ipv4Addr, SocketAddr};
use core::ops::Range;
use core::task;
use core::task::Poll;

use thimble_abi::Errno;
use thimble_abi::socket::{ADDRESS_BYTES, RECEIVE_PEEK, RECEIVE_WAIT_ALL, RECEIVED_TRUNCATED};
use thimble_abi::wasi::rights;

use crate::host::sock::OpenSocket;
use crate::host::wasi::transfer::{BUFFERS_MAX, TURN_BYTES, give_turn};
use crate::host::wasi::{Attempt, Stop};
use crate::host::{Arguments, Context};
use crate::memory;
use crate::memory::Buffer;
use crate::port::{Protocol, Received};

use super::{access, address, wait};

/// Bytes that go through a buffer of our own at once where the guest gave several; no datagram is longer.
const STEP_BYTES: usize = 65_536;

/// `sock_recv(fd, iovs, iovs_len, flags, nread, result_flags)`.
pub(super) fn receive(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> Attempt {
    let (nread, result_flags) = (arguments.u32(4), arguments.u32(5));
    let buffers = list(memory, arguments)?;
    memory::range(memory.len(), nread, 4)?;
    memory::range(memory.len(), result_flags, 2)?;
    let received = receive_into(
        context,
        arguments.u32(0),
        &buffers,
        arguments.u32(3),
        memory,
    )?;
    memory::write_u32(memory, nread, count(received.bytes)?)?;
    let flags = if received.truncated {
        RECEIVED_TRUNCATED
    } else {
        0
    };
    Ok(memory::write(memory, result_flags, &flags.to_le_bytes())?)
}

/// `sock_recv_from(fd, iovs, iovs_len, flags, address, nread)`.
pub(super) fn receive_from(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> Attempt {
    let (sender, nread) = (arguments.u32(4), arguments.u32(5));
    let buffers = list(memory, arguments)?;
    memory::range(memory.len(), sender, ADDRESS_BYTES)?;
    memory::range(memory.len(), nread, 4)?;
    let received = receive_into(
        context,
        arguments.u32(0),
        &buffers,
        arguments.u32(3),
        memory,
    )?;
    let (socket, _) = context.state.descriptors.socket(arguments.u32(0), 0)?;
    let unknown = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0);
    let from = received
        .sender
        .or_else(|| socket.socket.remote_address().ok())
        .unwrap_or(unknown);
    address::write(memory, sender, from)?;
    Ok(memory::write_u32(memory, nread, count(received.bytes)?)?)
}

/// `sock_send(fd, iovs, iovs_len, flags, nwritten)`.
pub(super) fn send(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> Attempt {
    let nwritten = arguments.u32(4);
    let buffers = list(memory, arguments)?;
    memory::range(memory.len(), nwritten, 4)?;
    if arguments.u32(3) != 0 {
        return Err(Errno::Invalid.into());
    }
    let sent = write(context, arguments.u32(0), &buffers, memory)?;
    Ok(memory::write_u32(memory, nwritten, sent)?)
}

/// `sock_send_to(fd, iovs, iovs_len, flags, address, nwritten)`.
pub(super) fn send_to(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> Attempt {
    let (number, nwritten) = (arguments.u32(0), arguments.u32(5));
    let buffers = list(memory, arguments)?;
    memory::range(memory.len(), nwritten, 4)?;
    let target = access::target(address::read(memory, arguments.u32(4))?);
    if arguments.u32(3) != 0 {
        return Err(Errno::Invalid.into());
    }
    let (socket, _) = context.state.descriptors.socket(number, rights::FD_WRITE)?;
    if target.is_ipv6() != socket.socket.is_ipv6() {
        return Err(Errno::AddressFamilyNotSupported.into());
    }
    let sent = match socket.socket.protocol() {
        // A stream goes to its peer, whatever the address says.
        Protocol::Tcp => send_from(context, number, &buffers, None, memory)?,
        Protocol::Udp => {
            if !socket.binding.has_heard(target) {
                access::connect(context, Protocol::Udp, target)?;
            }
            send_from(context, number, &buffers, Some(target), memory)?
        }
    };
    Ok(memory::write_u32(memory, nwritten, sent)?)
}

/// Reads from a socket, as `fd_read` does.
pub(in crate::host) fn read(
    context: &mut Context<'_>,
    number: u32,
    buffers: &[Buffer],
    memory: &mut [u8],
) -> Attempt<u32> {
    let received = receive_into(context, number, buffers, 0, memory)?;
    Ok(count(received.bytes)?)
}

/// Writes to a connected socket, as `fd_write` does.
pub(in crate::host) fn write(
    context: &mut Context<'_>,
    number: u32,
    buffers: &[Buffer],
    memory: &[u8],
) -> Attempt<u32> {
    send_from(context, number, buffers, None, memory)
}

fn receive_into(
    context: &mut Context<'_>,
    number: u32,
    buffers: &[Buffer],
    flags: u32,
    memory: &mut [u8],
) -> Attempt<Received> {
    if flags & !(RECEIVE_PEEK | RECEIVE_WAIT_ALL) != 0 {
        return Err(Errno::Invalid.into());
    }
    let wanted = total(buffers);
    let peek = flags & RECEIVE_PEEK != 0;
    let turn_ends = turn_ends(context);
    loop {
        let mut task = task::Context::from_waker(context.waker);
        let (socket, fd_flags) = context.state.descriptors.socket(number, rights::FD_READ)?;
        let stream = socket.socket.protocol() == Protocol::Tcp;
        if stream && wanted == 0 {
            return Ok(Received {
                bytes: 0,
                truncated: false,
                sender: None,
            });
        }
        let done = context.state.sock.transferred;
        let timeout = socket.receive_timeout;
        let answer = poll_receive(socket, &mut task, &rest(buffers, done), memory, peek);
        let wait_all =
            stream && !peek && flags & RECEIVE_WAIT_ALL != 0 && !fd_flags.is_nonblocking();
        match answer {
            Poll::Ready(Ok(received)) => {
                let bytes = done + received.bytes;
                if wait_all && received.bytes > 0 && bytes < wanted {
                    context.state.sock.transferred = bytes;
                    if bytes >= turn_ends {
                        return Err(give_turn(context));
                    }
                    continue;
                }
                context.state.sock.transferred = 0;
                return Ok(Received { bytes, ..received });
            }
            Poll::Ready(Err(error)) => {
                return stopped(context, Stop::Failed(error)).map(partly_received);
            }
            Poll::Pending if fd_flags.is_nonblocking() => {
                return stopped(context, Stop::Failed(Errno::Again)).map(partly_received);
            }
            Poll::Pending => {
                let stop = wait(context, timeout, Errno::Again);
                return stopped(context, stop).map(partly_received);
            }
        }
    }
}

fn send_from(
    context: &mut Context<'_>,
    number: u32,
    buffers: &[Buffer],
    target: Option<SocketAddr>,
    memory: &[u8],
) -> Attempt<u32> {
    let wanted = total(buffers);
    let turn_ends = turn_ends(context);
    loop {
        let mut task = task::Context::from_waker(context.waker);
        let (socket, flags) = context.state.descriptors.socket(number, rights::FD_WRITE)?;
        let stream = socket.socket.protocol() == Protocol::Tcp;
        if !stream && wanted >= STEP_BYTES {
            return Err(Errno::MessageTooLong.into());
        }
        let done = context.state.sock.transferred;
        let timeout = socket.send_timeout;
        let bytes = gather(&rest(buffers, done), memory)?;
        match socket.socket.poll_send(&mut task, &bytes, target) {
            Poll::Ready(Ok(sent)) => {
                let sent = done + sent;
                // A blocking stream takes everything, as POSIX has it and guests rely on.
                if stream && sent < wanted && sent > done && !flags.is_nonblocking() {
                    context.state.sock.transferred = sent;
                    if sent >= turn_ends {
                        return Err(give_turn(context));
                    }
                    continue;
                }
                context.state.sock.transferred = 0;
                return Ok(count(sent)?);
            }
            Poll::Ready(Err(error)) => return Ok(count(stopped(context, Stop::Failed(error))?)?),
            Poll::Pending if flags.is_nonblocking() => {
                return Ok(count(stopped(context, Stop::Failed(Errno::Again))?)?);
            }
            Poll::Pending => {
                let stop = wait(context, timeout, Errno::Again);
                return Ok(count(stopped(context, stop)?)?);
            }
        }
    }
}

/// The count of bytes at which the transfer under way gives others a turn.
fn turn_ends(context: &Context<'_>) -> usize {
    let turn = usize::try_from(TURN_BYTES).unwrap_or(usize::MAX);
    context.state.sock.transferred.saturating_add(turn)
}

/// Ends the transfer under way, with what it has done if that is anything; goes on if it only waits.
fn stopped(context: &mut Context<'_>, stop: Stop) -> Attempt<usize> {
    if matches!(stop, Stop::Blocked) {
        return Err(stop);
    }
    match core::mem::take(&mut context.state.sock.transferred) {
        0 => Err(stop),
        done => Ok(done),
    }
}

const fn partly_received(bytes: usize) -> Received {
    Received {
        bytes,
        truncated: false,
        sender: None,
    }
}

fn poll_receive(
    socket: &mut OpenSocket,
    task: &mut task::Context<'_>,
    buffers: &[Buffer],
    memory: &mut [u8],
    peek: bool,
) -> Poll<Result<Received, Errno>> {
    let answer = if let [buffer] = buffers {
        let Some(buffer) = memory.get_mut(buffer.clone()) else {
            return Poll::Ready(Err(Errno::Fault));
        };
        socket.socket.poll_receive(task, buffer, peek)
    } else {
        // One datagram, or one look at a stream, fills all of them.
        let mut step = vec![0; total(buffers).min(STEP_BYTES)];
        let answer = socket.socket.poll_receive(task, &mut step, peek);
        if let Poll::Ready(Ok(received)) = answer {
            scatter(
                step.get(..received.bytes).unwrap_or_default(),
                buffers,
                memory,
            );
        }
        answer
    };
    if let Poll::Ready(Ok(Received {
        sender: Some(sender),
        ..
    })) = answer
        && (socket.binding.answers || socket.listening)
    {
        socket.binding.heard(sender);
    }
    answer
}

fn scatter(mut bytes: &[u8], buffers: &[Buffer], memory: &mut [u8]) {
    for buffer in buffers {
        let (now, later) = bytes.split_at(buffer.len().min(bytes.len()));
        if let Some(place) = memory.get_mut(buffer.start..buffer.start + now.len()) {
            place.copy_from_slice(now);
        }
        bytes = later;
    }
}

/// The next bytes to send: all of a datagram, some of a stream.
fn gather<'a>(buffers: &[Buffer], memory: &'a [u8]) -> Result<Cow<'a, [u8]>, Errno> {
    let bytes = |buffer: &Range<usize>| memory.get(buffer.clone()).ok_or(Errno::Fault);
    match buffers {
        [] => Ok(Cow::Borrowed(&[])),
        [buffer] => bytes(buffer).map(Cow::Borrowed),
        [first, ..] if first.len() >= STEP_BYTES => bytes(first).map(Cow::Borrowed),
        buffers => {
            let mut step = Vec::with_capacity(total(buffers).min(STEP_BYTES));
            for buffer in buffers {
                let room = STEP_BYTES - step.len();
                step.extend(bytes(buffer)?.iter().take(room));
            }
            Ok(Cow::Owned(step))
        }
    }
}

/// What remains of the buffers after `done` bytes, without empty ones.
fn rest(buffers: &[Buffer], mut done: usize) -> Vec<Buffer> {
    let mut rest = Vec::with_capacity(buffers.len());
    for buffer in buffers {
        let skipped = done.min(buffer.len());
        done -= skipped;
        if skipped < buffer.len() {
            rest.push(buffer.start + skipped..buffer.end);
        }
    }
    rest
}

fn list(memory: &[u8], arguments: Arguments<'_>) -> Result<Vec<Buffer>, Errno> {
    match arguments.u32(2) {
        0 => Err(Errno::Invalid),
        count => memory::buffers(memory, arguments.u32(1), count, BUFFERS_MAX),
    }
}

/// The list was read with a sum that fits 32 bits.
fn total(buffers: &[Buffer]) -> usize {
    buffers
        .iter()
        .map(ExactSizeIterator::len)
        .fold(0, usize::saturating_add)
}

fn count(bytes: usize) -> Result<u32, Errno> {
    u32::try_from(bytes).map_err(|_| Errno::Overflow)
}
