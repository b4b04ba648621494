//! Byte streams: standard input, output and error.

use core::task::{Context, Poll};

use thimble_abi::Errno;

/// What to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Something to read, a connection to accept, or the end.
    Read,
    /// Room to write, or a connection that is made or refused.
    Write,
}

/// What a ready object is ready for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// Bytes that can be read or written without waiting, as far as known; at least 1 unless at the end.
    pub bytes: u64,
    /// Whether the other side has gone.
    pub hangup: bool,
}

/// A stream of bytes without a position.
pub trait Stream: Send {
    /// Reads some bytes; 0 is the end.
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, Errno>>;

    /// Writes some bytes.
    fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8])
    -> Poll<Result<usize, Errno>>;

    /// Waits until a read or write would not wait.
    fn poll_ready(
        &mut self,
        context: &mut Context<'_>,
        interest: Interest,
    ) -> Poll<Result<Readiness, Errno>>;

    /// Whether a person may sit at the other end.
    fn is_terminal(&self) -> bool;
}
