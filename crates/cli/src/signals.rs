//! Ctrl-C and its kin: the first asks, the second kills.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use thimble_port_linux::reactor::{Reactor, Registration};
use thimble_runtime::port::Interest;

/// Counts the signals that ask the program to end.
pub(crate) struct Signals {
    /// Whether one of them was Ctrl-C.
    interrupted: Arc<AtomicBool>,
    /// Set when the reactor saw one.
    arrived: Arc<Arrived>,
    waker: Waker,
    // The registration must be dropped before the descriptor it is about.
    registration: Registration,
    receiver: UnixStream,
    count: usize,
}

#[derive(Default)]
struct Arrived(AtomicBool);

impl Wake for Arrived {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

impl Signals {
    /// Takes over SIGINT, SIGTERM and SIGHUP.
    pub(crate) fn install(reactor: &Reactor) -> io::Result<Self> {
        let (receiver, sender) = UnixStream::pair()?;
        receiver.set_nonblocking(true)?;
        let interrupted = Arc::new(AtomicBool::new(false));
        signal_hook::flag::register(SIGINT, interrupted.clone())?;
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            signal_hook::low_level::pipe::register(signal, sender.try_clone()?)?;
        }
        let registration = reactor.register(receiver.as_fd())?;
        let arrived = Arc::new(Arrived::default());
        let waker = arrived.clone().into();
        registration.arm(Interest::Read, &waker)?;
        Ok(Self {
            interrupted,
            arrived,
            waker,
            registration,
            receiver,
            count: 0,
        })
    }

    /// How many there were so far.
    pub(crate) fn count(&mut self) -> usize {
        if self.arrived.0.swap(false, Ordering::Acquire) {
            let mut bytes = [0; 64];
            while let Ok(count @ 1..) = self.receiver.read(&mut bytes) {
                self.count += count;
            }
            // Without the reactor further signals would be heard at the next event only.
            let _ = self.registration.arm(Interest::Read, &self.waker);
        }
        self.count
    }

    /// The signal that the exit code should speak of.
    pub(crate) fn number(&self) -> i32 {
        if self.interrupted.load(Ordering::Relaxed) {
            SIGINT
        } else {
            SIGTERM
        }
    }
}
