//! A program that serves until it is dropped.

use std::fs::File;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::process;

/// How long it gets to listen, or to end.
const WAIT: Duration = Duration::from_secs(60);

/// A program that runs until it is dropped; what it writes is in a file.
pub(super) struct Server {
    child: Child,
    log: PathBuf,
}

impl Server {
    pub(super) fn start(mut command: Command, log: &Path) -> Result<Self> {
        let file = File::create(log).with_context(|| format!("cannot create {}", log.display()))?;
        command.stdout(file.try_clone()?).stderr(file);
        let child = command
            .spawn()
            .with_context(|| format!("cannot start `{}`", process::line(&command)))?;
        Ok(Self {
            child,
            log: log.to_owned(),
        })
    }

    /// Finds out that it has not ended by itself.
    pub(super) fn still_runs(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            bail!("it ended by itself ({status}):\n{}", log.trim_end());
        }
        Ok(())
    }

    /// Waits until it listens on a port of this machine.
    pub(super) fn listens(&mut self, port: u16) -> Result<()> {
        let deadline = Instant::now() + WAIT;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            self.still_runs()?;
            if Instant::now() >= deadline {
                bail!(
                    "it did not listen on port {port} within {} s",
                    WAIT.as_secs()
                );
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Whatever goes wrong, it is gone afterwards.
        let _ = process::run(Command::new("kill").arg(self.child.id().to_string()));
        let deadline = Instant::now() + WAIT;
        while matches!(self.child.try_wait(), Ok(None)) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
