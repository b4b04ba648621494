//! Runs tasks, and sleeps while there is nothing to do.
//!
//! Embassy's own executor, driven by a loop that counts how often the processor woke and how long it slept. There is no
//! tick: it wakes for interrupts only.

use core::cell::Cell;
use core::mem;
use core::ptr;
use core::sync::atomic::{AtomicBool, Ordering};

use critical_section::Mutex;
use embassy_executor::{Spawner, raw};
use embassy_time::{Duration, Instant};

use crate::processor;

/// A task was woken since the executor looked last.
static PENDING: AtomicBool = AtomicBool::new(false);
static SLEEP: Mutex<Cell<Sleep>> = Mutex::new(Cell::new(Sleep {
    wakes: 0,
    slept: Duration::from_ticks(0),
}));

/// How the processor slept since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sleep {
    /// How often it woke, for whatever reason.
    pub wakes: u64,
    /// How long it slept.
    pub slept: Duration,
}

/// How the processor slept so far.
#[must_use]
pub fn sleep() -> Sleep {
    critical_section::with(|section| SLEEP.borrow(section).get())
}

/// Runs what `begin` spawns, forever.
pub fn run(begin: impl FnOnce(Spawner)) -> ! {
    let executor = raw::Executor::new(ptr::null_mut());
    // SAFETY: this function never returns, so that it lives forever.
    let executor = unsafe { mem::transmute::<&raw::Executor, &'static raw::Executor>(&executor) };
    spawn(begin, executor.spawner());
    loop {
        if PENDING.swap(false, Ordering::AcqRel) {
            // SAFETY: it is polled here only, and never from within itself.
            unsafe { executor.poll() };
        }
        critical_section::with(|section| {
            if PENDING.load(Ordering::Acquire) {
                return;
            }
            // With interrupts off, none can come between the look and the sleep; a pending one still ends it, and is
            // served when they are on again.
            let begin = Instant::now();
            processor::sleep();
            let cell = SLEEP.borrow(section);
            let mut sleep = cell.get();
            sleep.wakes = sleep.wakes.wrapping_add(1);
            sleep.slept += begin.elapsed();
            cell.set(sleep);
        });
    }
}

/// Apart, so that what it needs is off the stack when the tasks run.
#[inline(never)]
fn spawn(begin: impl FnOnce(Spawner), spawner: Spawner) {
    begin(spawner);
}

/// Embassy calls this when a task is woken, from handlers too.
#[unsafe(export_name = "__pender")]
fn pend(_context: *mut ()) {
    PENDING.store(true, Ordering::Release);
}
