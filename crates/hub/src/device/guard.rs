//! Ends connections whose other end is slow on purpose or gone: one timer per connection, which looks at what the connection
//! was doing when it fires, instead of one per request.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::settings::Settings;

/// What a connection does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    /// Nothing: between requests.
    Idle,
    /// Its other end sends a request.
    Head,
    /// A request is answered.
    Busy,
    /// Its other end takes an answer.
    Writing,
}

/// How long a connection may do each of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    idle: Duration,
    head: Duration,
    busy: Duration,
    write: Duration,
}

impl Patience {
    /// As the settings say.
    #[must_use]
    pub(super) fn new(settings: &Settings) -> Self {
        let wait = Duration::from_secs(u64::from(settings.wait_max_s));
        Self {
            idle: settings.idle_timeout,
            head: settings.head_timeout,
            // A request that waits, for its body, for the store and for something new, never takes longer than all of it.
            busy: wait + settings.body_timeout + settings.store_wait * 4 + Duration::from_secs(60),
            write: settings.write_timeout,
        }
    }

    fn of(&self, doing: Doing) -> Duration {
        match doing {
            Doing::Idle => self.idle,
            Doing::Head => self.head,
            Doing::Busy => self.busy,
            Doing::Writing => self.write,
        }
    }
}

/// What a connection does and since when: milliseconds after its beginning, and two bits.
#[derive(Debug)]
pub(super) struct Activity {
    began: Instant,
    packed: AtomicU64,
}

impl Activity {
    /// A connection that begins now.
    #[must_use]
    pub(super) fn new() -> Self {
        Self {
            began: Instant::now(),
            packed: AtomicU64::new(0),
        }
    }

    fn set(&self, doing: Doing) {
        let ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX >> 2);
        let bits = match doing {
            Doing::Idle => 0,
            Doing::Head => 1,
            Doing::Busy => 2,
            Doing::Writing => 3,
        };
        self.packed.store(ms << 2 | bits, Ordering::Relaxed);
    }

    fn doing(&self) -> Doing {
        match self.packed.load(Ordering::Relaxed) & 3 {
            0 => Doing::Idle,
            1 => Doing::Head,
            2 => Doing::Busy,
            _ => Doing::Writing,
        }
    }

    fn ends(&self, patience: &Patience) -> Instant {
        let since = Duration::from_millis(self.packed.load(Ordering::Relaxed) >> 2);
        self.began + since + patience.of(self.doing())
    }

    /// A request was read and is being answered.
    pub(super) fn answering(&self) {
        self.set(Doing::Busy);
    }

    /// There is an answer to write.
    pub(super) fn answered(&self) {
        self.set(Doing::Writing);
    }
}

impl Default for Activity {
    fn default() -> Self {
        Self::new()
    }
}

/// A stream whose reads and writes are noted.
#[derive(Debug)]
pub(super) struct Watched<S> {
    stream: S,
    activity: Arc<Activity>,
}

impl<S> Watched<S> {
    /// Notes what happens on a stream.
    pub(super) fn new(stream: S, activity: Arc<Activity>) -> Self {
        Self { stream, activity }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        if buffer.filled().len() > before && self.activity.doing() == Doing::Idle {
            self.activity.set(Doing::Head);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.activity.doing() == Doing::Idle {
            self.activity.set(Doing::Writing);
        }
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes))?;
        if written > 0 && self.activity.doing() == Doing::Writing {
            self.activity.set(Doing::Writing);
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        if self.activity.doing() == Doing::Writing {
            self.activity.set(Doing::Idle);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Runs a connection until it ends or patience does.
#[derive(Debug)]
pub(super) struct Guarded<F> {
    connection: F,
    activity: Arc<Activity>,
    patience: Patience,
    timer: Pin<Box<Sleep>>,
}

impl<F> Guarded<F> {
    /// Guards a connection.
    pub(super) fn new(connection: F, activity: Arc<Activity>, patience: Patience) -> Self {
        let first = activity.ends(&patience);
        Self {
            connection,
            activity,
            patience,
            timer: Box::pin(tokio::time::sleep_until(first)),
        }
    }

    /// The connection.
    pub(super) fn connection(&mut self) -> &mut F {
        &mut self.connection
    }
}

impl<F: Future + Unpin> Future for Guarded<F> {
    /// What the connection came to; nothing if patience ended.
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Poll::Ready(output) = Pin::new(&mut self.connection).poll(context) {
            return Poll::Ready(Some(output));
        }
        // Only this task changes what the connection does. Later ends are seen when the timer fires, so that a request that is
        // answered at once never touches it.
        let ends = self.activity.ends(&self.patience);
        if ends < self.timer.deadline() {
            self.timer.as_mut().reset(ends);
        }
        while self.timer.as_mut().poll(context).is_ready() {
            if ends <= Instant::now() {
                return Poll::Ready(None);
            }
            self.timer.as_mut().reset(ends);
        }
        Poll::Pending
    }
}
