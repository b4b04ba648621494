//! `fd_read` and `fd_write` of sockets.

use core::task::{self, Poll};
use core::time::Duration;

use thimble_abi::Errno;

use super::transfer::{first, rest};
use super::{Attempt, Stop};
use crate::host::Context;
use crate::host::descriptors::FdFlags;
use crate::memory::Buffer;

pub(super) fn read(
    context: &mut Context<'_>,
    number: u32,
    buffers: &[Buffer],
    memory: &mut [u8],
) -> Attempt<u32> {
    let Some(buffer) = first(buffers, memory) else {
        return Ok(0);
    };
    let mut task = task::Context::from_waker(context.waker);
    let (socket, flags) = context.state.descriptors.socket(number, 0)?;
    let timeout = socket.receive_timeout;
    let answer = socket.socket.poll_receive(&mut task, buffer, false);
    count(
        context,
        answer.map_ok(|received| received.bytes),
        flags,
        timeout,
    )
}

pub(super) fn write(
    context: &mut Context<'_>,
    number: u32,
    buffers: &[Buffer],
    memory: &[u8],
) -> Attempt<u32> {
    let piece = rest(buffers, 0).unwrap_or_default();
    let bytes = memory.get(piece).ok_or(Errno::Fault)?;
    let mut task = task::Context::from_waker(context.waker);
    let (socket, flags) = context.state.descriptors.socket(number, 0)?;
    let timeout = socket.send_timeout;
    let answer = socket.socket.poll_send(&mut task, bytes, None);
    count(context, answer, flags, timeout)
}

fn count(
    context: &mut Context<'_>,
    answer: Poll<Result<usize, Errno>>,
    flags: FdFlags,
    timeout: Option<Duration>,
) -> Attempt<u32> {
    match answer {
        Poll::Ready(count) => u32::try_from(count?).map_err(|_| Errno::Io.into()),
        Poll::Pending if flags.is_nonblocking() => Err(Errno::Again.into()),
        Poll::Pending => {
            if let Some(timeout) = timeout {
                let until = context.began() + timeout;
                if context.ports.clock.now() >= until {
                    return Err(Errno::Again.into());
                }
                context.wait_until(until);
            }
            Err(Stop::Blocked)
        }
    }
}
