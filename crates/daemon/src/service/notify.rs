//! What the service manager is told: ready, stopping, alive.
//!
//! The supervising parent is the main process, and this is its child, so the unit needs `NotifyAccess=all`.
//! Without a service manager nothing is told to anyone.

use std::env;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::time::Duration;

use sd_notify::NotifyState;

use super::supervise;

const WATCHDOG_PID: &str = "WATCHDOG_PID";
const WATCHDOG_USEC: &str = "WATCHDOG_USEC";
const NOTIFY_SOCKET: &str = "NOTIFY_SOCKET";
/// Less would have the daemon do little else.
const WATCHDOG_MIN: Duration = Duration::from_millis(10);

/// Tells the supervising parent, if there is one, that the start went well.
#[derive(Debug, Default)]
pub struct Readiness(Option<File>);

impl Readiness {
    pub(super) fn to_parent(pipe: OwnedFd) -> Self {
        Self(Some(File::from(pipe)))
    }
}

/// Says that requests are answered from now on.
///
/// # Errors
/// If the parent or the service manager could not be told.
pub fn ready(readiness: Readiness) -> io::Result<()> {
    if let Some(mut pipe) = readiness.0 {
        pipe.write_all(b"1")?;
    }
    sd_notify::notify(&[NotifyState::Ready])
}

/// Says that the daemon is about to end.
///
/// # Errors
/// If the service manager could not be told.
pub fn stopping() -> io::Result<()> {
    sd_notify::notify(&[NotifyState::Stopping])
}

/// Says that the configuration is being read again; [`reloaded`] must follow.
///
/// # Errors
/// If the service manager could not be told.
pub fn reloading() -> io::Result<()> {
    sd_notify::notify(&[NotifyState::Reloading, NotifyState::monotonic_usec_now()?])
}

/// Says that the configuration has been read.
///
/// # Errors
/// If the service manager could not be told.
pub fn reloaded() -> io::Result<()> {
    sd_notify::notify(&[NotifyState::Ready])
}

/// Says in one line what the daemon does.
///
/// # Errors
/// If the service manager could not be told.
pub fn status(words: &str) -> io::Result<()> {
    // A second line would be another statement to the service manager.
    let line = words.lines().next().unwrap_or_default();
    sd_notify::notify(&[NotifyState::Status(line)])
}

/// Says that the daemon is started again, and that this is no reason to worry yet.
pub(super) fn restarting(words: &str) -> io::Result<()> {
    sd_notify::notify(&[NotifyState::Status(words), NotifyState::Watchdog])
}

/// Whether the service manager listens on an abstract socket, which isolation would put out of reach.
#[must_use]
pub fn socket_is_abstract() -> bool {
    env::var_os(NOTIFY_SOCKET).is_some_and(|path| path.as_encoded_bytes().starts_with(b"@"))
}

/// The service manager ends the service when it does not hear from it for this long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watchdog {
    /// How long.
    pub interval: Duration,
}

impl Watchdog {
    /// The watchdog that the service manager has set up. `None` if there is none for this process.
    #[must_use]
    pub fn from_environment() -> Option<Self> {
        let microseconds = env::var(WATCHDOG_USEC).ok()?.parse().ok()?;
        let interval = Duration::from_micros(microseconds);
        // It names the main process, which is the parent where there is one.
        if let Ok(process) = env::var(WATCHDOG_PID) {
            let process: u32 = process.parse().ok()?;
            if process != std::process::id() && Some(process) != supervise::supervisor() {
                return None;
            }
        }
        (interval >= WATCHDOG_MIN).then_some(Self { interval })
    }

    /// Says that the daemon is alive, if it is; whether it was.
    ///
    /// # Errors
    /// If the service manager could not be told.
    pub fn ping(&self, alive: impl Fn() -> bool) -> io::Result<bool> {
        let alive = alive();
        if alive {
            sd_notify::notify(&[NotifyState::Watchdog])?;
        }
        Ok(alive)
    }

    /// Says twice in each interval that the daemon is alive, for as long as it is. Never ends.
    pub async fn keep(self, alive: impl Fn() -> bool) {
        loop {
            // Should it fail, the service manager ends the service: that is what it is for.
            let _ = self.ping(&alive);
            tokio::time::sleep(self.interval / 2).await;
        }
    }
}
