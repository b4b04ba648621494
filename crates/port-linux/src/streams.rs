//! Byte streams: the process's own standard streams, and streams in memory.
//!
//! No stream blocks the thread, and none changes a descriptor that others share: setting `O_NONBLOCK` on
//! a terminal or a pipe would reach the shell that started us. Pipes and terminals are opened anew
//! through `/proc`, sockets are asked with `MSG_DONTWAIT`, regular files are used as they are, and what
//! can be had in none of these ways is left to the pool.

mod blocking;
mod memory;
mod pollable;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{FileType, Mode, OFlags};
use thimble_runtime::port::Stream;

use crate::pool::Pool;
use crate::reactor::Reactor;
use blocking::BlockingStream;
pub(crate) use pollable::Pollable;

pub use memory::{Captured, captured, input, null, pipe};

/// Standard input of this process.
///
/// # Errors
/// When it is closed.
pub fn standard_input(pool: &Pool, reactor: &Reactor) -> io::Result<Box<dyn Stream>> {
    shared(rustix::stdio::stdin(), pool, reactor)
}

/// Standard output of this process.
///
/// # Errors
/// When it is closed.
pub fn standard_output(pool: &Pool, reactor: &Reactor) -> io::Result<Box<dyn Stream>> {
    shared(rustix::stdio::stdout(), pool, reactor)
}

/// Standard error of this process.
///
/// # Errors
/// When it is closed.
pub fn standard_error(pool: &Pool, reactor: &Reactor) -> io::Result<Box<dyn Stream>> {
    shared(rustix::stdio::stderr(), pool, reactor)
}

/// A stream over a descriptor that others may share; the descriptor itself is not changed.
///
/// # Errors
/// When it is closed, or this process has too many open.
pub fn shared(
    descriptor: BorrowedFd<'_>,
    pool: &Pool,
    reactor: &Reactor,
) -> io::Result<Box<dyn Stream>> {
    let kind = FileType::from_raw_mode(rustix::fs::fstat(descriptor)?.st_mode);
    Ok(match kind {
        FileType::RegularFile | FileType::BlockDevice | FileType::Directory => {
            Box::new(Pollable::direct(duplicate(descriptor)?))
        }
        FileType::Socket => Box::new(Pollable::socket(duplicate(descriptor)?, reactor)),
        _ => match reopen(descriptor) {
            Ok(own) => Box::new(Pollable::nonblocking(own, reactor)),
            Err(_) => Box::new(BlockingStream::new(duplicate(descriptor)?, pool)),
        },
    })
}

fn duplicate(descriptor: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    Ok(rustix::io::fcntl_dupfd_cloexec(descriptor, 3)?)
}

/// Another open file description of the same pipe or device, one that does not block.
fn reopen(descriptor: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    use std::os::fd::AsRawFd;
    let access = rustix::fs::fcntl_getfl(descriptor)? & OFlags::RWMODE;
    let flags = access | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let path = format!("/proc/self/fd/{}", descriptor.as_fd().as_raw_fd());
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}
