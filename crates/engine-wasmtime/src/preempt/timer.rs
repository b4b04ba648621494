//! A timer for each thread that runs guests, and the handler of its signal.
//!
//! The timer goes off once and is left alone while it goes off early enough: the handler arms it again
//! for the slice that runs by then, so that most slices cost no system call. Until it is armed again it goes
//! off every [`REPEAT_NS`], because a signal can be lost: a debugger that leaves the process takes one along.
//! An idle thread hears it once or twice more at most.
//!
//! The handler touches only this thread's variables, which need no set-up, atomic numbers, and what
//! `Slice::on_signal` touches. Functions here are never inlined: a guest's stack moves between threads,
//! and the address of a thread's own variables may not be kept across such a move.

use std::cell::Cell;
use std::ffi::c_void;
use std::io;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{Ordering, compiler_fence};

use super::Slice;

/// The signal. It is ignored by default and has no meaning to programs, so a stray one is harmless; and
/// it is not queued, so there is never more than one waiting.
const SIGNAL: libc::c_int = libc::SIGURG;

/// How often it goes off for a slice that did not hear of it.
const REPEAT_NS: i64 = 20_000_000;

thread_local! {
    /// The guest that this thread runs, or null.
    static RUNNING: Cell<*const Slice> = const { Cell::new(ptr::null()) };
    /// This thread's timer, made at its first slice. Any number may name one, 0 included.
    static TIMER: Cell<Option<libc::timer_t>> = const { Cell::new(None) };
    /// When it goes off, or 0: it is not armed.
    static ARMED_NS: Cell<i64> = const { Cell::new(0) };
    /// This thread is about to arm it: the handler must not.
    static ARMING: Cell<bool> = const { Cell::new(false) };
    /// A signal came meanwhile.
    static MISSED: Cell<bool> = const { Cell::new(false) };
    /// This thread's number, or 0: not asked for yet.
    static THREAD: Cell<i32> = const { Cell::new(0) };
    /// Deletes the timer with the thread.
    static OWNER: Cell<Option<Owner>> = const { Cell::new(None) };
}

/// Notes which guest this thread runs now; returns which it was before.
#[inline(never)]
pub(super) fn replace_running(slice: *const Slice) -> *const Slice {
    // What the handler sees of the slice is there when it sees the slice.
    compiler_fence(Ordering::SeqCst);
    let previous = RUNNING.replace(slice);
    compiler_fence(Ordering::SeqCst);
    previous
}

/// Looks at the guest that this thread runs. `None` if it runs none.
#[inline(never)]
pub(super) fn with_running<R>(look: impl FnOnce(&Slice) -> R) -> Option<R> {
    let running = RUNNING.get();
    // SAFETY: not null only while `Running` is on this thread's stack, with a borrow of the slice.
    unsafe { running.as_ref() }.map(look)
}

/// The kernel's number of this thread.
#[inline(never)]
pub(super) fn this_thread() -> i32 {
    let known = THREAD.get();
    if known != 0 {
        return known;
    }
    let thread = rustix::thread::gettid().as_raw_pid();
    THREAD.set(thread);
    thread
}

/// Interrupts a thread of this process. Does nothing if it has ended.
pub(super) fn signal(thread: i32) {
    let process = rustix::process::getpid().as_raw_pid();
    // SAFETY: it touches no memory; another thread that has the number by now ignores the signal.
    unsafe { libc::syscall(libc::SYS_tgkill, process, thread, SIGNAL) };
}

/// Nanoseconds of the monotonic clock.
pub(super) fn now_ns() -> i64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `now` is a live value of the right type. This clock always exists.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    now.tv_sec
        .saturating_mul(1_000_000_000)
        .saturating_add(now.tv_nsec)
}

/// Arms this thread's timer, unless it goes off in time anyway.
#[inline(never)]
pub(super) fn arm(end_ns: i64) -> io::Result<()> {
    let armed_ns = ARMED_NS.get();
    if armed_ns != 0 && armed_ns <= end_ns {
        return Ok(());
    }
    let timer = match TIMER.get() {
        Some(timer) => timer,
        None => create_timer()?,
    };
    ARMING.set(true);
    compiler_fence(Ordering::SeqCst);
    // Written first: the signal may come before the call returns.
    ARMED_NS.set(end_ns);
    compiler_fence(Ordering::SeqCst);
    let outcome = set_timer(timer, end_ns);
    if outcome.is_err() {
        ARMED_NS.set(0);
    }
    compiler_fence(Ordering::SeqCst);
    ARMING.set(false);
    compiler_fence(Ordering::SeqCst);
    if MISSED.replace(false) {
        signal(this_thread());
    }
    outcome
}

/// The timer goes off at this time, and again and again until it is set anew.
fn set_timer(timer: libc::timer_t, end_ns: i64) -> io::Result<()> {
    set_times(timer, end_ns.max(1), REPEAT_NS)
}

/// The first time 0: the timer goes off no more.
fn set_times(timer: libc::timer_t, first_ns: i64, repeat_ns: i64) -> io::Result<()> {
    let timespec = |ns| libc::timespec {
        tv_sec: ns / 1_000_000_000,
        tv_nsec: ns % 1_000_000_000,
    };
    let time = libc::itimerspec {
        it_value: timespec(first_ns),
        it_interval: timespec(repeat_ns),
    };
    // SAFETY: `timer` is this thread's, `time` lives across the call, and no old value is asked for.
    let status = unsafe {
        libc::timer_settime(timer, libc::TIMER_ABSTIME, &raw const time, ptr::null_mut())
    };
    outcome_of(status)
}

/// A timer whose signal goes to this thread.
#[cold]
fn create_timer() -> io::Result<libc::timer_t> {
    install_handler()?;
    let event = MaybeUninit::<libc::sigevent>::zeroed();
    // SAFETY: all its fields are integers or pointers, for which zero is a value.
    let mut event = unsafe { event.assume_init() };
    event.sigev_notify = libc::SIGEV_THREAD_ID;
    event.sigev_signo = SIGNAL;
    event.sigev_notify_thread_id = this_thread();
    let mut timer: libc::timer_t = ptr::null_mut();
    // SAFETY: both pointers are to live values of the right type.
    let status =
        unsafe { libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, &raw mut timer) };
    outcome_of(status)?;
    TIMER.set(Some(timer));
    OWNER.set(Some(Owner(timer)));
    Ok(timer)
}

/// Deletes a thread's timer.
struct Owner(libc::timer_t);

impl Drop for Owner {
    fn drop(&mut self) {
        TIMER.set(None);
        ARMED_NS.set(0);
        // SAFETY: this thread made the timer, and has just forgotten it.
        unsafe { libc::timer_delete(self.0) };
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
        outcome_of(status).map_err(|error| error.raw_os_error().unwrap_or(0))
    });
    outcome.map_err(io::Error::from_raw_os_error)
}

/// The signal's handler: stops the guest that this thread runs if its time is over.
extern "C" fn on_signal(_: libc::c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: with SA_SIGINFO the kernel gives a valid pointer.
    let code = unsafe { (*info).si_code };
    if code == libc::SI_TIMER {
        ARMED_NS.set(0);
    }
    if ARMING.get() {
        MISSED.set(true);
        return;
    }
    // SAFETY: the kernel's own context of this thread, which runs this guest.
    let next_ns = with_running(|slice| unsafe { slice.on_signal(context) });
    let Some(timer) = TIMER.get() else {
        return;
    };
    if next_ns.is_none() && code == libc::SI_TIMER {
        // Nothing runs. It cannot fail with a timer that has been set before.
        let _ = set_times(timer, 0, 0);
    }
    if let Some(next_ns) = next_ns.flatten() {
        ARMED_NS.set(next_ns);
        // Cannot fail with a timer that has been set before; the next slice arms it again.
        if set_timer(timer, next_ns).is_err() {
            ARMED_NS.set(0);
        }
    }
}

fn outcome_of(status: libc::c_int) -> io::Result<()> {
    if status == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
