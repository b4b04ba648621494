//! Why a process could not be isolated.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why the process could not give up what it should.
#[derive(Debug)]
#[non_exhaustive]
pub enum IsolationError {
    /// It has threads already, which would keep everything. Ours.
    Threads {
        /// How many.
        count: usize,
    },
    /// Whether it has threads cannot be seen. The system's.
    UnknownThreads {
        /// Why.
        error: io::Error,
    },
    /// Something that it should keep is not there or cannot be opened. The operator's.
    Path {
        /// What.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Without capabilities it could not change what it keeps. The operator's.
    Denied {
        /// What.
        path: PathBuf,
        /// The user it runs as.
        user: u32,
    },
    /// New privileges could not be renounced. The system's.
    NoNewPrivileges {
        /// Why.
        error: io::Error,
    },
    /// Capabilities could not be given up. The system's.
    Capabilities {
        /// Which set.
        set: &'static str,
        /// Why.
        error: caps::errors::CapsError,
    },
    /// Landlock's rules could not be made or put in force. The system's.
    Landlock {
        /// Why.
        error: landlock::RulesetError,
    },
    /// The filter of system calls could not be made or put in force. Ours or the system's.
    Calls {
        /// Why.
        error: seccompiler::Error,
    },
    /// This system cannot do all of it, and all of it was required. The operator's.
    Unsupported {
        /// What it cannot do.
        missing: Vec<String>,
    },
}

impl fmt::Display for IsolationError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Threads { count } => write!(
                formatter,
                "the process has {count} threads and must be isolated while it has one; this is a defect of Thimble"
            ),
            Self::UnknownThreads { .. } => formatter.write_str(
                "cannot count this process's threads; mount /proc, or set isolation to `off`",
            ),
            Self::Path { path, .. } => write!(
                formatter,
                "cannot open {}, which the configuration lists; create it or take it out",
                path.display()
            ),
            Self::Denied { path, user } => write!(
                formatter,
                "user {user} may not change {} without capabilities; give it to that user: chown -R {user} {}",
                path.display(),
                path.display()
            ),
            Self::NoNewPrivileges { .. } => formatter.write_str("cannot renounce new privileges"),
            Self::Capabilities { set, error } => {
                write!(formatter, "cannot give up the {set} capabilities: {error}")
            }
            Self::Landlock { .. } => formatter.write_str("cannot restrict access to files"),
            Self::Calls { .. } => formatter.write_str("cannot restrict system calls"),
            Self::Unsupported { missing } => write!(
                formatter,
                "isolation is required, and this system cannot do all of it: {}; use a newer kernel, or set isolation to `best-effort`",
                missing.join("; ")
            ),
        }
    }
}

impl std::error::Error for IsolationError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::UnknownThreads { error }
            | Self::Path { error, .. }
            | Self::NoNewPrivileges { error } => Some(error),
            Self::Landlock { error } => Some(error),
            Self::Calls { error } => Some(error),
            _ => None,
        }
    }
}
