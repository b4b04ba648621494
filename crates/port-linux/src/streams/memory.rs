//! Streams in memory: nothing, a fixed input, output kept for later, and a pipe.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use thimble_abi::Errno;
use thimble_runtime::port::{Interest, Readiness, Stream};

/// A stream that is always at its end and takes everything.
#[must_use]
pub fn null() -> Box<dyn Stream> {
    Box::new(Null)
}

/// A stream that gives these bytes, and then its end.
#[must_use]
pub fn input(bytes: impl Into<Vec<u8>>) -> Box<dyn Stream> {
    let (writer, reader) = pipe(usize::MAX);
    writer.0.lock().bytes.extend(bytes.into());
    drop(writer);
    Box::new(reader)
}

/// A stream that keeps what is written to it, at most so many bytes; the rest is dropped.
#[must_use]
pub fn captured(bytes_max: usize) -> (Box<dyn Stream>, Captured) {
    let captured = Captured(Arc::default());
    (
        Box::new(Capture {
            captured: captured.clone(),
            bytes_max,
        }),
        captured,
    )
}

/// A pipe in memory: what is written to the first can be read from the second.
#[must_use]
pub fn pipe(capacity_bytes: usize) -> (PipeEnd, PipeEnd) {
    let state = State {
        bytes: VecDeque::new(),
        capacity_bytes,
        writer_gone: false,
        reader_gone: false,
        wakers: Vec::new(),
    };
    let state = Arc::new(Mutex::new(state));
    (
        PipeEnd(Arc::clone(&state), Side::Writer),
        PipeEnd(state, Side::Reader),
    )
}

/// What was written to a stream.
#[derive(Clone, Debug)]
pub struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    /// The bytes so far.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.0.lock().clone()
    }

    /// The bytes so far as text; what is not UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock()).into_owned()
    }
}

/// One end of a pipe in memory. Dropping it tells the other.
pub struct PipeEnd(Arc<Mutex<State>>, Side);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Writer,
    Reader,
}

struct State {
    bytes: VecDeque<u8>,
    capacity_bytes: usize,
    writer_gone: bool,
    reader_gone: bool,
    wakers: Vec<Waker>,
}

impl State {
    fn wake(&mut self) {
        self.wakers.drain(..).for_each(Waker::wake);
    }

    fn wait<T>(&mut self, context: &Context<'_>) -> Poll<T> {
        self.wakers
            .retain(|waker| !waker.will_wake(context.waker()));
        self.wakers.push(context.waker().clone());
        Poll::Pending
    }
}

impl Stream for PipeEnd {
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<Result<usize, Errno>> {
        let mut state = self.0.lock();
        if self.1 != Side::Reader {
            return Poll::Ready(Err(Errno::BadDescriptor));
        }
        if state.bytes.is_empty() && !state.writer_gone {
            return state.wait(context);
        }
        let count = buffer.len().min(state.bytes.len());
        for (to, from) in buffer.iter_mut().zip(state.bytes.drain(..count)) {
            *to = from;
        }
        state.wake();
        Poll::Ready(Ok(count))
    }

    fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize, Errno>> {
        let mut state = self.0.lock();
        if self.1 != Side::Writer {
            return Poll::Ready(Err(Errno::BadDescriptor));
        }
        if state.reader_gone {
            return Poll::Ready(Err(Errno::BrokenPipe));
        }
        let room = state.capacity_bytes.saturating_sub(state.bytes.len());
        if room == 0 && !bytes.is_empty() {
            return state.wait(context);
        }
        let taken = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        state.bytes.extend(taken);
        state.wake();
        Poll::Ready(Ok(taken.len()))
    }

    fn poll_ready(
        &mut self,
        context: &mut Context<'_>,
        interest: Interest,
    ) -> Poll<Result<Readiness, Errno>> {
        let mut state = self.0.lock();
        let (bytes, hangup) = match interest {
            Interest::Read => (state.bytes.len(), state.writer_gone),
            Interest::Write => (
                state.capacity_bytes.saturating_sub(state.bytes.len()),
                state.reader_gone,
            ),
        };
        if bytes == 0 && !hangup {
            return state.wait(context);
        }
        Poll::Ready(Ok(Readiness {
            bytes: u64::try_from(bytes).unwrap_or(u64::MAX),
            hangup,
        }))
    }

    fn is_terminal(&self) -> bool {
        false
    }
}

impl Drop for PipeEnd {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        match self.1 {
            Side::Writer => state.writer_gone = true,
            Side::Reader => state.reader_gone = true,
        }
        state.wake();
    }
}

struct Null;

impl Stream for Null {
    fn poll_read(&mut self, _: &mut Context<'_>, _: &mut [u8]) -> Poll<Result<usize, Errno>> {
        Poll::Ready(Ok(0))
    }

    fn poll_write(&mut self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Errno>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_ready(
        &mut self,
        _: &mut Context<'_>,
        interest: Interest,
    ) -> Poll<Result<Readiness, Errno>> {
        let bytes = if interest == Interest::Write { 1 } else { 0 };
        Poll::Ready(Ok(Readiness {
            bytes,
            hangup: false,
        }))
    }

    fn is_terminal(&self) -> bool {
        false
    }
}

struct Capture {
    captured: Captured,
    bytes_max: usize,
}

impl Stream for Capture {
    fn poll_read(&mut self, _: &mut Context<'_>, _: &mut [u8]) -> Poll<Result<usize, Errno>> {
        Poll::Ready(Ok(0))
    }

    fn poll_write(&mut self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Errno>> {
        let mut kept = self.captured.0.lock();
        let room = self.bytes_max.saturating_sub(kept.len());
        kept.extend_from_slice(bytes.get(..room.min(bytes.len())).unwrap_or_default());
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_ready(&mut self, _: &mut Context<'_>, _: Interest) -> Poll<Result<Readiness, Errno>> {
        Poll::Ready(Ok(Readiness {
            bytes: 1,
            hangup: false,
        }))
    }

    fn is_terminal(&self) -> bool {
        false
    }
}
