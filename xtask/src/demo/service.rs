//! The daemon of the desk, for the steps that need one.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::process;

/// How long it gets to be ready, or to end.
const WAIT: Duration = Duration::from_secs(20);

/// A daemon that runs until it is dropped.
pub(super) struct Daemon(Child);

impl Daemon {
    /// Starts it with its state in this folder, and waits until it is ready.
    pub(super) fn start(thimble: &Path, root: &Path) -> Result<Self> {
        let with_root = || {
            let mut command = Command::new(thimble);
            command
                .env("THIMBLE_ROOT", root)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            command
        };
        let child = with_root()
            .arg("daemon")
            .spawn()
            .context("cannot start the daemon")?;
        let mut daemon = Self(child);
        let deadline = Instant::now() + WAIT;
        while !with_root().arg("device").status()?.success() {
            if let Some(status) = daemon.0.try_wait()? {
                bail!("the daemon ended with {status}");
            }
            if Instant::now() >= deadline {
                bail!("the daemon was not ready within {} s", WAIT.as_secs());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(daemon)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Its containers are stopped with it; whatever goes wrong, it is gone afterwards.
        let _ = process::run(Command::new("kill").arg(self.0.id().to_string()));
        let deadline = Instant::now() + WAIT;
        while matches!(self.0.try_wait(), Ok(None)) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(20));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
