//! Why the daemon was not asked, or did not answer.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::problem::Problem;

/// Why a call failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum ClientError {
    /// Nobody listens on the socket.
    NoDaemon {
        /// The socket's path.
        socket: PathBuf,
        /// Whether the file is there: left behind by a daemon that is gone.
        left_behind: bool,
    },
    /// This user may not use the socket.
    Denied {
        /// The socket's path.
        socket: PathBuf,
    },
    /// The daemon says that it cannot do it.
    Problem(Problem),
    /// The daemon was there and went away before its answer was whole.
    Gone {
        /// What was seen of it.
        reason: String,
    },
    /// What answers does not speak as the daemon does.
    Broken {
        /// What is wrong with the answer.
        reason: String,
    },
    /// This machine does not give what is needed.
    Io {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        source: io::Error,
    },
}

impl ClientError {
    /// The daemon's problem, if it is one.
    #[must_use]
    pub const fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem(problem) => Some(problem),
            _ => None,
        }
    }

    pub(super) fn io(doing: &'static str, source: io::Error) -> Self {
        Self::Io { doing, source }
    }

    pub(super) fn broken(reason: impl fmt::Display) -> Self {
        Self::Broken {
            reason: reason.to_string(),
        }
    }

    pub(super) fn connecting(socket: &Path, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Self::NoDaemon {
                socket: socket.to_owned(),
                left_behind: false,
            },
            io::ErrorKind::ConnectionRefused => Self::NoDaemon {
                socket: socket.to_owned(),
                left_behind: true,
            },
            io::ErrorKind::PermissionDenied => Self::Denied {
                socket: socket.to_owned(),
            },
            _ => Self::io("connecting to the daemon's socket", error),
        }
    }

    /// What the HTTP library says: our own input, their protocol, or the connection.
    pub(super) fn http(error: &hyper::Error) -> Self {
        let cause = error.source();
        if error.is_user() {
            let source = cause
                .and_then(|cause| cause.downcast_ref::<io::Error>())
                .map_or_else(
                    || io::Error::other(error.to_string()),
                    |error| io::Error::new(error.kind(), error.to_string()),
                );
            return Self::io("reading what is to be sent", source);
        }
        let reason = match cause {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        };
        if error.is_parse() {
            Self::broken(reason)
        } else {
            Self::Gone { reason }
        }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDaemon {
                socket,
                left_behind,
            } => write!(
                formatter,
                "no daemon listens on {}{}; start one with `thimble daemon` or `systemctl start thimble`, or set \
                 THIMBLE_SOCKET to where it listens",
                socket.display(),
                if *left_behind {
                    ", which one that is gone has left behind"
                } else {
                    ""
                }
            ),
            Self::Denied { socket } => write!(
                formatter,
                "this user may not use the daemon's socket {}; join the group that owns it, or ask as root",
                socket.display()
            ),
            Self::Problem(problem) => problem.fmt(formatter),
            Self::Gone { reason } => write!(
                formatter,
                "the daemon went away before it had answered ({reason}); what was asked may have been done: look at it \
                 before asking again"
            ),
            Self::Broken { reason } => write!(
                formatter,
                "the daemon's answer cannot be understood ({reason}); program and daemon should have the same version"
            ),
            Self::Io { doing, .. } => formatter.write_str(doing),
        }
    }
}

impl Error for ClientError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}
