//! Copies: of the whole hub, for when it is lost, and of one tenant, to move it to another hub.
//!
//! A backup of the hub is a folder: the database of one moment, all blobs, and the master key. It is made while the hub
//! works; blobs come after the database, so that all that the database names is there. A copy of a tenant is one tar file
//! that any hub takes in, whatever its database and store are: ids stay, the audit trail stays and is checked, and secrets
//! are sealed with a passphrase or left out.

mod archive;
mod passphrase;
mod sealed;
mod tenant;
mod whole;

use std::fmt;
use std::io;
use std::path::PathBuf;

use thimble_hub_blobs::{BlobError, ImportError, NameError, OpenError};
use thimble_hub_store::{ChainBreak, Error as StoreError, TenantId};

use crate::authority::master::MasterError;
use crate::settings::SettingsError;

pub use tenant::{Exported, export_tenant, import_tenant};
pub use whole::{BackedUp, Parts, back_up, restore};

/// Why a copy was not made or not taken in.
#[derive(Debug)]
#[non_exhaustive]
pub enum BackupError {
    /// A file or folder cannot be read or written.
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Something is there already that must not be overwritten.
    Occupied {
        /// What.
        path: PathBuf,
    },
    /// The folder holds no backup, or one that was not finished.
    Unfinished {
        /// Which.
        path: PathBuf,
    },
    /// The file is not what this hub writes.
    Malformed {
        /// How.
        reason: String,
    },
    /// It was written by a newer hub.
    Newer {
        /// Its version.
        found: u64,
        /// The newest version that is known.
        known: u64,
    },
    /// Its secrets are sealed with a passphrase, which was not given.
    NoPassphrase,
    /// The passphrase is another one.
    WrongPassphrase,
    /// The tenant is here already.
    TenantExists {
        /// Which.
        tenant: TenantId,
    },
    /// The audit trail is broken: somebody changed the copy, or the database that it was made of.
    Chain {
        /// Whose.
        tenant: TenantId,
        /// Where.
        at: ChainBreak,
    },
    /// The database failed, or refuses.
    Store(StoreError),
    /// Blobs cannot be read or written.
    Blobs(BlobError),
    /// The place for blobs cannot be opened.
    Open(OpenError),
    /// A secret cannot be sealed or opened.
    Secret(MasterError),
    /// The settings cannot be used.
    Settings(SettingsError),
}

impl fmt::Display for BackupError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, .. } => write!(formatter, "{} cannot be used", path.display()),
            Self::Occupied { path } => write!(
                formatter,
                "{} is there already, and nothing is overwritten: move it away, or name another place",
                path.display()
            ),
            Self::Unfinished { path } => write!(
                formatter,
                "{} holds no finished backup: backup.json, which is written last, is not there",
                path.display()
            ),
            Self::Malformed { reason } => {
                write!(formatter, "it is no copy that a hub made: {reason}")
            }
            Self::Newer { found, known } => write!(
                formatter,
                "it has version {found}, and this hub knows versions up to {known}: use a newer hub"
            ),
            Self::NoPassphrase => {
                formatter.write_str("its secrets are sealed with a passphrase: give it")
            }
            Self::WrongPassphrase => formatter.write_str("the passphrase is another one"),
            Self::TenantExists { tenant } => write!(
                formatter,
                "the tenant {tenant} is in this hub already: a copy is taken in as a whole or not at all"
            ),
            Self::Chain { tenant, at } => {
                let (word, sequence) = match at {
                    ChainBreak::Missing { sequence } => ("missing", sequence),
                    ChainBreak::Changed { sequence } => ("not the one that was written", sequence),
                };
                write!(
                    formatter,
                    "entry {sequence} of the audit trail of tenant {tenant} is {word}"
                )
            }
            Self::Store(_) => formatter.write_str("the database failed, or refuses"),
            Self::Blobs(_) => formatter.write_str("blobs cannot be read or written"),
            Self::Open(_) => formatter.write_str("the place for blobs cannot be opened"),
            Self::Secret(_) => formatter.write_str("a secret cannot be sealed or opened"),
            Self::Settings(_) => formatter.write_str("the settings cannot be used"),
        }
    }
}

impl std::error::Error for BackupError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File { error, .. } => Some(error),
            Self::Store(error) => Some(error),
            Self::Blobs(error) => Some(error),
            Self::Open(error) => Some(error),
            Self::Secret(error) => Some(error),
            Self::Settings(error) => Some(error),
            _ => None,
        }
    }
}

impl BackupError {
    fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        |error| Self::File { path, error }
    }

    fn malformed(reason: impl Into<String>) -> Self {
        Self::Malformed {
            reason: reason.into(),
        }
    }
}

impl From<StoreError> for BackupError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<BlobError> for BackupError {
    fn from(error: BlobError) -> Self {
        Self::Blobs(error)
    }
}

impl From<ImportError> for BackupError {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::Blob(error) => Self::Blobs(error),
            error => Self::malformed(error.to_string()),
        }
    }
}

impl From<NameError> for BackupError {
    fn from(error: NameError) -> Self {
        Self::malformed(error.to_string())
    }
}

impl From<MasterError> for BackupError {
    fn from(error: MasterError) -> Self {
        Self::Secret(error)
    }
}

impl From<SettingsError> for BackupError {
    fn from(error: SettingsError) -> Self {
        Self::Settings(error)
    }
}

impl From<OpenError> for BackupError {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}
