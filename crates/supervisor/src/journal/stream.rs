//! Standard streams of containers: output goes to the log and never waits, input is at its end.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::task::{Context, Poll};

use thimble_abi::Errno;
use thimble_runtime::port::{Interest, Readiness, Stream};
use thimble_serial::LogStream;

use super::Journal;

/// Writes to a container's log.
pub(crate) struct Output {
    journal: Arc<Journal>,
    stream: LogStream,
}

impl Output {
    pub(crate) fn boxed(journal: &Arc<Journal>, stream: LogStream) -> Box<dyn Stream> {
        Box::new(Self {
            journal: Arc::clone(journal),
            stream,
        })
    }
}

/// A stream that is at its end.
pub(crate) fn nothing() -> Box<dyn Stream> {
    Box::new(Nothing)
}

struct Nothing;

const READY: Readiness = Readiness {
    bytes: 1,
    hangup: false,
};

impl Stream for Output {
    fn poll_read(&mut self, _: &mut Context<'_>, _: &mut [u8]) -> Poll<Result<usize, Errno>> {
        Poll::Ready(Ok(0))
    }

    fn poll_write(&mut self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Errno>> {
        self.journal.write(self.stream, bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_ready(&mut self, _: &mut Context<'_>, _: Interest) -> Poll<Result<Readiness, Errno>> {
        Poll::Ready(Ok(READY))
    }

    fn is_terminal(&self) -> bool {
        false
    }
}

impl Stream for Nothing {
    fn poll_read(&mut self, _: &mut Context<'_>, _: &mut [u8]) -> Poll<Result<usize, Errno>> {
        Poll::Ready(Ok(0))
    }

    fn poll_write(&mut self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Errno>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_ready(&mut self, _: &mut Context<'_>, _: Interest) -> Poll<Result<Readiness, Errno>> {
        Poll::Ready(Ok(Readiness {
            bytes: 0,
            hangup: true,
        }))
    }

    fn is_terminal(&self) -> bool {
        false
    }
}
