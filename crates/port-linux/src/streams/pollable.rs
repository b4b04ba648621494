//! Descriptors that never block.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::task::{Context, Poll};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno as Os;
use rustix::net::{RecvFlags, SendFlags};
use thimble_abi::Errno;
use thimble_runtime::port::{Interest, Readiness, Stream};

use crate::errno::{from_io, from_rustix};
use crate::reactor::{Reactor, Registration};

/// Bytes written at once, so that a slow terminal or disk gets them in pieces.
const WRITE_BYTES: usize = 64 << 10;

/// A descriptor that never blocks.
pub(crate) struct Pollable {
    // Dropped before the descriptor is closed.
    registration: Option<Registration>,
    descriptor: OwnedFd,
    how: How,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    /// It is always ready.
    Direct,
    /// Its description has `O_NONBLOCK`.
    Nonblocking,
    /// It is a socket whose description may be shared.
    Socket,
}

impl Pollable {
    /// A regular file.
    pub(super) const fn direct(descriptor: OwnedFd) -> Self {
        Self {
            registration: None,
            descriptor,
            how: How::Direct,
        }
    }

    /// A descriptor whose own description has `O_NONBLOCK`.
    pub(crate) fn nonblocking(descriptor: OwnedFd, reactor: &Reactor) -> Self {
        // What the kernel cannot wait for, such as `/dev/null`, is always ready.
        let registration = reactor.register(descriptor.as_fd()).ok();
        Self {
            registration,
            descriptor,
            how: How::Nonblocking,
        }
    }

    /// A socket.
    pub(super) fn socket(descriptor: OwnedFd, reactor: &Reactor) -> Self {
        let registration = reactor.register(descriptor.as_fd()).ok();
        Self {
            registration,
            descriptor,
            how: How::Socket,
        }
    }

    /// The descriptor.
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }

    /// Reads some bytes; 0 is the end.
    pub(crate) fn read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, Errno>> {
        loop {
            let result = match self.how {
                How::Direct | How::Nonblocking => rustix::io::read(&self.descriptor, &mut *buffer),
                How::Socket => {
                    rustix::net::recv(&self.descriptor, &mut *buffer, RecvFlags::DONTWAIT)
                        .map(|(count, _)| count)
                }
            };
            match result {
                Ok(count) => return Poll::Ready(Ok(count)),
                Err(Os::INTR) => {}
                Err(Os::AGAIN) => return self.wait(context, Interest::Read),
                Err(error) => return Poll::Ready(Err(from_rustix(error))),
            }
        }
    }

    /// Writes some bytes.
    pub(crate) fn write(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize, Errno>> {
        let bytes = bytes.get(..bytes.len().min(WRITE_BYTES)).unwrap_or(bytes);
        loop {
            let result = match self.how {
                How::Direct | How::Nonblocking => rustix::io::write(&self.descriptor, bytes),
                How::Socket => rustix::net::send(
                    &self.descriptor,
                    bytes,
                    SendFlags::DONTWAIT | SendFlags::NOSIGNAL,
                ),
            };
            match result {
                Ok(count) => return Poll::Ready(Ok(count)),
                Err(Os::INTR) => {}
                Err(Os::AGAIN) => return self.wait(context, Interest::Write),
                Err(error) => return Poll::Ready(Err(from_rustix(error))),
            }
        }
    }

    /// Waits until a read or write would not wait.
    pub(crate) fn ready(
        &mut self,
        context: &mut Context<'_>,
        interest: Interest,
    ) -> Poll<Result<Readiness, Errno>> {
        match (self.how, readiness(self.descriptor.as_fd(), interest)) {
            (How::Direct, _) => Poll::Ready(Ok(Readiness {
                bytes: 1,
                hangup: false,
            })),
            (_, Ok(Some(readiness))) => Poll::Ready(Ok(readiness)),
            (_, Ok(None)) => self.wait(context, interest),
            (_, Err(errno)) => Poll::Ready(Err(errno)),
        }
    }

    fn wait<T>(&self, context: &Context<'_>, interest: Interest) -> Poll<Result<T, Errno>> {
        match &self.registration {
            None => Poll::Ready(Err(Errno::Again)),
            Some(registration) => match registration.arm(interest, context.waker()) {
                Ok(()) => Poll::Pending,
                Err(error) => Poll::Ready(Err(from_io(&error))),
            },
        }
    }
}

impl Stream for Pollable {
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, Errno>> {
        self.read(context, buffer)
    }

    fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize, Errno>> {
        self.write(context, bytes)
    }

    fn poll_ready(
        &mut self,
        context: &mut Context<'_>,
        interest: Interest,
    ) -> Poll<Result<Readiness, Errno>> {
        self.ready(context, interest)
    }

    fn is_terminal(&self) -> bool {
        self.how == How::Nonblocking && rustix::termios::isatty(&self.descriptor)
    }
}

/// How ready a descriptor is now; none if it is not.
pub(super) fn readiness(
    descriptor: BorrowedFd<'_>,
    interest: Interest,
) -> Result<Option<Readiness>, Errno> {
    let wanted = match interest {
        Interest::Read => PollFlags::IN,
        Interest::Write => PollFlags::OUT,
    };
    let mut polled = [PollFd::from_borrowed_fd(descriptor, wanted)];
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    match rustix::event::poll(&mut polled, Some(&now)) {
        Ok(0) | Err(Os::INTR) => return Ok(None),
        Ok(_) => {}
        Err(error) => return Err(from_rustix(error)),
    }
    let seen = polled.first().map_or(PollFlags::empty(), PollFd::revents);
    let hangup = seen.intersects(PollFlags::HUP | PollFlags::ERR);
    let bytes = match interest {
        Interest::Read if seen.contains(PollFlags::IN) => {
            rustix::io::ioctl_fionread(descriptor).unwrap_or(1)
        }
        Interest::Read => 0,
        Interest::Write => 1,
    };
    // A descriptor that is readable without bytes is at its end.
    Ok(Some(Readiness { bytes, hangup }))
}
