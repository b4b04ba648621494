//! Threads for what the kernel may take its time over: disks, mostly.
//!
//! There are none until the first job, at most so many, and those without work end after a while. A job
//! owns everything it touches, so whoever started it may be dropped meanwhile: its result is dropped too,
//! and what it holds open is closed when it ends.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

/// Threads of a device's pool. More than can work at once, because most of them wait for storage.
pub const THREADS_MAX: usize = 32;

/// Time without work after which a thread ends.
pub const IDLE_MAX: Duration = Duration::from_secs(5);

/// Stack of a thread; jobs are shallow.
const STACK_BYTES: usize = 256 << 10;

/// A bounded number of threads, started when there is work.
#[derive(Clone)]
pub struct Pool(Arc<Shared>);

struct Shared {
    threads_max: usize,
    idle_max: Duration,
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Box<dyn FnOnce() + Send>>,
    threads: usize,
    idle: usize,
}

/// A job under way, and its result once it has ended.
pub struct Job<T>(Arc<Mutex<Outcome<T>>>);

enum Outcome<T> {
    Pending(Option<Waker>),
    Done(T),
    /// The job panicked, or its result was taken.
    Gone,
}

impl Pool {
    /// A pool of at most so many threads, each of which ends after so long without work.
    #[must_use]
    pub fn new(threads_max: usize, idle_max: Duration) -> Self {
        let threads_max = threads_max.max(1);
        Self(Arc::new(Shared {
            threads_max,
            idle_max,
            state: Mutex::default(),
            work: Condvar::new(),
        }))
    }

    /// Starts a job; `waker` is woken when it has ended. Without any thread to be had, it runs at once.
    pub fn start<T: Send + 'static>(
        &self,
        waker: &Waker,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Job<T> {
        let outcome = Arc::new(Mutex::new(Outcome::Pending(Some(waker.clone()))));
        let told = Arc::clone(&outcome);
        self.enqueue(Box::new(move || {
            let ended = match catch_unwind(AssertUnwindSafe(work)) {
                Ok(result) => Outcome::Done(result),
                Err(_) => Outcome::Gone,
            };
            let before = std::mem::replace(&mut *told.lock(), ended);
            if let Outcome::Pending(Some(waker)) = before {
                waker.wake();
            }
        }));
        Job(outcome)
    }

    /// Threads there are now.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.0.state.lock().threads
    }

    fn enqueue(&self, work: Box<dyn FnOnce() + Send>) {
        let mut state = self.0.state.lock();
        state.queue.push_back(work);
        if state.idle >= state.queue.len() {
            self.0.work.notify_one();
            return;
        }
        if state.threads == self.0.threads_max {
            return;
        }
        state.threads += 1;
        drop(state);
        let shared = Arc::clone(&self.0);
        let started = thread::Builder::new()
            .name("files".into())
            .stack_size(STACK_BYTES)
            .spawn(move || serve(&shared));
        if started.is_err() {
            self.go_without();
        }
    }

    /// The device has no thread to give: the other threads do the work, or, if there are none, this one.
    fn go_without(&self) {
        let work = {
            let mut state = self.0.state.lock();
            state.threads -= 1;
            if state.threads > 0 {
                None
            } else {
                state.queue.pop_front()
            }
        };
        if let Some(work) = work {
            work();
        }
    }
}

impl Default for Pool {
    fn default() -> Self {
        Self::new(THREADS_MAX, IDLE_MAX)
    }
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Pool")
            .field("threads_max", &self.0.threads_max)
            .finish_non_exhaustive()
    }
}

impl<T> Job<T> {
    /// The result, once; `None` if the job failed to give one. While it is under way, `waker` replaces
    /// the one to be woken.
    pub fn poll(&mut self, waker: &Waker) -> Poll<Option<T>> {
        let mut outcome = self.0.lock();
        if let Outcome::Pending(waiting) = &mut *outcome {
            match waiting {
                Some(old) if old.will_wake(waker) => {}
                waiting => *waiting = Some(waker.clone()),
            }
            return Poll::Pending;
        }
        match std::mem::replace(&mut *outcome, Outcome::Gone) {
            Outcome::Done(result) => Poll::Ready(Some(result)),
            Outcome::Pending(_) | Outcome::Gone => Poll::Ready(None),
        }
    }
}

/// What a thread does: one job after the other, until there are none for a while.
fn serve(shared: &Shared) {
    let mut state = shared.state.lock();
    loop {
        if let Some(work) = state.queue.pop_front() {
            drop(state);
            work();
            state = shared.state.lock();
            continue;
        }
        state.idle += 1;
        let timed_out = shared
            .work
            .wait_for(&mut state, shared.idle_max)
            .timed_out();
        state.idle -= 1;
        if timed_out && state.queue.is_empty() {
            state.threads -= 1;
            return;
        }
    }
}
