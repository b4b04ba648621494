//! Says how the daemon died and which container it ran, for the daemon that follows.
//!
//! A panic of any thread ends the process: half a daemon is worse than one that is started again. A signal that
//! says the process is broken ends it as it would have anyway. Both first write one line to a file that has been
//! open since the start, so that nothing needs to be found, allocated or locked at that moment.
//!
//! The line: what it was, the container, and for a panic its place and message.
//!
//! ```text
//! signal 11 container 7
//! panic container - at src/machine.rs:12:5: index out of bounds
//! ```

mod line;
mod note;

use std::ffi::c_int;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, IntoRawFd as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use self::line::Line;
pub use self::note::{Cause, CrashNote, take};

/// The file in the state folder.
const FILE: &str = "crash";
/// Room for the line, taken while there is some: a full disk is one reason to die.
const ROOM_BYTES: u64 = 4096;
/// The signals that say that the process is broken.
const SIGNALS: [c_int; 5] = [
    libc::SIGABRT,
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGILL,
    libc::SIGFPE,
];

/// Says which container the calling thread runs. It is called by a signal's handler, so it may read numbers of its
/// own thread and atomic ones, and nothing else.
pub type RunningContainer = fn() -> Option<u64>;

/// What the handlers need.
struct Watch {
    file: i32,
    running: RunningContainer,
    /// What was done at each of [`SIGNALS`] before.
    previous: [libc::sigaction; SIGNALS.len()],
}

static WATCH: OnceLock<Watch> = OnceLock::new();
/// The thread that tells, or 0: the first to come, and it tells once.
static TELLING: AtomicUsize = AtomicUsize::new(0);
/// Whether a line was written.
static TOLD: AtomicBool = AtomicBool::new(false);

/// Why deaths are not noted.
#[derive(Debug)]
#[non_exhaustive]
pub enum CrashError {
    /// They are already. Ours.
    Twice,
    /// A handler could not be installed. The system's.
    Handler {
        /// The signal.
        signal: c_int,
        /// Why.
        error: io::Error,
    },
}

impl fmt::Display for CrashError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Twice => {
                formatter.write_str("deaths are noted already; this is a defect of Thimble")
            }
            Self::Handler { signal, .. } => {
                write!(formatter, "cannot handle {}", super::signals::name(*signal))
            }
        }
    }
}

impl std::error::Error for CrashError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Twice => None,
            Self::Handler { error, .. } => Some(error),
        }
    }
}

/// Opens the file for [`install`], empty. [`take`] reads it at the next start.
///
/// # Errors
/// If it cannot be made.
pub fn open(state_folder: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(state_folder.join(FILE))?;
    // Not every file system can; then the line is written if there is room.
    let _ = rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::KEEP_SIZE, 0, ROOM_BYTES);
    Ok(file)
}

/// Notes the death of this process in `file`, from now on, and ends the process at a panic of any thread.
///
/// Call it before the engine is made: an engine handles the same signals for its guests, and passes on to these
/// handlers what is not the guests'.
///
/// # Errors
/// [`CrashError`].
pub fn install(file: File, running: RunningContainer) -> Result<(), CrashError> {
    let mut previous = [empty_action(); SIGNALS.len()];
    for (signal, previous) in SIGNALS.into_iter().zip(&mut previous) {
        // SAFETY: nothing is changed, and `previous` is a live value of the right type.
        let status = unsafe { libc::sigaction(signal, ptr::null(), previous) };
        outcome(status, signal)?;
    }
    let mut fresh = false;
    WATCH.get_or_init(|| {
        fresh = true;
        Watch {
            // Open until the process ends.
            file: file.into_raw_fd(),
            running,
            previous,
        }
    });
    if !fresh {
        return Err(CrashError::Twice);
    }
    for signal in SIGNALS {
        let mut action = empty_action();
        action.sa_sigaction = on_signal as *const () as libc::sighandler_t;
        // On the alternate stack, which every thread of Rust has: the own one may be what is used up.
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        // SAFETY: the handler has the signature that SA_SIGINFO asks for and only does what a handler may.
        let status = unsafe { libc::sigaction(signal, &raw const action, ptr::null_mut()) };
        outcome(status, signal)?;
    }
    let tell_panic = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        on_panic(panic);
        tell_panic(panic);
        std::process::abort();
    }));
    Ok(())
}

fn on_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let Some(watch) = WATCH.get() else { return };
    if !first() {
        return;
    }
    let mut line = Line::default();
    line.text("panic container ");
    line.container((watch.running)());
    if let Some(place) = panic.location() {
        line.text(" at ");
        line.text(place.file());
        line.text(":");
        line.number(place.line().into());
        line.text(":");
        line.number(place.column().into());
    }
    line.text(": ");
    line.text(panic.payload_as_str().unwrap_or("no message"));
    watch.write(&line);
}

/// The handler of [`SIGNALS`]: calls what may be called in one.
extern "C" fn on_signal(signal: c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    let Some(watch) = WATCH.get() else { return };
    if first() {
        let mut line = Line::default();
        line.text("signal ");
        line.number(signal.unsigned_abs().into());
        line.text(" container ");
        line.container((watch.running)());
        watch.write(&line);
    }
    // SAFETY: with SA_SIGINFO the kernel gives a valid pointer.
    let sent = unsafe { (*info).si_code } <= 0;
    if sent {
        die(signal);
    } else {
        // The instruction is executed again, and whoever handled this before sees it: Rust says so if it was
        // the end of a stack.
        watch.restore(signal);
    }
}

/// Ends the process by a signal that somebody sent; it is delivered when the handler returns.
fn die(signal: c_int) {
    let default = empty_action();
    // SAFETY: the action is the default one, and the old one is not asked for.
    unsafe { libc::sigaction(signal, &raw const default, ptr::null_mut()) };
    // SAFETY: it touches no memory.
    unsafe { libc::raise(signal) };
}

impl Watch {
    fn write(&self, line: &Line) {
        // SAFETY: it was opened for this and is never closed.
        let file = unsafe { BorrowedFd::borrow_raw(self.file) };
        // Nobody is left to hear that it failed.
        let _ = rustix::io::pwrite(file, line.bytes(), 0);
        TOLD.store(true, Ordering::Release);
    }

    /// Gives a signal back to whoever handled it before.
    fn restore(&self, signal: c_int) {
        let index = SIGNALS.iter().position(|known| *known == signal);
        let Some(previous) = index.and_then(|index| self.previous.get(index)) else {
            return;
        };
        // SAFETY: the action is one that was in force, and the old one is not asked for.
        unsafe { libc::sigaction(signal, previous, ptr::null_mut()) };
    }
}

/// Whether this is the first that tells. Another thread waits until the first has written its line: it would
/// end the process in the middle of it.
fn first() -> bool {
    /// How often it looks; the other one writes a few hundred bytes.
    const LOOKS_MAX: u32 = 1000;
    let thread = rustix::thread::gettid().as_raw_nonzero().get();
    let own = usize::try_from(thread).unwrap_or(usize::MAX);
    match TELLING.compare_exchange(0, own, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => true,
        // The abort after its own panic, or a fault while it told.
        Err(teller) if teller == own => false,
        Err(_) => {
            for _ in 0..LOOKS_MAX {
                if TOLD.load(Ordering::Acquire) {
                    break;
                }
                rustix::thread::sched_yield();
            }
            false
        }
    }
}

fn empty_action() -> libc::sigaction {
    let action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: zero is a value of each of its fields: no flags, no signals masked, the default handler.
    unsafe { action.assume_init() }
}

fn outcome(status: c_int, signal: c_int) -> Result<(), CrashError> {
    if status == 0 {
        return Ok(());
    }
    Err(CrashError::Handler {
        signal,
        error: io::Error::last_os_error(),
    })
}
