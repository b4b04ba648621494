//! How much at once devices make the store do: a few tasks, and a queue with an end.
//!
//! A hundred thousand devices that come back at once must not be a hundred thousand queries. Who does not get in soon is sent
//! away for a while, each for another time.

use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::pace::Load;

/// A place at the store.
#[derive(Debug)]
pub struct Permit<'a> {
    _permit: SemaphorePermit<'a>,
}

/// Nobody else gets in now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full {
    /// How many wait.
    pub waiting: usize,
}

/// Lets so many in, and so many more wait for a while.
#[derive(Debug)]
pub struct Gate {
    places: Semaphore,
    waiting: AtomicUsize,
    queue_max: usize,
    wait: Duration,
}

/// Counts one who waits, however the waiting ends.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Gate {
    /// A gate with so many places, a queue of so many more, and an end to the waiting.
    #[must_use]
    pub fn new(places: usize, queue_max: usize, wait: Duration) -> Self {
        Self {
            places: Semaphore::new(places.clamp(1, Semaphore::MAX_PERMITS)),
            waiting: AtomicUsize::new(0),
            queue_max,
            wait,
        }
    }

    /// Waits for a place, in turn.
    ///
    /// # Errors
    /// The queue is full, or the wait took too long.
    pub async fn enter(&self) -> Result<Permit<'_>, Full> {
        if let Ok(permit) = self.places.try_acquire() {
            return Ok(Permit { _permit: permit });
        }
        let waiting = self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiting = Waiting(&self.waiting);
        if waiting >= self.queue_max {
            return Err(Full { waiting });
        }
        match tokio::time::timeout(self.wait, self.places.acquire()).await {
            Ok(Ok(permit)) => Ok(Permit { _permit: permit }),
            _ => Err(Full { waiting }),
        }
    }

    /// How full the queue is.
    #[must_use]
    pub fn load(&self) -> Load {
        let waiting = self.waiting.load(Ordering::Relaxed);
        let part = waiting.saturating_mul(1000) / self.queue_max.max(1);
        Load(u32::try_from(part.min(1000)).unwrap_or(1000))
    }
}
