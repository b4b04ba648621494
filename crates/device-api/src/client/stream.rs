//! Answers that come bit by bit, and may never end.

use std::fmt;
use std::io::{self, Read};
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Waker};

use hyper::body::Bytes;
use serde::de::DeserializeOwned;

use crate::problem::Problem;

use super::error::ClientError;
use super::exchange::Exchange;

/// Bytes of one line of an answer at most.
pub const LINE_BYTES_MAX: usize = 16 << 20;

/// Ends a stream from another thread: whoever waits for its next item learns that there is none.
#[derive(Clone, Debug, Default)]
pub struct Canceller(Arc<Cancelled>);

#[derive(Debug, Default)]
struct Cancelled {
    is_set: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

impl Canceller {
    /// Ends the stream.
    pub fn cancel(&self) {
        self.0.is_set.store(true, Ordering::Release);
        let waker = self.0.waker.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waker) = &*waker {
            waker.wake_by_ref();
        }
    }

    /// Whether it was ended; if not, whoever asks is woken when it is.
    pub(super) fn is_cancelled(&self, context: &Context<'_>) -> bool {
        let mut waker = self.0.waker.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *waker {
            Some(waker) => waker.clone_from(context.waker()),
            None => *waker = Some(context.waker().clone()),
        }
        drop(waker);
        self.0.is_set.load(Ordering::Acquire)
    }
}

/// Lines of JSON, each a `T`, as they come.
pub struct Lines<T> {
    /// None after the end.
    exchange: Option<Exchange>,
    canceller: Canceller,
    /// What has come and was not taken yet.
    buffer: Vec<u8>,
    /// How much of it was taken.
    taken: usize,
    /// How much of it has been looked at for the end of a line.
    seen: usize,
    items: PhantomData<fn() -> T>,
}

impl<T> fmt::Debug for Lines<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Lines").finish_non_exhaustive()
    }
}

impl<T> Lines<T> {
    pub(super) fn new(exchange: Exchange) -> Self {
        Self {
            canceller: exchange.canceller(),
            exchange: Some(exchange),
            buffer: Vec::new(),
            taken: 0,
            seen: 0,
            items: PhantomData,
        }
    }

    /// What ends the stream from another thread.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        self.canceller.clone()
    }

    /// The next line that is not empty, without its end.
    fn line(&mut self) -> Result<Option<Vec<u8>>, ClientError> {
        loop {
            let new = self.buffer.get(self.seen..).unwrap_or_default();
            if let Some(length) = new.iter().position(|byte| *byte == b'\n') {
                let end = self.seen + length;
                let line = self.buffer.get(self.taken..end).unwrap_or_default();
                let line = line.trim_ascii().to_vec();
                self.taken = end + 1;
                self.seen = end + 1;
                if line.is_empty() {
                    continue;
                }
                return Ok(Some(line));
            }
            self.buffer.drain(..self.taken);
            self.taken = 0;
            self.seen = self.buffer.len();
            if self.seen > LINE_BYTES_MAX {
                return Err(ClientError::broken(format_args!(
                    "a line has more than {} MiB",
                    LINE_BYTES_MAX >> 20
                )));
            }
            let Some(exchange) = &mut self.exchange else {
                return Ok(None);
            };
            match exchange.chunk()? {
                Some(chunk) => self.buffer.extend_from_slice(&chunk),
                None => {
                    self.exchange = None;
                    // A last line may do without its end.
                    let rest = std::mem::take(&mut self.buffer);
                    let rest = rest.trim_ascii();
                    self.seen = 0;
                    return Ok((!rest.is_empty()).then(|| rest.to_vec()));
                }
            }
        }
    }

    fn end(&mut self) {
        self.exchange = None;
        self.buffer = Vec::new();
        self.taken = 0;
        self.seen = 0;
    }
}

impl<T: DeserializeOwned> Iterator for Lines<T> {
    type Item = Result<T, ClientError>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = match self.line() {
            Ok(line) => parse(&line?),
            Err(error) => Err(error),
        };
        if item.is_err() {
            self.end();
        }
        Some(item)
    }
}

/// An item; or the problem because of which there are no more.
fn parse<T: DeserializeOwned>(line: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(line).map_err(|error| {
        serde_json::from_slice::<Problem>(line)
            .map_or_else(|_| ClientError::broken(error), ClientError::Problem)
    })
}

/// Bytes as they come.
pub struct Download {
    exchange: Exchange,
    chunk: Bytes,
}

impl fmt::Debug for Download {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Download").finish_non_exhaustive()
    }
}

impl Download {
    pub(super) const fn new(exchange: Exchange) -> Self {
        Self {
            exchange,
            chunk: Bytes::new(),
        }
    }
}

impl Read for Download {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() {
            match self.exchange.chunk().map_err(io::Error::other)? {
                Some(chunk) => self.chunk = chunk,
                None => return Ok(0),
            }
        }
        let count = self.chunk.len().min(buffer.len());
        let taken = self.chunk.split_to(count);
        if let Some(place) = buffer.get_mut(..count) {
            place.copy_from_slice(&taken);
        }
        Ok(count)
    }
}
