//! Ends slices: after a time, or at once when another thread asks.
//!
//! The running thread has a timer, armed for the end of the slice, whose signal interrupts it; so does
//! [`Interrupt::interrupt`]. What the signal's handler then does is the [`Method`]: `signals` redirects
//! the thread itself and costs compiled code nothing; `epochs` sets a number at which compiled code looks
//! now and then.

mod epochs;
#[cfg_attr(
    not(all(target_arch = "x86_64", target_os = "linux")),
    path = "preempt/signals_absent.rs"
)]
mod signals;
mod timer;

use std::ffi::c_void;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicI64, Ordering};
use std::time::Duration;

use self::signals::Stopping;
use thimble_runtime::engine::Interrupt;
use wasmtime::{Config, Engine, Func, Module, Store};

use crate::state::State;

/// No slice is longer: a year.
const SLICE_NS_MAX: i64 = 365 * 86_400 * 1_000_000_000;

/// How guests are stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// The handler makes the guest call a host function that waits, wherever it is.
    Signals,
    /// Compiled code looks at a number on function entry and in loops.
    Epochs,
}

impl Method {
    /// The better one that this system has.
    pub(crate) fn best() -> Self {
        if signals::supported() {
            Self::Signals
        } else {
            Self::Epochs
        }
    }

    /// Names it among the things on which native code depends.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Signals => "signals",
            Self::Epochs => "epochs",
        }
    }

    /// Sets what compiled code needs.
    pub(crate) fn configure(self, config: &mut Config) {
        config.epoch_interruption(self == Self::Epochs);
    }
}

/// How the guests of one module are stopped.
pub(crate) enum Preemption {
    Signals(signals::Preparation),
    Epochs(Engine),
}

impl Preemption {
    /// Prepares a module's native code.
    ///
    /// # Errors
    /// If the native code is not what this version of Wasmtime makes.
    pub(crate) fn of(method: Method, engine: &Engine, native: &Module) -> wasmtime::Result<Self> {
        Ok(match method {
            Method::Signals => Self::Signals(signals::Preparation::of(engine, native)?),
            Method::Epochs => Self::Epochs(engine.clone()),
        })
    }

    /// What stops one guest. The store holds no instance yet.
    pub(crate) fn slice(&self, store: &mut Store<State>) -> Arc<Slice> {
        let stop = match self {
            Self::Signals(_) => Stop::Signals(signals::Target::new()),
            Self::Epochs(engine) => Stop::Epochs(engine.clone()),
        };
        let slice = Arc::new(Slice {
            stop,
            interrupted: AtomicBool::new(false),
            end_ns: AtomicI64::new(0),
            thread: AtomicI32::new(0),
        });
        if let Self::Epochs(_) = self {
            epochs::attach(&slice, store);
        }
        slice
    }

    /// Connects it with the guest's instance, whose entries these are.
    ///
    /// # Errors
    /// If the instance is not what this version of Wasmtime makes.
    pub(crate) fn attach(
        &self,
        slice: &Slice,
        store: &mut Store<State>,
        functions: &[Func],
    ) -> wasmtime::Result<()> {
        match (self, &slice.stop) {
            (Self::Signals(preparation), Stop::Signals(target)) => {
                preparation.attach(target, store, functions)
            }
            _ => Ok(()),
        }
    }
}

/// A guest's slice: when it ends, and whether somebody wants it to end now.
///
/// Its methods are called on the thread that runs the guest, but for [`Interrupt::interrupt`].
pub(crate) struct Slice {
    stop: Stop,
    interrupted: AtomicBool,
    /// Nanoseconds of the monotonic clock.
    end_ns: AtomicI64,
    /// The thread that runs the guest, or 0.
    thread: AtomicI32,
}

enum Stop {
    Signals(signals::Target),
    Epochs(Engine),
}

impl Slice {
    /// Runs `run`, in which the guest is stopped after `time` or when it is interrupted. `None` if it was
    /// interrupted before it began.
    pub(crate) fn run<R>(&self, time: Duration, run: impl FnOnce() -> R) -> io::Result<Option<R>> {
        let time_ns = i64::try_from(time.as_nanos())
            .unwrap_or(i64::MAX)
            .min(SLICE_NS_MAX);
        let now_ns = timer::now_ns();
        let end_ns = now_ns.saturating_add(time_ns);
        self.end_ns.store(end_ns, Ordering::Relaxed);
        if let Stop::Signals(target) = &self.stop {
            target.begin();
        }
        // Whoever interrupts sets the mark and then looks for the thread; here it is the other way round.
        self.thread.store(timer::this_thread(), Ordering::SeqCst);
        let _running = Running::begin(self);
        // Installs the signal's handler the first time: an interruption before that is not heard, but seen.
        timer::arm(self.look_ns(now_ns))?;
        if self.interrupted.swap(false, Ordering::SeqCst) {
            return Ok(None);
        }
        Ok(Some(run()))
    }

    /// Marks the time in which the guest's own code may run: until the guard is dropped, on any thread.
    pub(crate) fn enter(&self) -> Entered<'_> {
        if let Stop::Signals(target) = &self.stop {
            target.enter();
        }
        Entered(self)
    }

    /// Puts back what a stop has changed in a suspended guest and not yet put back itself.
    pub(crate) fn restore(&self) {
        if let Stop::Signals(target) = &self.stop {
            target.restore();
        }
    }

    /// Whether the slice is to end; forgets an interruption, which ends one slice only.
    fn take_end(&self) -> bool {
        self.interrupted.swap(false, Ordering::Relaxed)
            || timer::now_ns() >= self.end_ns.load(Ordering::Relaxed)
    }

    /// When the timer has to go off for a guest that may go on.
    fn look_ns(&self, now_ns: i64) -> i64 {
        let end_ns = self.end_ns.load(Ordering::Relaxed);
        match self.stop {
            Stop::Signals(_) => end_ns,
            Stop::Epochs(_) => end_ns.min(now_ns.saturating_add(epochs::LOOK_NS)),
        }
    }

    /// Part of the signal's handler: stops the guest if its time is over. Returns when the timer has to go
    /// off next.
    ///
    /// # Safety
    /// `context` is the interrupted one of the thread that runs this guest.
    unsafe fn on_signal(&self, context: *mut c_void) -> Option<i64> {
        let now_ns = timer::now_ns();
        let over = self.interrupted.load(Ordering::Relaxed)
            || now_ns >= self.end_ns.load(Ordering::Relaxed);
        match &self.stop {
            Stop::Signals(target) if over || target.yields_on_return() => {
                // SAFETY: handed on.
                let stopping = unsafe { target.stop(context) };
                if !matches!(stopping, Stopping::NotYet(_)) {
                    // An interruption ends one slice only.
                    self.interrupted.store(false, Ordering::Relaxed);
                }
                match stopping {
                    Stopping::Done => None,
                    Stopping::OnReturn(ns) | Stopping::NotYet(ns) => {
                        Some(now_ns.saturating_add(ns))
                    }
                }
            }
            Stop::Epochs(engine) => {
                // Only adds to an atomic number.
                engine.increment_epoch();
                Some(if over {
                    now_ns.saturating_add(epochs::REPEAT_NS)
                } else {
                    self.look_ns(now_ns)
                })
            }
            Stop::Signals(_) => Some(self.look_ns(now_ns)),
        }
    }
}

impl Interrupt for Slice {
    fn interrupt(&self) {
        if !self.interrupted.swap(true, Ordering::SeqCst) {
            let thread = self.thread.load(Ordering::SeqCst);
            if thread != 0 {
                timer::signal(thread);
            }
        }
    }
}

/// The guest's own code may run.
pub(crate) struct Entered<'a>(&'a Slice);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        if let Stop::Signals(target) = &self.0.stop {
            target.leave();
        }
    }
}

/// Notes which guest this thread runs, until it is dropped.
struct Running<'a> {
    slice: &'a Slice,
    previous: *const Slice,
}

impl<'a> Running<'a> {
    fn begin(slice: &'a Slice) -> Self {
        Self {
            slice,
            previous: timer::replace_running(slice),
        }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        timer::replace_running(self.previous);
        self.slice.thread.store(0, Ordering::SeqCst);
    }
}
