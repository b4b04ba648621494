//! What can go wrong before or around a container, with the exit code it gives.

use std::fmt;
use std::path::{Path, PathBuf};

/// Exit code when Thimble itself cannot do what was asked.
pub(crate) const OURS: u8 = 125;
/// Exit code when the file is there but cannot be run.
const CANNOT_RUN: u8 = 126;
/// Exit code when the file is not there.
const NOT_FOUND: u8 = 127;

/// A failure, in words for the person who typed the command.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An option's value is wrong.
    Option {
        /// The option as typed.
        option: &'static str,
        /// The value as typed.
        value: String,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// The file to run is not there.
    NotFound {
        /// Its path.
        path: PathBuf,
    },
    /// The file to run cannot be read.
    Unreadable {
        /// Its path.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The file cannot be run.
    CannotRun {
        /// Its path.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The device does not give what is needed.
    Device {
        /// What was being done.
        doing: &'static str,
        /// Why it failed.
        reason: String,
    },
}

impl Failure {
    pub(crate) fn option(
        option: &'static str,
        value: impl Into<String>,
        reason: impl fmt::Display,
    ) -> Self {
        Self::Option {
            option,
            value: value.into(),
            reason: reason.to_string(),
        }
    }

    pub(crate) fn cannot_run(path: &Path, reason: impl fmt::Display) -> Self {
        Self::CannotRun {
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }

    pub(crate) fn device(doing: &'static str, reason: impl fmt::Display) -> Self {
        Self::Device {
            doing,
            reason: reason.to_string(),
        }
    }

    pub(crate) const fn exit_code(&self) -> u8 {
        match self {
            Self::Option { .. } | Self::Device { .. } => OURS,
            Self::Unreadable { .. } | Self::CannotRun { .. } => CANNOT_RUN,
            Self::NotFound { .. } => NOT_FOUND,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option {
                option,
                value,
                reason,
            } => write!(formatter, "{option} {value}: {reason}"),
            Self::NotFound { path } => {
                write!(
                    formatter,
                    "{}: there is no such file; give the path of a .wasm or .wat file",
                    path.display()
                )
            }
            Self::Unreadable { path, reason } => {
                write!(formatter, "{}: cannot be read: {reason}", path.display())
            }
            Self::CannotRun { path, reason } => {
                write!(formatter, "{}: cannot be run: {reason}", path.display())
            }
            Self::Device { doing, reason } => write!(formatter, "{doing}: {reason}"),
        }
    }
}
