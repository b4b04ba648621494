//! Why the daemon cannot listen.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why the daemon cannot listen.
#[derive(Debug)]
#[non_exhaustive]
pub enum SocketError {
    /// The path does not fit an address of a socket. The operator's.
    TooLong {
        /// The path.
        path: PathBuf,
        /// The most bytes that fit.
        bytes_max: usize,
    },
    /// Someone listens there already. The operator's.
    InUse {
        /// The path.
        path: PathBuf,
        /// The process that listens, and the program that it runs.
        who: Option<(u32, String)>,
    },
    /// There is a file that is no socket. The operator's.
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// There is no such group. The operator's.
    Group {
        /// Its name.
        name: String,
    },
    /// It could not be made. The operator's or the system's.
    Make {
        /// What was being done.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// What was handed over is not what it should be. The operator's.
    HandedOver {
        /// Its name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The variables that tell what was handed over make no sense. The service manager's.
    Variables {
        /// Why.
        error: io::Error,
    },
    /// The process has threads already. Ours.
    Threads,
}

impl fmt::Display for SocketError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { path, bytes_max } => write!(
                formatter,
                "the path of the socket has {} bytes, and {bytes_max} fit: {}; choose a shorter one with THIMBLE_SOCKET",
                path.as_os_str().len(),
                path.display()
            ),
            Self::InUse { path, who } => {
                write!(formatter, "someone listens at {} already", path.display())?;
                if let Some((process, program)) = who {
                    write!(formatter, ": process {process}, {program}")?;
                }
                formatter.write_str("; stop it, or choose another path with THIMBLE_SOCKET")
            }
            Self::NotASocket { path } => write!(
                formatter,
                "{} is there and is no socket; it is left alone: move it, or choose another path with THIMBLE_SOCKET",
                path.display()
            ),
            Self::Group { name } => write!(
                formatter,
                "there is no group `{name}` in /etc/group; add it with groupadd, or name another"
            ),
            Self::Make { doing, path, .. } => {
                write!(formatter, "{doing} {}", path.display())
            }
            Self::HandedOver { name, reason } => write!(
                formatter,
                "the socket `{name}` that the service manager handed over {reason}"
            ),
            Self::Variables { .. } => {
                formatter.write_str("cannot take over the sockets of the service manager")
            }
            Self::Threads => formatter.write_str(
                "sockets are taken over while the process has one thread; this is a defect of Thimble",
            ),
        }
    }
}

impl std::error::Error for SocketError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Make { error, .. } | Self::Variables { error } => Some(error),
            _ => None,
        }
    }
}
