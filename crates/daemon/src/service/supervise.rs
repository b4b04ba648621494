//! The parent that starts the daemon again when it dies.
//!
//! It holds the listening sockets, so that clients wait during a restart instead of being refused, and it is
//! tiny: one thread that waits for signals and for its child. The child is this program once more, executed
//! anew: so it is laid out in memory at other addresses, and what a crash has told an attacker is worth nothing.
//!
//! To a service manager the parent is the main process; the child tells it what there is to tell, so the unit
//! says `NotifyAccess=all`. The parent's number goes to the child in a variable, and is believed if it is that
//! of the child's parent.
//!
//! The child dies with its parent, at once: a daemon that nobody watches would be in the way of the next one, and
//! it may be killed at any moment without harm.

mod restarts;
mod signals;

use std::env;
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsRawFd as _, RawFd};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process};

use self::restarts::{End, Next, Restarts};
use self::signals::{Heard, Signals};
use super::memory;
use super::notify;
use super::signals::name;
use super::sockets::Sockets;

/// The variable with the number of the supervising process.
const SUPERVISOR: &str = "THIMBLE_SUPERVISOR";
/// The variable that says which descriptors are handed over: `NAME=NUMBER`, separated by colons.
pub(super) const HANDOVER: &str = "THIMBLE_HANDOVER";
/// The name of the pipe by which the child says that it is ready.
pub(super) const READY: &str = "ready";
/// What the service manager handed to this process is not the child's.
const LISTEN: [&str; 3] = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"];
/// Time in which what waiting needs of the program has shown.
const WAITED: Duration = Duration::from_secs(1);
/// The program that this process runs, even if another one has its name by now.
const THIS_PROGRAM: &str = "/proc/self/exe";

/// Why the daemon could not be supervised.
#[derive(Debug)]
#[non_exhaustive]
pub enum SuperviseError {
    /// Signals could not be taken over. The system's.
    Signals {
        /// Why.
        error: io::Error,
    },
    /// The child could not be started for the first time. The system's.
    Start {
        /// Why.
        error: io::Error,
    },
    /// The child could not be waited for. Ours.
    Wait {
        /// Why.
        error: io::Error,
    },
}

impl fmt::Display for SuperviseError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Signals { .. } => "cannot take over signals",
            Self::Start { .. } => "cannot start the daemon's process",
            Self::Wait { .. } => "cannot wait for the daemon's process",
        })
    }
}

impl std::error::Error for SuperviseError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Signals { error } | Self::Start { error } | Self::Wait { error } => Some(error),
        }
    }
}

/// The process that supervises this one. `None` if this is not a supervised child.
#[must_use]
pub fn supervisor() -> Option<u32> {
    let named: u32 = env::var(SUPERVISOR).ok()?.parse().ok()?;
    let parent = rustix::process::getppid()?.as_raw_nonzero().get();
    (parent.cast_unsigned() == named).then_some(named)
}

/// A command that executes this program with the same arguments.
#[must_use]
pub fn this_program() -> Command {
    let mut arguments = env::args_os();
    let mut command = Command::new(THIS_PROGRAM);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    command.args(arguments);
    command
}

/// Runs the daemon in a child, and starts it again whenever it dies, until it ends well or is asked to.
///
/// `child` makes the command for each start, as [`this_program`] does. Call it while the process has one thread
/// and has initialised nothing else. SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1 and SIGUSR2 are passed on.
///
/// The exit code is the child's: when it ends well, when it was asked to end, and when it fails before it was ever
/// ready, so that a bad configuration is seen. A death by signal counts 128 and the signal's number.
///
/// # Errors
/// [`SuperviseError`].
pub fn run(
    sockets: &Sockets,
    mut child: impl FnMut() -> Command,
) -> Result<ExitCode, SuperviseError> {
    let signals = Signals::take_over().map_err(|error| SuperviseError::Signals { error })?;
    let mut restarts = Restarts::default();
    loop {
        let started = Instant::now();
        let (end, ready) = match start(sockets, &signals, child()) {
            Ok(running) => {
                // From here on it waits, for days.
                memory::give_back();
                running
                    .wait(&signals)
                    .map_err(|error| SuperviseError::Wait { error })?
            }
            Err(error) if restarts.was_ready() => (End::NotStarted(error), false),
            Err(error) => return Err(SuperviseError::Start { error }),
        };
        match restarts.next(&end, ready, started.elapsed()) {
            Next::End(code) => return Ok(ExitCode::from(code)),
            Next::Start { after } => {
                tell(&end, after);
                if asked_to_end(&signals, after)? {
                    return Ok(ExitCode::SUCCESS);
                }
            }
        }
    }
}

/// One line on standard error, and to the service manager.
fn tell(end: &End, after: Duration) {
    let when = if after.is_zero() {
        "at once".to_owned()
    } else {
        format!("in {} ms", after.as_millis())
    };
    let words = format!("the daemon {end}; starting it again {when}");
    eprintln!("thimble: {words}");
    // It has seen worse if it does not listen.
    let _ = notify::restarting(&words);
}

/// Waits before the next start; whether there is to be none.
fn asked_to_end(signals: &Signals, wait: Duration) -> Result<bool, SuperviseError> {
    let until = Instant::now() + wait;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        match signals
            .wait(Some(left))
            .map_err(|error| SuperviseError::Wait { error })?
        {
            Heard::Nothing => return Ok(false),
            Heard::Signal(libc::SIGTERM | libc::SIGINT | libc::SIGQUIT) => return Ok(true),
            Heard::Signal(_) | Heard::Child => {}
        }
    }
}

/// A started child.
struct Running {
    process: Pid,
    ready: File,
}

fn start(sockets: &Sockets, signals: &Signals, mut command: Command) -> io::Result<Running> {
    let (ready, to_parent) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
    let mut inherited: Vec<RawFd> = vec![to_parent.as_raw_fd()];
    let mut handover = format!("{READY}={}", to_parent.as_raw_fd());
    for (name, socket) in sockets.named() {
        inherited.push(socket.as_raw_fd());
        handover.push_str(&format!(":{name}={}", socket.as_raw_fd()));
    }
    let parent = rustix::process::getpid();
    command
        .env(SUPERVISOR, parent.as_raw_nonzero().to_string())
        .env(HANDOVER, handover)
        // Ctrl-C is for the parent, which passes it on; a group of its own hears it once.
        .process_group(0);
    for name in LISTEN {
        command.env_remove(name);
    }
    let mask = signals.original();
    let prepare = move || prepare(&inherited, &mask, parent);
    // SAFETY: `prepare` makes system calls only: it takes no lock and allocates nothing.
    unsafe { command.pre_exec(prepare) };
    let child = command.spawn()?;
    let process = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let process = process.ok_or(io::ErrorKind::InvalidData)?;
    Ok(Running {
        process,
        ready: File::from(ready),
    })
}

/// Runs in the child before the program does.
fn prepare(inherited: &[RawFd], mask: &signals::Mask, parent: Pid) -> io::Result<()> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
    // It may have died before that.
    if rustix::process::getppid() != Some(parent) {
        return Err(io::Error::from_raw_os_error(libc::ESRCH));
    }
    for number in inherited {
        // SAFETY: the parent holds it open, and the child has a copy of all that the parent has.
        let descriptor = unsafe { rustix::fd::BorrowedFd::borrow_raw(*number) };
        rustix::io::fcntl_setfd(descriptor, rustix::io::FdFlags::empty())?;
    }
    mask.set()
}

impl Running {
    /// Waits for the end and passes signals on; how it ended, and whether it had been ready.
    fn wait(mut self, signals: &Signals) -> io::Result<(End, bool)> {
        let mut asked = false;
        let mut at_most = Some(WAITED);
        loop {
            match signals.wait(at_most)? {
                Heard::Signal(signal) => {
                    asked |= matches!(signal, libc::SIGTERM | libc::SIGINT | libc::SIGQUIT);
                    if let Some(signal) = Signal::from_named_raw(signal) {
                        // It may have ended meanwhile.
                        let _ = kill_process(self.process, signal);
                    }
                }
                Heard::Child => {
                    if let Some(status) = self.reap()? {
                        let ready = matches!(self.ready.read(&mut [0]), Ok(1));
                        return Ok((End::of(status, asked), ready));
                    }
                }
                Heard::Nothing if at_most.take().is_some() => memory::narrow(),
                Heard::Nothing => {}
            }
        }
    }

    /// Collects whatever has ended: as the first process of a container this is everyone's parent.
    fn reap(&self) -> io::Result<Option<WaitStatus>> {
        let mut own = None;
        loop {
            match rustix::process::wait(WaitOptions::NOHANG) {
                Ok(Some((process, status))) if process == self.process => own = Some(status),
                Ok(Some(_)) => {}
                Ok(None) | Err(rustix::io::Errno::CHILD) => return Ok(own),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code { code, .. } => write!(formatter, "ended with code {code}"),
            Self::Signal { signal, .. } => {
                write!(formatter, "was killed by {} ({signal})", name(*signal))
            }
            Self::NotStarted(error) => write!(formatter, "could not be started: {error}"),
        }
    }
}
