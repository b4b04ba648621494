//! Readiness of descriptors: wakes whoever waits for one.
//!
//! One thread at a time calls [`Reactor::turn`]; any thread may arm a registration or interrupt the turn.
//!
//! A descriptor is made known to the kernel once, edge-triggered: the kernel tells each change of its
//! readiness, and a change that nobody waits for is remembered until somebody does. So arming costs no
//! system call; and whoever arms must have found the descriptor not ready before, or may be woken for
//! nothing once, never the other way round.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use parking_lot::Mutex;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, epoll, eventfd, poll};
use rustix::io::Errno;
use slab::Slab;
use thimble_runtime::port::Interest;

/// Events taken in one turn.
const EVENTS_PER_TURN: usize = 64;
/// What the event that interrupts a turn is called; no entry has this key.
const INTERRUPTED: u64 = u64::MAX;
/// `epoll_wait` counts in milliseconds.
const STEP: Duration = Duration::from_millis(1);

/// Waits for many descriptors at once.
#[derive(Clone)]
pub struct Reactor(Arc<Shared>);

struct Shared {
    epoll: OwnedFd,
    interrupt: OwnedFd,
    entries: Mutex<Slab<Entry>>,
}

#[derive(Default)]
struct Entry {
    read: Side,
    write: Side,
    /// Whether the kernel tells when writing becomes possible: from the first time that somebody waits for it.
    tells_write: bool,
}

/// One direction of a descriptor.
#[derive(Default)]
enum Side {
    /// Nobody waits, and nothing has changed since somebody did.
    #[default]
    Idle,
    /// It became ready while nobody waited.
    Ready,
    Waiting(Waker),
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
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let interrupt = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        // Each write is a change, so the number need never be read.
        epoll::add(
            &epoll,
            &interrupt,
            epoll::EventData::new_u64(INTERRUPTED),
            epoll::EventFlags::IN | epoll::EventFlags::ET,
        )?;
        Ok(Self(Arc::new(Shared {
            epoll,
            interrupt,
            entries: Mutex::default(),
        })))
    }

    /// Makes a descriptor known. It must stay open for as long as the registration lives.
    ///
    /// # Errors
    /// When the kernel cannot wait for such a descriptor: a regular file, for example.
    pub fn register(&self, descriptor: BorrowedFd<'_>) -> io::Result<Registration> {
        use std::os::fd::AsRawFd;
        let key = self.0.entries.lock().insert(Entry::default());
        if let Err(error) = epoll::add(&self.0.epoll, descriptor, name(key), READ_CHANGES) {
            self.0.entries.lock().try_remove(key);
            return Err(error.into());
        }
        Ok(Registration {
            reactor: self.clone(),
            descriptor: descriptor.as_raw_fd(),
            key,
        })
    }

    /// Waits until something is ready, the timeout is over, or [`Reactor::interrupt`]; wakes the waiters.
    /// May return early.
    ///
    /// # Errors
    /// What the kernel says; an interrupted wait is none.
    pub fn turn(&self, timeout: Option<Duration>) -> io::Result<()> {
        let mut room = [const { MaybeUninit::uninit() }; EVENTS_PER_TURN];
        let events = match self.wait(&mut room, timeout) {
            Ok(events) => events,
            Err(Errno::INTR) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        for event in events {
            let Ok(key) = usize::try_from(event.data.u64()) else {
                continue;
            };
            let flags = event.flags;
            let gone = flags.intersects(epoll::EventFlags::ERR | epoll::EventFlags::HUP);
            let readable = epoll::EventFlags::IN | epoll::EventFlags::RDHUP;
            let wakers = {
                let mut entries = self.0.entries.lock();
                // It may have been dropped meanwhile, and the interrupt has no entry.
                let Some(entry) = entries.get_mut(key) else {
                    continue;
                };
                let read = (gone || flags.intersects(readable)).then(|| entry.read.set_ready());
                let write = (gone || flags.contains(epoll::EventFlags::OUT))
                    .then(|| entry.write.set_ready());
                [read, write]
            };
            wakers.into_iter().flatten().flatten().for_each(Waker::wake);
        }
        Ok(())
    }

    /// Waits for events. One system call, but for a timeout below a millisecond.
    fn wait<'a>(
        &self,
        room: &'a mut [MaybeUninit<epoll::Event>],
        timeout: Option<Duration>,
    ) -> rustix::io::Result<&'a [epoll::Event]> {
        let milliseconds = match timeout {
            Some(timeout) if timeout < STEP => {
                if !timeout.is_zero() {
                    let mut itself = [PollFd::new(&self.0.epoll, PollFlags::IN)];
                    poll(&mut itself, Some(&timespec(timeout)))?;
                }
                Some(Duration::ZERO)
            }
            // Rounded down: the rest is waited for in the next turn.
            Some(timeout) => Some(timeout - Duration::from_nanos(sub_millisecond_ns(timeout))),
            None => None,
        };
        let (events, _) = epoll::wait(&self.0.epoll, room, milliseconds.map(timespec).as_ref())?;
        Ok(events)
    }

    /// Ends the turn that is under way, or the next one.
    pub fn interrupt(&self) {
        // It fails only when so many interrupts were written that the number is full: then they are seen.
        let _ = rustix::io::write(&self.0.interrupt, &1_u64.to_ne_bytes());
    }
}

fn sub_millisecond_ns(time: Duration) -> u64 {
    u64::from(time.subsec_nanos() % 1_000_000)
}

/// The longest time the kernel takes is some 24 days of milliseconds; waiting may end early.
fn timespec(time: Duration) -> Timespec {
    let time = time.min(Duration::from_secs(86_400));
    Timespec {
        tv_sec: time.as_secs().cast_signed(),
        tv_nsec: time.subsec_nanos().into(),
    }
}

/// Readiness for reading, each change of it.
const READ_CHANGES: epoll::EventFlags = epoll::EventFlags::IN
    .union(epoll::EventFlags::RDHUP)
    .union(epoll::EventFlags::ET);

/// What the kernel calls an entry.
fn name(key: usize) -> epoll::EventData {
    epoll::EventData::new_u64(key as u64)
}

impl Side {
    /// It became ready: the one who waits for that, if somebody does.
    fn set_ready(&mut self) -> Option<Waker> {
        match std::mem::replace(self, Self::Ready) {
            Self::Waiting(waker) => {
                // Told, so there is nothing to remember.
                *self = Self::Idle;
                Some(waker)
            }
            Self::Idle | Self::Ready => None,
        }
    }
}

impl Registration {
    /// Wakes `waker` once when the descriptor is ready.
    ///
    /// The caller has found it not ready; if that has changed since, the waker is woken at once.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn arm(&self, interest: Interest, waker: &Waker) -> io::Result<()> {
        let begins_to_write = {
            let mut entries = self.reactor.0.entries.lock();
            let Some(entry) = entries.get_mut(self.key) else {
                return Ok(());
            };
            let (side, begins_to_write) = match interest {
                Interest::Read => (&mut entry.read, false),
                Interest::Write => {
                    let told = std::mem::replace(&mut entry.tells_write, true);
                    (&mut entry.write, !told)
                }
            };
            match side {
                Side::Ready => {
                    *side = Side::Idle;
                    drop(entries);
                    waker.wake_by_ref();
                    return Ok(());
                }
                Side::Waiting(old) if old.will_wake(waker) => {}
                Side::Waiting(_) | Side::Idle => *side = Side::Waiting(waker.clone()),
            }
            begins_to_write
        };
        if begins_to_write {
            // The kernel tells at once if it is possible by now.
            // SAFETY: by its contract the registration lives no longer than the descriptor is open.
            let descriptor = unsafe { BorrowedFd::borrow_raw(self.descriptor) };
            let changes = READ_CHANGES | epoll::EventFlags::OUT;
            epoll::modify(&self.reactor.0.epoll, descriptor, name(self.key), changes)?;
        }
        Ok(())
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.reactor.0.entries.lock().try_remove(self.key);
        // SAFETY: by its contract the registration is dropped before the descriptor is closed.
        let descriptor = unsafe { BorrowedFd::borrow_raw(self.descriptor) };
        // The kernel forgets closed descriptors by itself, so there is nothing to do about a failure.
        let _ = epoll::delete(&self.reactor.0.epoll, descriptor.as_fd());
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicU32);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    struct Fixture {
        reactor: Reactor,
        count: Arc<Count>,
        waker: Waker,
    }

    impl Fixture {
        fn new() -> Self {
            let count = Arc::new(Count::default());
            Self {
                reactor: Reactor::new().unwrap(),
                waker: Arc::clone(&count).into(),
                count,
            }
        }

        /// How often the waker has been woken after a turn that does not wait.
        fn woken(&self) -> u32 {
            self.reactor.turn(Some(Duration::ZERO)).unwrap();
            self.count.0.load(Ordering::SeqCst)
        }
    }

    #[test]
    fn each_change_wakes_whoever_waits_or_comes_later() {
        let fixture = Fixture::new();
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        let registration = fixture.reactor.register(reader.as_fd()).unwrap();
        registration.arm(Interest::Read, &fixture.waker).unwrap();
        assert_eq!(fixture.woken(), 0, "nothing to read");
        rustix::io::write(&writer, b"a").unwrap();
        assert_eq!(fixture.woken(), 1, "a byte");
        assert_eq!(fixture.woken(), 1, "told once");
        rustix::io::write(&writer, b"b").unwrap();
        assert_eq!(fixture.woken(), 1, "nobody waits");
        registration.arm(Interest::Read, &fixture.waker).unwrap();
        assert_eq!(fixture.woken(), 2, "it had changed before");
        registration.arm(Interest::Read, &fixture.waker).unwrap();
        assert_eq!(fixture.woken(), 2);
        drop(writer);
        assert_eq!(fixture.woken(), 3, "the other end is closed");
    }

    #[test]
    fn writing_is_waited_for_as_well() {
        let fixture = Fixture::new();
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        let registration = fixture.reactor.register(writer.as_fd()).unwrap();
        registration.arm(Interest::Write, &fixture.waker).unwrap();
        assert_eq!(fixture.woken(), 1, "an empty pipe has room");
        let pipe_bytes = rustix::pipe::fcntl_getpipe_size(&writer).unwrap();
        rustix::io::write(&writer, &vec![0; pipe_bytes]).unwrap();
        registration.arm(Interest::Write, &fixture.waker).unwrap();
        assert_eq!(fixture.woken(), 1, "it is full");
        rustix::io::read(&reader, &mut vec![0; pipe_bytes]).unwrap();
        assert_eq!(fixture.woken(), 2, "it has room again");
    }

    #[test]
    fn nobody_is_woken_after_the_registration_is_gone() {
        let fixture = Fixture::new();
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        let registration = fixture.reactor.register(reader.as_fd()).unwrap();
        registration.arm(Interest::Read, &fixture.waker).unwrap();
        drop(registration);
        rustix::io::write(&writer, b"a").unwrap();
        assert_eq!(fixture.woken(), 0);
        // A descriptor that was registered before can be registered again.
        let registration = fixture.reactor.register(reader.as_fd()).unwrap();
        registration.arm(Interest::Read, &fixture.waker).unwrap();
        assert_eq!(fixture.woken(), 1, "it is ready from the beginning");
    }

    #[test]
    fn an_interrupt_ends_this_turn_or_the_next() {
        let reactor = Reactor::new().unwrap();
        for _ in 0..3 {
            reactor.interrupt();
            reactor.turn(None).unwrap();
            std::thread::scope(|scope| {
                let turning = scope.spawn(|| reactor.turn(None).unwrap());
                reactor.interrupt();
                turning.join().unwrap();
            });
        }
    }

    #[test]
    fn a_turn_lasts_no_longer_than_its_timeout() {
        let reactor = Reactor::new().unwrap();
        // It would hang if any of these waited for ever.
        for micros in [0, 1, 999, 1_000, 1_001] {
            reactor.turn(Some(Duration::from_micros(micros))).unwrap();
        }
        let too_long = timespec(Duration::MAX);
        assert_eq!((too_long.tv_sec, too_long.tv_nsec), (86_400, 0));
    }

    #[test]
    fn a_regular_file_is_refused() {
        let reactor = Reactor::new().unwrap();
        let file = tempfile::tempfile().unwrap();
        assert!(reactor.register(file.as_fd()).is_err());
    }
}
