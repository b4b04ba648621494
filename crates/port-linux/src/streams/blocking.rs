//! Descriptors that can only be used by waiting for them, which threads of the pool do.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::task::{Context, Poll};

use rustix::event::{PollFd, PollFlags};
use thimble_abi::Errno;
use thimble_runtime::port::{Interest, Readiness, Stream};

use super::pollable::readiness;
use crate::errno::from_rustix;
use crate::pool::{Job, Pool};

/// Bytes read or written by one job.
const JOB_BYTES: usize = 4096;

/// A descriptor that blocks.
pub(super) struct BlockingStream {
    descriptor: Arc<OwnedFd>,
    pool: Pool,
    terminal: bool,
    reading: Option<Job<Result<Vec<u8>, Errno>>>,
    writing: Option<Job<Result<usize, Errno>>>,
    writable: Option<Job<()>>,
    /// What a job read and nobody took yet, and how much of it was taken.
    read: Option<(Result<Vec<u8>, Errno>, usize)>,
}

impl BlockingStream {
    pub(super) fn new(descriptor: OwnedFd, pool: &Pool) -> Self {
        let terminal = rustix::termios::isatty(&descriptor);
        Self {
            descriptor: Arc::new(descriptor),
            pool: pool.clone(),
            terminal,
            reading: None,
            writing: None,
            writable: None,
            read: None,
        }
    }

    /// Waits until a job has read something.
    fn fill(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.read.is_some() {
            return Poll::Ready(());
        }
        let descriptor = Arc::clone(&self.descriptor);
        let reading = self.reading.get_or_insert_with(|| {
            self.pool.start(context.waker(), move || {
                let mut bytes = vec![0; JOB_BYTES];
                let count = rustix::io::retry_on_intr(|| rustix::io::read(&descriptor, &mut bytes))
                    .map_err(from_rustix)?;
                bytes.truncate(count);
                Ok(bytes)
            })
        });
        let Poll::Ready(result) = reading.poll(context.waker()) else {
            return Poll::Pending;
        };
        self.reading = None;
        self.read = Some((result.unwrap_or(Err(Errno::Io)), 0));
        Poll::Ready(())
    }
}

impl Stream for BlockingStream {
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, Errno>> {
        if self.fill(context).is_pending() {
            return Poll::Pending;
        }
        let Some((result, taken)) = self.read.take() else {
            return Poll::Pending;
        };
        Poll::Ready(result.map(|bytes| {
            let left = bytes.get(taken..).unwrap_or_default();
            let count = left.len().min(buffer.len());
            for (to, from) in buffer.iter_mut().zip(left) {
                *to = *from;
            }
            if taken + count < bytes.len() {
                self.read = Some((Ok(bytes), taken + count));
            }
            count
        }))
    }

    fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize, Errno>> {
        let descriptor = Arc::clone(&self.descriptor);
        let writing = self.writing.get_or_insert_with(|| {
            let copy = bytes
                .get(..bytes.len().min(JOB_BYTES))
                .unwrap_or(bytes)
                .to_vec();
            self.pool.start(context.waker(), move || {
                rustix::io::retry_on_intr(|| rustix::io::write(&descriptor, &copy))
                    .map_err(from_rustix)
            })
        });
        let result = writing.poll(context.waker());
        if result.is_ready() {
            self.writing = None;
        }
        result.map(|result| result.unwrap_or(Err(Errno::Io)))
    }

    fn poll_ready(
        &mut self,
        context: &mut Context<'_>,
        interest: Interest,
    ) -> Poll<Result<Readiness, Errno>> {
        match interest {
            Interest::Read => self.fill(context).map(|()| {
                let bytes = match &self.read {
                    Some((Ok(bytes), taken)) => bytes.len().saturating_sub(*taken),
                    _ => 0,
                };
                Ok(Readiness {
                    bytes: u64::try_from(bytes).unwrap_or(0),
                    hangup: bytes == 0,
                })
            }),
            Interest::Write => {
                if let Some(ready) = readiness(self.descriptor.as_fd(), interest)? {
                    self.writable = None;
                    return Poll::Ready(Ok(ready));
                }
                let descriptor = Arc::clone(&self.descriptor);
                let writable = self.writable.get_or_insert_with(|| {
                    self.pool.start(context.waker(), move || {
                        // However it ends: whoever waits looks again.
                        let _ = rustix::event::poll(
                            &mut [PollFd::new(&descriptor, PollFlags::OUT)],
                            None,
                        );
                    })
                });
                if writable.poll(context.waker()).is_ready() {
                    self.writable = None;
                    context.waker().wake_by_ref();
                }
                Poll::Pending
            }
        }
    }

    fn is_terminal(&self) -> bool {
        self.terminal
    }
}
