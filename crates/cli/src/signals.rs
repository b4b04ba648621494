//! Ctrl-C and its kin: the first asks, the second kills.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Wake, Waker};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use thimble_port_linux::reactor::{Reactor, Registration};
use thimble_runtime::port::Interest;

/// Counts the signals that ask the program to end.
pub(crate) struct Signals {
    interrupts: Arc<AtomicUsize>,
    others: Arc<AtomicUsize>,
    receiver: UnixStream,
    registration: Registration,
    waker: Waker,
}

/// Waking is enough: the loop looks at the counters whenever the reactor returns.
struct Nothing;

impl Wake for Nothing {
    fn wake(self: Arc<Self>) {}
}

impl Signals {
    /// Takes over SIGINT, SIGTERM and SIGHUP, and ignores SIGPIPE.
    pub(crate) fn install(reactor: &Reactor) -> io::Result<Self> {
        let (receiver, sender) = UnixStream::pair()?;
        receiver.set_nonblocking(true)?;
        let interrupts = Arc::new(AtomicUsize::new(0));
        let others = Arc::new(AtomicUsize::new(0));
        for (signal, counter) in [(SIGINT, &interrupts), (SIGTERM, &others), (SIGHUP, &others)] {
            count(signal, counter)?;
            signal_hook::low_level::pipe::register(signal, sender.try_clone()?)?;
        }
        let registration = reactor.register(receiver.as_fd())?;
        let signals = Self { interrupts, others, receiver, registration, waker: Arc::new(Nothing).into() };
        signals.arm()?;
        Ok(signals)
    }

    fn arm(&self) -> io::Result<()> {
        self.registration.arm(Interest::Read, &self.waker)
    }

    /// How many there were so far, and whether the first was Ctrl-C.
    pub(crate) fn seen(&self) -> (usize, bool) {
        let interrupts = self.interrupts.load(Ordering::Relaxed);
        (interrupts + self.others.load(Ordering::Relaxed), interrupts > 0)
    }

    /// Makes the next signal end the reactor's turn as well.
    pub(crate) fn acknowledge(&mut self) -> io::Result<()> {
        use std::io::Read;
        let mut bytes = [0; 64];
        while self.receiver.read(&mut bytes).is_ok_and(|count| count > 0) {}
        self.arm()
    }
}

fn count(signal: i32, counter: &Arc<AtomicUsize>) -> io::Result<()> {
    thimble_port_linux::signals::on_signal(signal, counter.clone())
}
