//! How containers end, and what is traced on the way.

use alloc::string::String;
use core::time::Duration;

use crate::engine::Trap;

/// Why a container ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// By itself, with an exit code.
    Exited(i32),
    /// It did something that is not allowed.
    Trapped(Trap),
    /// It was stopped: asked first, or unable to be asked.
    Stopped,
    /// It was killed, by somebody or because its grace was over.
    Killed,
    /// It ran for longer than it was allowed to.
    TimedOut,
}

impl End {
    /// The exit code a process would have: 128 plus the signal where one says it best. Never 0 for a trap.
    #[must_use]
    pub const fn exit_code(&self) -> i32 {
        match self {
            Self::Exited(code) => *code,
            Self::Trapped(_) => 134,
            Self::Stopped => 143,
            Self::Killed => 137,
            Self::TimedOut => 124,
        }
    }
}

/// What is known of a container's run after its end.
#[derive(Clone, Debug)]
pub struct ExitRecord {
    /// Why it ended.
    pub end: End,
    /// When it was started, ns since 1970.
    pub started_nanos: u64,
    /// When it ended, ns since 1970.
    pub ended_nanos: u64,
    /// Processor time it used.
    pub cpu: Duration,
    /// The most linear memory it had.
    pub memory_bytes_max: u64,
    /// Whether it was refused memory because of its limit: the likely reason of an abort.
    pub memory_refused: bool,
    /// The end of what it wrote to its standard output and error, as far as it was kept.
    pub last_output: String,
}

/// Something that happened to a container while it ran.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trace<'a> {
    /// A call was refused for want of a grant. Told once for each grant.
    Refused {
        /// The grant that would have allowed it, as it is written.
        grant: &'a str,
    },
    /// The guest wrote a log line.
    Log {
        /// 0 error, 1 warning, 2 info, 3 debug, 4 trace.
        level: u8,
        /// What it says.
        message: &'a str,
    },
    /// The guest reported its health.
    Health {
        /// How it is.
        status: Health,
        /// What it says.
        message: &'a str,
    },
    /// The guest answered whether it may be replaced now.
    UpdateAnswered {
        /// The question.
        question: u32,
        /// Whether it may.
        is_allowed: bool,
        /// What it says.
        reason: &'a str,
    },
    /// The guest was refused memory because of its limit. Told once.
    MemoryRefused {
        /// Bytes it wanted to have.
        wanted_bytes: u64,
        /// Bytes it may have.
        limit_bytes: u64,
    },
    /// The guest met another of its limits. Told once for each.
    LimitReached {
        /// Which: `files`, `sockets`, `timers`, `subscriptions`, …
        limit: &'static str,
    },
}

/// A guest's own view of its health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// All is well.
    Healthy,
    /// It works, but not as it should.
    Degraded,
    /// It does not do its job.
    Failing,
}
