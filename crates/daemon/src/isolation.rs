//! The process gives up what it does not need, for good, before any guest runs.
//!
//! Four layers, each of which holds when another one fails: no capabilities, no new privileges, Landlock for
//! files and ports, and a list of system calls. All of them are inherited by children, so they are chosen for
//! those as well: the compiling child and the pulling child are this very program.
//!
//! What is *not* given up, and why:
//!
//! - The process stays dumpable. If it were not, its own `/proc/self/fd` would belong to root, and a daemon that
//!   runs as another user could no longer reopen its own files; root may look at it either way. Core files are
//!   the service manager's business (`LimitCORE=0` in the unit).
//! - Memory may be mapped executable: native code of guests is.
//! - A program in a memory file (`memfd_create`) can be executed, because Landlock knows no rule for it. It
//!   gains nothing by that: it runs under the same restrictions.
//! - A TCP connection that begins with data (`MSG_FASTOPEN`) is not seen by Landlock's port rules. Guests are
//!   held by their grants; the port rules are the second line.

mod calls;
mod capabilities;
mod error;
mod files;
mod interpreter;
mod report;
mod system_files;

use std::path::PathBuf;

pub use self::error::IsolationError;
pub use self::report::Report;

/// What the process keeps.
#[derive(Clone, Debug, Default)]
pub struct Isolation {
    /// Folders and files that it may read and change. They must be there.
    pub read_write: Vec<PathBuf>,
    /// Folders and files that it may read. They must be there. What every program needs is not listed: name
    /// servers, hosts, certificates, time zones, its own entry in `/proc`.
    pub read_only: Vec<PathBuf>,
    /// Programs that it may execute. They must be there; what loads them is found by itself.
    pub executables: Vec<PathBuf>,
    /// Ports that it may listen on.
    pub bind_tcp: PortRule,
    /// Ports that it may connect to.
    pub connect_tcp: PortRule,
    /// Whether it may go on listening on ports below 1024 if it may now.
    pub low_ports: LowPorts,
    /// Which abstract Unix sockets it may talk to.
    pub abstract_sockets: AbstractSockets,
}

/// TCP ports.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PortRule {
    /// Every port.
    #[default]
    Any,
    /// These and no others.
    Only(Vec<u16>),
}

/// Ports below 1024.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LowPorts {
    /// The capability to listen on them is kept if it is there.
    #[default]
    Keep,
    /// It is given up.
    GiveUp,
}

/// Abstract Unix sockets: those whose name is no file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AbstractSockets {
    /// Only those that this process and its children have made.
    #[default]
    Own,
    /// All; for a service manager that listens on one.
    Any,
}

/// What happens if this system cannot do all of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strictness {
    /// It is an error.
    Require,
    /// It is told in the report.
    #[default]
    BestEffort,
    /// Nothing is given up at all.
    Off,
}

impl std::str::FromStr for Strictness {
    type Err = UnknownStrictness;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "require" => Ok(Self::Require),
            "best-effort" => Ok(Self::BestEffort),
            "off" => Ok(Self::Off),
            _ => Err(UnknownStrictness),
        }
    }
}

/// A word that is no [`Strictness`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownStrictness;

impl std::fmt::Display for UnknownStrictness {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("isolation is one of `require`, `best-effort` and `off`")
    }
}

impl std::error::Error for UnknownStrictness {}

/// Gives up everything but what `isolation` names. It cannot be undone.
///
/// Call it while the process has a single thread: capabilities and Landlock hold for the calling thread and for
/// the threads and children that it starts afterwards. A process with more threads is refused.
///
/// A process of root without capabilities is bound by the rights of files like any other user, so everything in
/// `read_write` must be root's own.
///
/// # Errors
/// [`IsolationError`]. The process may have given up a part by then and should end.
pub fn apply(isolation: &Isolation, strictness: Strictness) -> Result<Report, IsolationError> {
    let mut report = Report::default();
    if strictness == Strictness::Off {
        return Ok(report);
    }
    single_thread()?;
    // Opened while everything can be; restricted when nothing else needs the rights.
    let rules = files::Rules::open(isolation)?;
    rustix::thread::set_no_new_privs(true).map_err(|error| IsolationError::NoNewPrivileges {
        error: error.into(),
    })?;
    report.done("no new privileges");
    capabilities::give_up(isolation.low_ports, &mut report)?;
    files::check_access(&isolation.read_write)?;
    files::restrict(isolation, rules, &mut report)?;
    calls::restrict(&mut report)?;
    if strictness == Strictness::Require && !report.missing().is_empty() {
        return Err(IsolationError::Unsupported {
            missing: report.missing().to_vec(),
        });
    }
    Ok(report)
}

/// How many threads this process has.
pub(crate) fn threads() -> std::io::Result<usize> {
    Ok(std::fs::read_dir("/proc/self/task")?.count())
}

fn single_thread() -> Result<(), IsolationError> {
    match threads() {
        Ok(1) => Ok(()),
        Ok(count) => Err(IsolationError::Threads { count }),
        Err(error) => Err(IsolationError::UnknownThreads { error }),
    }
}
