//! Readiness of descriptors: wakes whoever waits for one.
//!
//! One thread at a time calls [`Reactor::turn`]; any thread may arm a registration or interrupt the turn.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, RawFd};
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use parking_lot::Mutex;
use polling::{Event, Events, PollMode, Poller};
use slab::Slab;
use thimble_runtime::port::Interest;

/// Events taken in one turn.
const EVENTS_PER_TURN: usize = 256;

/// Waits for many descriptors at once.
#[derive(Clone)]
pub struct Reactor(Arc<Shared>);

struct Shared {
    poller: Poller,
    entries: Mutex<Slab<Entry>>,
    events: Mutex<Events>,
}

#[derive(Default)]
struct Entry {
    read: Option<Waker>,
    write: Option<Waker>,
}

/// A descriptor the reactor knows; it forgets it when this is dropped, which must happen before the
/// descriptor is closed.
pub struct Registration {
    reactor: Reactor,
    descriptor: RawFd,
    key: usize,
}

impl Reactor {
    /// Makes a reactor.
    ///
    /// # Errors
    /// When the kernel gives no epoll instance.
    pub fn new() -> io::Result<Self> {
        let events = Events::with_capacity(
            EVENTS_PER_TURN
                .try_into()
                .unwrap_or(std::num::NonZeroUsize::MIN),
        );
        Ok(Self(Arc::new(Shared {
            poller: Poller::new()?,
            entries: Mutex::default(),
            events: Mutex::new(events),
        })))
    }

    /// Makes a descriptor known. It must stay open for as long as the registration lives.
    ///
    /// # Errors
    /// When the kernel cannot wait for such a descriptor: a regular file, for example.
    pub fn register(&self, descriptor: BorrowedFd<'_>) -> io::Result<Registration> {
        use std::os::fd::AsRawFd;
        let key = self.0.entries.lock().insert(Entry::default());
        let raw = descriptor.as_raw_fd();
        if let Err(error) = add(&self.0.poller, raw, key) {
            self.0.entries.lock().try_remove(key);
            return Err(error);
        }
        Ok(Registration {
            reactor: self.clone(),
            descriptor: raw,
            key,
        })
    }

    /// Waits until something is ready, the timeout is over, or [`Reactor::interrupt`]; wakes the waiters.
    ///
    /// # Errors
    /// What the kernel says; an interrupted wait is none.
    pub fn turn(&self, timeout: Option<Duration>) -> io::Result<()> {
        let mut events = self.0.events.lock();
        events.clear();
        match self.0.poller.wait(&mut events, timeout) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(error) => return Err(error),
        }
        for event in events.iter() {
            let (read, write) = {
                let mut entries = self.0.entries.lock();
                let Some(entry) = entries.get_mut(event.key) else {
                    continue;
                };
                let gone = event.is_err().unwrap_or(false) || event.is_interrupt();
                let read = if event.readable || gone {
                    entry.read.take()
                } else {
                    None
                };
                let write = if event.writable || gone {
                    entry.write.take()
                } else {
                    None
                };
                (read, write)
            };
            // Events are delivered once: whoever still waits arms again when it is asked again.
            read.into_iter().chain(write).for_each(Waker::wake);
        }
        Ok(())
    }

    /// Ends the turn that is under way, or the next one.
    pub fn interrupt(&self) {
        // Failure means that the poller is gone, and nobody waits then.
        let _ = self.0.poller.notify();
    }
}

impl Registration {
    /// Wakes `waker` once when the descriptor is ready.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn arm(&self, interest: Interest, waker: &Waker) -> io::Result<()> {
        let event = {
            let mut entries = self.reactor.0.entries.lock();
            let Some(entry) = entries.get_mut(self.key) else {
                return Ok(());
            };
            let slot = match interest {
                Interest::Read => &mut entry.read,
                Interest::Write => &mut entry.write,
            };
            match slot {
                Some(old) if old.will_wake(waker) => {}
                slot => *slot = Some(waker.clone()),
            }
            Event::new(self.key, entry.read.is_some(), entry.write.is_some())
        };
        modify(&self.reactor.0.poller, self.descriptor, event)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.reactor.0.entries.lock().try_remove(self.key);
        remove(&self.reactor.0.poller, self.descriptor);
    }
}

impl std::fmt::Debug for Registration {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Registration")
            .field("descriptor", &self.descriptor)
            .finish_non_exhaustive()
    }
}

fn add(poller: &Poller, descriptor: RawFd, key: usize) -> io::Result<()> {
    // SAFETY: `Registration` removes the descriptor from the poller when dropped, and its contract is
    // that it is dropped before the descriptor is closed.
    unsafe { poller.add_with_mode(descriptor, Event::none(key), PollMode::Oneshot) }
}

fn modify(poller: &Poller, descriptor: RawFd, event: Event) -> io::Result<()> {
    // SAFETY: the registration is alive, so by its contract the descriptor is open.
    let descriptor = unsafe { BorrowedFd::borrow_raw(descriptor) };
    poller.modify_with_mode(descriptor, event, PollMode::Oneshot)
}

fn remove(poller: &Poller, descriptor: RawFd) {
    // SAFETY: the registration is being dropped, which by its contract comes before the close.
    let descriptor = unsafe { BorrowedFd::borrow_raw(descriptor) };
    // The kernel forgets closed descriptors by itself, so there is nothing to do about a failure.
    let _ = poller.delete(descriptor.as_fd());
}
