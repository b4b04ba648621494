//! Reading and writing: lists of buffers against files, streams and sockets.
//!
//! Regular files are read and written until every buffer is full or empty; a stream is read once, and
//! written until it is done or would wait. Long transfers give others a turn now and then.

use alloc::vec::Vec;
use core::ops::Range;
use core::task::{self, Poll};

use thimble_abi::Errno;
use thimble_abi::wasi::{filetype, rights};

use super::layout::check;
use super::{Attempt, Stop, ready};
use crate::host::descriptors::{FdFlags, Kind, Name};
use crate::host::{Arguments, Context, HostState, sock};
use crate::memory::{self, Buffer};
use crate::port::{FileReply, FileRequest, Position};
use crate::time::Instant;

/// Entries of a list of buffers, as POSIX systems have it (`IOV_MAX`).
pub(in crate::host) const BUFFERS_MAX: u32 = 1024;

/// Bytes of small buffers that are put together for one write.
const GATHER_BYTES: usize = 64 << 10;

/// Bytes moved before others get a turn.
pub(in crate::host) const TURN_BYTES: u32 = 1 << 20;

#[inline(never)]
pub(super) fn read(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> Attempt {
    let buffers = memory::buffers(memory, arguments.u32(1), arguments.u32(2), BUFFERS_MAX)?;
    check(memory, arguments.u32(3), 4)?;
    let count = read_into(context, arguments.u32(0), &buffers, None, memory)?;
    memory::write_u32(memory, arguments.u32(3), count)?;
    Ok(())
}

#[inline(never)]
pub(super) fn pread(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> Attempt {
    let buffers = memory::buffers(memory, arguments.u32(1), arguments.u32(2), BUFFERS_MAX)?;
    check(memory, arguments.u32(4), 4)?;
    let offset = offset(arguments.u64(3))?;
    let count = read_into(context, arguments.u32(0), &buffers, Some(offset), memory)?;
    memory::write_u32(memory, arguments.u32(4), count)?;
    Ok(())
}

#[inline(never)]
pub(super) fn write(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> Attempt {
    let buffers = memory::buffers(memory, arguments.u32(1), arguments.u32(2), BUFFERS_MAX)?;
    check(memory, arguments.u32(3), 4)?;
    let count = write_from(context, arguments.u32(0), &buffers, None, memory)?;
    memory::write_u32(memory, arguments.u32(3), count)?;
    Ok(())
}

#[inline(never)]
pub(super) fn pwrite(
    context: &mut Context<'_>,
    arguments: Arguments<'_>,
    memory: &mut [u8],
) -> Attempt {
    let buffers = memory::buffers(memory, arguments.u32(1), arguments.u32(2), BUFFERS_MAX)?;
    check(memory, arguments.u32(4), 4)?;
    let offset = offset(arguments.u64(3))?;
    let count = write_from(context, arguments.u32(0), &buffers, Some(offset), memory)?;
    memory::write_u32(memory, arguments.u32(4), count)?;
    Ok(())
}

fn read_into(
    context: &mut Context<'_>,
    number: u32,
    buffers: &[Buffer],
    at: Option<u64>,
    memory: &mut [u8],
) -> Attempt<u32> {
    let mut task = task::Context::from_waker(context.waker);
    let descriptor = context.state.descriptors.entry(number)?;
    let right = if at.is_some() {
        rights::FD_READ | rights::FD_SEEK
    } else {
        rights::FD_READ
    };
    let flags = descriptor.flags;
    match (&descriptor.kind, at) {
        (Kind::Directory(_), _) => return Err(Errno::IsDirectory.into()),
        (Kind::Stream(_) | Kind::Socket(_), Some(_)) => return Err(Errno::InvalidSeek.into()),
        _ => descriptor.require(right)?,
    }
    match &mut descriptor.kind {
        Kind::Stream(stream) => {
            let Some(buffer) = first(buffers, memory) else {
                return Ok(0);
            };
            let count = waiting(stream.stream.poll_read(&mut task, buffer), flags)?;
            u32::try_from(count).map_err(|_| Errno::Io.into())
        }
        Kind::File(file) if file.filetype == filetype::REGULAR_FILE => {
            read_file(context, number, buffers, at, memory)
        }
        Kind::File(_) if at.is_some() => Err(Errno::InvalidSeek.into()),
        Kind::File(file) => {
            let Some(buffer) = first(buffers, memory) else {
                return Ok(0);
            };
            match waiting(
                file.file
                    .poll(&mut task, FileRequest::Read { offset: 0, buffer }),
                flags,
            )? {
                FileReply::Count(count) => u32::try_from(count).map_err(|_| Errno::Io.into()),
                _ => Err(Errno::Io.into()),
            }
        }
        Kind::Socket(_) => sock::read(context, number, buffers, memory),
        Kind::Directory(_) => Err(Errno::IsDirectory.into()),
    }
}

fn read_file(
    context: &mut Context<'_>,
    number: u32,
    buffers: &[Buffer],
    at: Option<u64>,
    memory: &mut [u8],
) -> Attempt<u32> {
    let mut task = task::Context::from_waker(context.waker);
    let turn_ends = context.state.wasi.transferred.saturating_add(TURN_BYTES);
    let HostState {
        descriptors, wasi, ..
    } = &mut *context.state;
    let file = descriptors.entry(number)?.file()?;
    let base = at.unwrap_or(file.position);
    while let Some(piece) = rest(buffers, wasi.transferred) {
        if wasi.transferred >= turn_ends {
            return Err(give_turn(context));
        }
        let offset = base.saturating_add(u64::from(wasi.transferred));
        let buffer = memory.get_mut(piece).ok_or(Errno::Fault)?;
        match file
            .file
            .poll(&mut task, FileRequest::Read { offset, buffer })
        {
            Poll::Pending => return Err(Stop::Blocked),
            Poll::Ready(Ok(FileReply::Count(count))) if count > 0 => {
                advance(&mut wasi.transferred, count)
            }
            Poll::Ready(Err(errno)) if wasi.transferred == 0 => return Err(errno.into()),
            Poll::Ready(_) => break,
        }
    }
    if at.is_none() {
        file.position = base.saturating_add(u64::from(wasi.transferred));
    }
    Ok(wasi.transferred)
}

fn write_from(
    context: &mut Context<'_>,
    number: u32,
    buffers: &[Buffer],
    at: Option<u64>,
    memory: &[u8],
) -> Attempt<u32> {
    let descriptor = context.state.descriptors.entry(number)?;
    let right = if at.is_some() {
        rights::FD_WRITE | rights::FD_SEEK
    } else {
        rights::FD_WRITE
    };
    match (&descriptor.kind, at) {
        (Kind::Directory(_), _) => return Err(Errno::IsDirectory.into()),
        (Kind::Stream(_) | Kind::Socket(_), Some(_)) => return Err(Errno::InvalidSeek.into()),
        _ => descriptor.require(right)?,
    }
    if matches!(descriptor.kind, Kind::Socket(_)) {
        return sock::write(context, number, buffers, memory);
    }
    write_all(context, number, buffers, at, memory)
}

fn write_all(
    context: &mut Context<'_>,
    number: u32,
    buffers: &[Buffer],
    at: Option<u64>,
    memory: &[u8],
) -> Attempt<u32> {
    let mut gathered = Vec::new();
    let turn_ends = context.state.wasi.transferred.saturating_add(TURN_BYTES);
    while let Some(piece) = rest(buffers, context.state.wasi.transferred) {
        let first = memory.get(piece).ok_or(Errno::Fault)?;
        let bytes = gather(
            buffers,
            context.state.wasi.transferred,
            first,
            memory,
            &mut gathered,
        );
        match write_once(context, number, at, bytes) {
            Ok(count) if count > 0 => advance(&mut context.state.wasi.transferred, count),
            Err(Stop::Failed(errno)) if context.state.wasi.transferred == 0 => {
                return Err(errno.into());
            }
            Err(Stop::Blocked) => return Err(Stop::Blocked),
            _ => break,
        }
        if context.state.wasi.transferred >= turn_ends {
            return Err(give_turn(context));
        }
    }
    let transferred = context.state.wasi.transferred;
    Ok(transferred)
}

/// Writes some bytes of the call under way.
fn write_once(
    context: &mut Context<'_>,
    number: u32,
    at: Option<u64>,
    bytes: &[u8],
) -> Attempt<usize> {
    let mut task = task::Context::from_waker(context.waker);
    let HostState {
        descriptors,
        wasi,
        tail,
        ..
    } = &mut *context.state;
    let descriptor = descriptors.entry(number)?;
    let flags = descriptor.flags;
    match &mut descriptor.kind {
        Kind::Stream(stream) => {
            let count = waiting(stream.stream.poll_write(&mut task, bytes), flags)?;
            if matches!(stream.name, Name::Output | Name::Error) {
                tail.push(bytes.get(..count).unwrap_or(bytes));
            }
            Ok(count)
        }
        Kind::File(file) if file.filetype == filetype::REGULAR_FILE => {
            let position = match at {
                Some(offset) => Position::At(offset.saturating_add(u64::from(wasi.transferred))),
                None if flags.has(FdFlags::APPEND) => Position::End,
                None => Position::At(file.position),
            };
            let (count, end) = written(ready(
                file.file
                    .poll(&mut task, FileRequest::Write { position, bytes }),
            )?)?;
            if at.is_none() {
                file.position = end;
            }
            Ok(count)
        }
        Kind::File(_) if at.is_some() => Err(Errno::InvalidSeek.into()),
        Kind::File(file) => {
            let file = &mut file.file;
            let request = FileRequest::Write {
                position: Position::At(0),
                bytes,
            };
            let (count, _) = written(waiting(file.poll(&mut task, request), flags)?)?;
            Ok(count)
        }
        Kind::Directory(_) | Kind::Socket(_) => Err(Errno::BadDescriptor.into()),
    }
}

fn written(reply: FileReply) -> Result<(usize, u64), Errno> {
    match reply {
        FileReply::Written { count, end } => Ok((count, end)),
        _ => Err(Errno::Io),
    }
}

/// What something that may wait answered; a descriptor that does not block says `again` instead of waiting.
pub(super) fn waiting<T>(answer: Poll<Result<T, Errno>>, flags: FdFlags) -> Attempt<T> {
    match ready(answer) {
        Err(Stop::Blocked) if flags.is_nonblocking() => Err(Errno::Again.into()),
        answer => answer,
    }
}

/// Suspends the guest for as long as it takes to give others a turn.
pub(in crate::host) fn give_turn(context: &mut Context<'_>) -> Stop {
    context.wait_until(Instant::from_nanos(0));
    context.waker.wake_by_ref();
    Stop::Blocked
}

/// The first buffer that has room.
pub(super) fn first<'a>(buffers: &[Buffer], memory: &'a mut [u8]) -> Option<&'a mut [u8]> {
    let buffer = buffers.iter().find(|buffer| !buffer.is_empty())?;
    memory.get_mut(buffer.clone())
}

/// What is left of the buffer that holds byte number `done` of all buffers together.
pub(super) fn rest(buffers: &[Buffer], done: u32) -> Option<Range<usize>> {
    let mut done = usize::try_from(done).ok()?;
    for buffer in buffers {
        if done < buffer.len() {
            return Some(buffer.start + done..buffer.end);
        }
        done -= buffer.len();
    }
    None
}

/// The bytes to write next: `first`, or, if it is small, it and those that follow it put together.
fn gather<'a>(
    buffers: &[Buffer],
    done: u32,
    first: &'a [u8],
    memory: &[u8],
    gathered: &'a mut Vec<u8>,
) -> &'a [u8] {
    let total: usize = buffers.iter().map(ExactSizeIterator::len).sum();
    let left = total.saturating_sub(usize::try_from(done).unwrap_or(usize::MAX));
    if first.len() >= GATHER_BYTES || first.len() == left {
        return first;
    }
    gathered.clear();
    let mut done = done;
    while let Some(bytes) = rest(buffers, done).and_then(|piece| memory.get(piece)) {
        let room = GATHER_BYTES.saturating_sub(gathered.len());
        let taken = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        if taken.is_empty() {
            break;
        }
        gathered.extend_from_slice(taken);
        advance(&mut done, taken.len());
    }
    gathered
}

fn advance(done: &mut u32, count: usize) {
    *done = done.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
}

fn offset(offset: u64) -> Result<u64, Errno> {
    if i64::try_from(offset).is_ok() {
        Ok(offset)
    } else {
        Err(Errno::Invalid)
    }
}
