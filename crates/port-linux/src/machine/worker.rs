//! The loop of a worker.

use std::cell::Cell;
use std::sync::atomic::Ordering;
use std::time::Duration;

use thimble_runtime::kernel::{Lease, Next};
use thimble_runtime::port::Clock;
use thimble_runtime::{ContainerId, Instant};

use crate::clock::SystemClock;

use super::Machine;

/// How long containers may keep a worker busy before it looks for events of the reactor.
const LOOK_AFTER: Duration = Duration::from_micros(500);

/// The longest an idle worker sleeps before it looks again by itself.
const SLEEP_MAX: Duration = Duration::from_secs(3600);

thread_local! {
    /// Whether this thread is inside the reactor.
    static TURNING: Cell<bool> = const { Cell::new(false) };

    /// The number of the container that runs on this thread, 0 if none does. Without a destructor and known at
    /// compile time: reading it is one load, also for a signal handler.
    static RUNNING: Cell<u64> = const { Cell::new(0) };
}

/// The container that runs on the calling thread. May be asked by panic hooks and by signal handlers.
#[must_use]
pub fn running_container() -> Option<ContainerId> {
    match RUNNING.get() {
        0 => None,
        number => Some(ContainerId::new(number)),
    }
}

/// Marks the calling thread as running a container until it is dropped.
struct Running;

impl Running {
    fn mark(id: ContainerId) -> Self {
        RUNNING.set(id.number());
        Self
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        RUNNING.set(0);
    }
}

/// Whether the calling thread is inside the reactor: what it makes ready it will see by itself.
pub(super) fn turns_reactor() -> bool {
    TURNING.get()
}

/// Runs containers until `done`.
pub(super) fn run(machine: &Machine, done: &mut dyn FnMut(&Machine) -> bool) {
    let mut now = SystemClock.now();
    let mut looked = now;
    loop {
        let interrupts = machine.0.interrupts.load(Ordering::SeqCst);
        if done(machine) {
            return;
        }
        let (next, spare) = {
            let mut kernel = machine.0.kernel.lock();
            let next = kernel.next(now, || SystemClock.realtime_nanos());
            (next, kernel.ready() > 0)
        };
        match next {
            Next::Run(lease) => {
                if spare {
                    machine.notify();
                }
                now = slice(machine, lease);
            }
            Next::Dispose(ended) => machine.dispose(ended),
            Next::Idle { until } => {
                sleep(machine, until, interrupts);
                now = SystemClock.now();
                looked = now;
            }
        }
        if now.since(looked) >= LOOK_AFTER {
            look(machine);
            now = SystemClock.now();
            looked = now;
        }
    }
}

/// Runs one slice; the time after it.
fn slice(machine: &Machine, mut lease: Lease) -> Instant {
    let yielded = {
        let _running = Running::mark(lease.id);
        lease.run(&machine.ports())
    };
    let now = SystemClock.now();
    machine
        .0
        .kernel
        .lock()
        .finish(lease, yielded, now, || SystemClock.realtime_nanos());
    now
}

/// Takes what the reactor has, without waiting.
fn look(machine: &Machine) {
    if !machine.0.turning.swap(true, Ordering::SeqCst) {
        turn(machine, Duration::ZERO);
    }
}

/// Waits until something may be ready: in the reactor if no other worker is there, else on the condition. Not at all
/// if there was an interrupt after so many.
fn sleep(machine: &Machine, until: Option<Instant>, interrupts: u64) {
    let timeout = until
        .map_or(SLEEP_MAX, |until| until.since(SystemClock.now()))
        .min(SLEEP_MAX);
    if machine.0.turning.swap(true, Ordering::SeqCst) {
        let mut kernel = machine.0.kernel.lock();
        if kernel.ready() == 0 && machine.0.interrupts.load(Ordering::SeqCst) == interrupts {
            machine.0.work.wait_for(&mut kernel, timeout);
        }
        return;
    }
    // From here on whoever makes something ready, or interrupts the workers, ends this turn. What happened before
    // is seen now: its interrupt may have ended the turn of another worker.
    let awaited = {
        let kernel = machine.0.kernel.lock();
        kernel.ready() > 0 || machine.0.interrupts.load(Ordering::SeqCst) != interrupts
    };
    turn(machine, if awaited { Duration::ZERO } else { timeout });
    // Another worker may wait on the condition while nobody is in the reactor now.
    machine.0.work.notify_one();
}

/// Turns the reactor; the caller has taken `turning`.
fn turn(machine: &Machine, timeout: Duration) {
    TURNING.set(true);
    // The kernel refuses only what cannot happen here; the next turn would say it again.
    let _ = machine.0.devices.reactor.turn(Some(timeout));
    TURNING.set(false);
    machine.0.turning.store(false, Ordering::SeqCst);
}
