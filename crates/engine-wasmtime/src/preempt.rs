//! Ends slices: after a time, or at once when another thread asks.
//!
//! Compiled code looks at the engine's epoch on function entry and in loops. A timer of the running
//! thread, armed for the end of the slice, sends it a signal whose handler bumps the epoch; so does
//! [`Interrupt::interrupt`]. The epoch belongs to all guests of an engine: whoever is stopped by a bump
//! looks whether it was meant, and goes on if not.
//!
//! A bump can be lost if it comes while a guest computes its next deadline; therefore the timer goes off
//! at least every 10 ms, and every millisecond after the end. An idle thread hears it once more at most.

use std::cell::Cell;
use std::io;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use thimble_runtime::engine::Interrupt;
use wasmtime::{Config, Engine, Store, UpdateDeadline};

use crate::state::{State, note_memory};

/// Names this way of preempting among the things on which native code depends.
pub(crate) const FINGERPRINT: &str = "epochs";

/// The signal. It is ignored by default and has no meaning to programs, so a stray one is harmless.
const SIGNAL: libc::c_int = libc::SIGURG;
/// Between repetitions after the end of a slice.
const REPEAT_NS: i64 = 1_000_000;
/// The longest time for which a lost bump goes unnoticed in a slice that is longer.
const LOOK_NS: i64 = 10_000_000;
/// No slice is longer: a year.
const SLICE_NS_MAX: i64 = 365 * 86_400 * 1_000_000_000;

/// Sets what compiled code needs.
pub(crate) fn configure(config: &mut Config) {
    config.epoch_interruption(true);
}

/// A guest's slice: when it ends, and whether somebody wants it to end now.
#[derive(Debug)]
pub(crate) struct Slice {
    engine: Engine,
    interrupted: AtomicBool,
    /// Nanoseconds of the monotonic clock.
    end_ns: AtomicI64,
}

impl Slice {
    pub(crate) fn new(engine: &Engine) -> Arc<Self> {
        Arc::new(Self {
            engine: engine.clone(),
            interrupted: AtomicBool::new(false),
            end_ns: AtomicI64::new(0),
        })
    }

    /// Prepares a guest's store, once.
    pub(crate) fn attach(self: &Arc<Self>, store: &mut Store<State>) {
        let slice = Arc::clone(self);
        store.epoch_deadline_callback(move |store| {
            if slice.goes_on()? {
                return Ok(UpdateDeadline::Continue(1));
            }
            note_memory(&store);
            Ok(UpdateDeadline::Yield(1))
        });
        store.set_epoch_deadline(1);
    }

    /// Runs `run`, in which the guest is stopped after `time` or when it is interrupted. `None` if it was
    /// interrupted before it began.
    pub(crate) fn run<R>(&self, time: Duration, run: impl FnOnce() -> R) -> io::Result<Option<R>> {
        if self.interrupted.swap(false, Ordering::Acquire) {
            return Ok(None);
        }
        let time_ns = i64::try_from(time.as_nanos())
            .unwrap_or(i64::MAX)
            .min(SLICE_NS_MAX);
        let now_ns = now_ns();
        let end_ns = now_ns.saturating_add(time_ns);
        self.end_ns.store(end_ns, Ordering::Relaxed);
        // Before the timer: a signal that finds nobody running stops it.
        let _running = Running::begin(&self.engine);
        arm(now_ns, end_ns)?;
        Ok(Some(run()))
    }

    /// Whether a guest that was stopped by a bump of the epoch may go on.
    fn goes_on(&self) -> io::Result<bool> {
        if self.interrupted.swap(false, Ordering::Acquire) {
            return Ok(false);
        }
        let end_ns = self.end_ns.load(Ordering::Relaxed);
        let now_ns = now_ns();
        if now_ns >= end_ns {
            return Ok(false);
        }
        arm(now_ns, end_ns)?;
        Ok(true)
    }
}

impl Interrupt for Slice {
    fn interrupt(&self) {
        if !self.interrupted.swap(true, Ordering::Release) {
            self.engine.increment_epoch();
        }
    }
}

fn now_ns() -> i64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec
        .saturating_mul(1_000_000_000)
        .saturating_add(now.tv_nsec)
}

thread_local! {
    /// The engine whose guest this thread runs, or null. Read by the signal's handler.
    static RUNNING: Cell<*const Engine> = const { Cell::new(ptr::null()) };
    /// When this thread's timer goes off first, or 0: it is not armed. Written by the signal's handler.
    static ARMED_NS: AtomicI64 = const { AtomicI64::new(0) };
    /// This thread's timer, made at its first slice.
    static TIMER: Timer = const { Timer(Cell::new(None)) };
}

/// Notes which engine this thread runs, until it is dropped.
struct Running {
    previous: *const Engine,
}

impl Running {
    #[inline(never)]
    fn begin(engine: &Engine) -> Self {
        Self {
            previous: RUNNING.replace(engine),
        }
    }
}

impl Drop for Running {
    #[inline(never)]
    fn drop(&mut self) {
        RUNNING.set(self.previous);
    }
}

/// Arms this thread's timer, unless it goes off in time anyway.
///
/// Never inlined: a guest's stack moves between threads, and the address of a thread's own variables may
/// not be kept across such a move.
#[inline(never)]
fn arm(now_ns: i64, end_ns: i64) -> io::Result<()> {
    let end_ns = end_ns.min(now_ns.saturating_add(LOOK_NS));
    let armed_ns = ARMED_NS.with(|armed| armed.load(Ordering::Relaxed));
    if armed_ns != 0 && armed_ns <= end_ns {
        return Ok(());
    }
    // Written first: the signal may come before the call returns.
    ARMED_NS.with(|armed| armed.store(end_ns, Ordering::Relaxed));
    let outcome = TIMER.with(|timer| timer.set(end_ns));
    if outcome.is_err() {
        ARMED_NS.with(|armed| armed.store(0, Ordering::Relaxed));
    }
    outcome
}

/// A thread's timer, deleted with the thread.
struct Timer(Cell<Option<libc::timer_t>>);

impl Timer {
    fn set(&self, end_ns: i64) -> io::Result<()> {
        let timer = match self.0.get() {
            Some(timer) => timer,
            None => {
                let timer = create_timer()?;
                self.0.set(Some(timer));
                timer
            }
        };
        let time = libc::itimerspec {
            it_value: timespec(end_ns.max(1)),
            it_interval: timespec(REPEAT_NS),
        };
        set_timer(timer, libc::TIMER_ABSTIME, &time)
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if let Some(timer) = self.0.take() {
            // SAFETY: this thread made the timer and nobody else knows it.
            unsafe { libc::timer_delete(timer) };
        }
    }
}

const fn timespec(ns: i64) -> libc::timespec {
    libc::timespec {
        tv_sec: ns / 1_000_000_000,
        tv_nsec: ns % 1_000_000_000,
    }
}

fn set_timer(timer: libc::timer_t, flags: libc::c_int, time: &libc::itimerspec) -> io::Result<()> {
    // SAFETY: `timer` is this thread's, `time` lives across the call, and no old value is asked for.
    let status = unsafe { libc::timer_settime(timer, flags, time, ptr::null_mut()) };
    if status == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// A timer whose signal goes to this thread, with the timer's own number in it.
fn create_timer() -> io::Result<libc::timer_t> {
    install_handler()?;
    let event = MaybeUninit::<libc::sigevent>::zeroed();
    // SAFETY: all its fields are integers or pointers, for which zero is a value.
    let mut event = unsafe { event.assume_init() };
    event.sigev_notify = libc::SIGEV_THREAD_ID;
    event.sigev_signo = SIGNAL;
    event.sigev_notify_thread_id = rustix::thread::gettid().as_raw_pid();
    let mut timer: libc::timer_t = ptr::null_mut();
    // SAFETY: both pointers are to live values of the right type.
    let status =
        unsafe { libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, &raw mut timer) };
    if status == 0 {
        Ok(timer)
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Installs the handler, once for the process.
fn install_handler() -> io::Result<()> {
    static INSTALLED: OnceLock<Result<(), i32>> = OnceLock::new();
    let outcome = INSTALLED.get_or_init(|| {
        let action = MaybeUninit::<libc::sigaction>::zeroed();
        // SAFETY: zero is a value of each of its fields: no flags, no signals masked, the default handler.
        let mut action = unsafe { action.assume_init() };
        action.sa_sigaction = on_signal as *const () as libc::sighandler_t;
        // On the alternate stack, so that a guest's own stack is not touched for it.
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
        // SAFETY: the handler has the signature that SA_SIGINFO asks for and only does what a handler may.
        let status = unsafe { libc::sigaction(SIGNAL, &raw const action, ptr::null_mut()) };
        if status == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error().raw_os_error().unwrap_or(0))
        }
    });
    outcome.map_err(io::Error::from_raw_os_error)
}

/// The signal's handler: stops the guest that this thread runs, or the timer if it runs none.
///
/// Touches only this thread's variables, which exist since it armed its timer, and atomic numbers.
extern "C" fn on_signal(_: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: with SA_SIGINFO the kernel gives a valid pointer.
    let code = unsafe { (*info).si_code };
    if code != libc::SI_TIMER {
        return;
    }
    ARMED_NS.with(|armed| armed.store(0, Ordering::Relaxed));
    let running = RUNNING.get();
    // SAFETY: not null only while `Running` is on this thread's stack, below it a borrow of the engine.
    match unsafe { running.as_ref() } {
        // Only adds to an atomic number.
        Some(engine) => engine.increment_epoch(),
        None => disarm(),
    }
}

/// Stops this thread's timer from repeating.
fn disarm() {
    let timer = TIMER.try_with(|timer| timer.0.get()).ok().flatten();
    if let Some(timer) = timer {
        let never = libc::itimerspec {
            it_value: timespec(0),
            it_interval: timespec(0),
        };
        // The next slice arms it again; nothing else can be done about an error here.
        let _ = set_timer(timer, 0, &never);
    }
}
