//! Why settings cannot be used.

use std::fmt;
use std::path::PathBuf;

use super::BYTES_MAX;

/// Why the settings cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum SettingsError {
    /// The file cannot be read.
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It has more bytes than settings can have.
    TooLarge {
        /// Which.
        path: PathBuf,
    },
    /// It is not what settings are.
    Malformed {
        /// Which.
        path: PathBuf,
        /// Where and why.
        reason: String,
    },
    /// A value is not allowed.
    Invalid {
        /// Which.
        field: &'static str,
        /// Why, and what to do.
        reason: String,
    },
    /// There is no place for the hub's folder.
    NoFolder,
}

impl fmt::Display for SettingsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { path, .. } => {
                write!(
                    formatter,
                    "the settings in {} cannot be read",
                    path.display()
                )
            }
            Self::TooLarge { path } => write!(
                formatter,
                "{} has more than {BYTES_MAX} bytes; is it the settings' file?",
                path.display()
            ),
            Self::Malformed { path, reason } => {
                write!(formatter, "the settings in {}: {reason}", path.display())
            }
            Self::Invalid { field, reason } => write!(formatter, "the setting {field}: {reason}"),
            Self::NoFolder => formatter.write_str(
                "there is no place for the hub's folder: set `folder`, or HOME or XDG_STATE_HOME",
            ),
        }
    }
}

impl std::error::Error for SettingsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable { source, .. } => Some(source),
            _ => None,
        }
    }
}
