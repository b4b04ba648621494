//! Where the daemon listens: a socket from the supervising parent, from the service manager, or made here.

mod bind;
mod error;
mod inherit;

use std::net::TcpListener;
use std::os::fd::AsFd as _;
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

pub use self::error::SocketError;
use self::inherit::Inherited;
use super::notify::Readiness;
use super::supervise;

/// The name of the socket of the API among those that are handed over.
pub(super) const API: &str = "api";
/// The name of the socket of the metrics.
pub(super) const METRICS: &str = "metrics";

/// The socket to make where none is handed over.
#[derive(Clone, Copy, Debug)]
pub struct Bind<'a> {
    /// Its file; the folder is made if it is not there.
    pub path: &'a Path,
    /// The group, by name or number, whose members may use it besides the daemon's own user.
    pub group: Option<&'a str>,
}

/// What the daemon listens on. The file of a socket made here is removed with this.
#[derive(Debug)]
pub struct Sockets {
    /// The API.
    pub api: UnixListener,
    /// The metrics, if the service manager listens for them.
    pub metrics: Option<TcpListener>,
    /// For [`notify::ready`](super::notify::ready), once.
    pub readiness: Readiness,
    /// The file that was made here.
    _made: Option<MadeFile>,
}

impl Sockets {
    /// The sockets with their names, to hand over.
    pub(super) fn named(&self) -> impl Iterator<Item = (&'static str, BorrowedFd<'_>)> {
        let metrics = self
            .metrics
            .as_ref()
            .map(|socket| (METRICS, socket.as_fd()));
        std::iter::once((API, self.api.as_fd())).chain(metrics)
    }
}

/// The file of a socket, which is removed with this.
#[derive(Debug)]
struct MadeFile(PathBuf);

impl Drop for MadeFile {
    fn drop(&mut self) {
        // The next start finds it dead, and removes it.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The daemon's sockets. Those that were handed over are kept from children, and the variables that tell of them
/// are removed, so this must be called while the process has one thread.
///
/// # Errors
/// [`SocketError`]. What was handed over and is not what the daemon needs is an error too: whoever configured it
/// expects something of it.
pub fn sockets(bind: &Bind<'_>) -> Result<Sockets, SocketError> {
    let inherited = match supervise::supervisor() {
        Some(_) => inherit::from_parent()?,
        None => inherit::from_service_manager()?,
    };
    let Inherited {
        api,
        metrics,
        readiness,
    } = inherited;
    let (api, made) = match api {
        Some(api) => (api, None),
        None => {
            let api = bind::bind(bind)?;
            (api, Some(MadeFile(bind.path.to_owned())))
        }
    };
    Ok(Sockets {
        api,
        metrics,
        readiness,
        _made: made,
    })
}
