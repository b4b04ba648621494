//! One daemon to a state folder.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// The file that is locked. It stays when the daemon ends; the lock does not.
const FILE: &str = "daemon.lock";
/// Longer than a process's number.
const PID_BYTES_MAX: u64 = 16;

/// The folder is this process's for as long as this lives, or until the process dies.
#[derive(Debug)]
pub struct StateLock {
    _file: File,
}

/// Why the state folder is not this process's.
#[derive(Debug)]
#[non_exhaustive]
pub enum LockError {
    /// Another daemon uses it. The operator's.
    Held {
        /// The folder.
        folder: PathBuf,
        /// The other daemon's process, unless it has not said so yet.
        process: Option<u32>,
    },
    /// The file cannot be made or locked. The operator's.
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

impl fmt::Display for LockError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held { folder, process } => {
                write!(formatter, "another daemon uses {}", folder.display())?;
                if let Some(process) = process {
                    write!(formatter, ": process {process}")?;
                }
                formatter.write_str("; stop it, or choose another folder with THIMBLE_ROOT")
            }
            Self::File { path, .. } => write!(formatter, "cannot lock {}", path.display()),
        }
    }
}

impl std::error::Error for LockError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Held { .. } => None,
            Self::File { error, .. } => Some(error),
        }
    }
}

/// Makes the state folder this process's. The folder must be there.
///
/// # Errors
/// [`LockError`].
pub fn lock(state_folder: &Path) -> Result<StateLock, LockError> {
    let path = state_folder.join(FILE);
    let failed = |error| LockError::File {
        path: path.clone(),
        error,
    };
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(&path)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(LockError::Held {
                folder: state_folder.to_owned(),
                process: holder(&file),
            });
        }
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    file.set_len(0).map_err(failed)?;
    file.write_all(std::process::id().to_string().as_bytes())
        .map_err(failed)?;
    Ok(StateLock { _file: file })
}

fn holder(file: &File) -> Option<u32> {
    let mut text = String::new();
    file.take(PID_BYTES_MAX).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
