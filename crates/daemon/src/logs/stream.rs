//! Standard output and error of a guest, as a stream that the log takes.

use std::sync::Arc;
use std::task::{Context, Poll};

use thimble_abi::Errno;
use thimble_runtime::port::{Interest, Readiness, Stream};

use super::writer::Log;
use super::{Source, record};

/// One stream of a guest into its container's log.
pub(super) struct LogStream {
    pub(super) log: Arc<Log>,
    pub(super) source: Source,
}

impl Stream for LogStream {
    fn poll_read(&mut self, _: &mut Context<'_>, _: &mut [u8]) -> Poll<Result<usize, Errno>> {
        Poll::Ready(Ok(0))
    }

    fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize, Errno>> {
        let log = &self.log;
        let mut front = log.front.lock();
        if front.closed || bytes.is_empty() {
            return Poll::Ready(Ok(bytes.len()));
        }
        let count = front.intake.text(log.desk.now_nanos(), self.source, bytes);
        if count == 0 {
            front.intake.wait(context.waker());
            return Poll::Pending;
        }
        if !log.hand_over(&mut front) {
            log.drop_lines(record::count(bytes).max(1));
            return Poll::Ready(Ok(bytes.len()));
        }
        Poll::Ready(Ok(count))
    }

    fn poll_ready(
        &mut self,
        context: &mut Context<'_>,
        interest: Interest,
    ) -> Poll<Result<Readiness, Errno>> {
        let (bytes, hangup) = match interest {
            Interest::Read => (0, true),
            Interest::Write => {
                let mut front = self.log.front.lock();
                let room = front.intake.room();
                if room == 0 && !front.closed {
                    front.intake.wait(context.waker());
                    return Poll::Pending;
                }
                (room.max(1), false)
            }
        };
        Poll::Ready(Ok(Readiness {
            bytes: u64::try_from(bytes).unwrap_or(u64::MAX),
            hangup,
        }))
    }

    fn is_terminal(&self) -> bool {
        false
    }
}
