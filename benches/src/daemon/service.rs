//! A daemon that runs, in a folder of its own, and is gone when it is dropped.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use thimble_device_api::{Client, ContainerSpec, ExitRecord};

use crate::options::Options;

use super::process;

/// How long the daemon may take to start, to come back, or to end.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at whether it is ready.
const LOOK_INTERVAL: Duration = Duration::from_micros(500);
/// What the daemon needs only for a moment is gone after this time.
const SETTLED: Duration = Duration::from_secs(6);

/// A folder with images and settings.
pub(super) struct Home {
    thimble: PathBuf,
    root: PathBuf,
}

impl Home {
    /// An empty one.
    pub(super) fn new(options: &Options, thimble: &Path, name: &str) -> Result<Self> {
        let root = options.scratch()?.join(format!("{}-{name}", super::PREFIX));
        if root.exists() {
            fs::remove_dir_all(&root)
                .with_context(|| format!("cannot remove {}", root.display()))?;
        }
        fs::create_dir_all(root.join("config"))?;
        Ok(Self {
            thimble: thimble.to_path_buf(),
            root,
        })
    }

    /// The same with so many workers.
    pub(super) fn workers(self, workers: usize) -> Result<Self> {
        let settings = format!("[daemon]\nworkers = {workers}\n");
        fs::write(self.root.join("config/thimble.toml"), settings)?;
        Ok(self)
    }

    /// Builds an image from WebAssembly text; its name.
    pub(super) fn image(&self, name: &str, text: &str) -> Result<String> {
        let file = self.root.join(name).with_extension("wasm");
        let module = wat::parse_str(text).with_context(|| format!("the guest {name}"))?;
        fs::write(&file, module)?;
        let reference = format!("localhost/{name}:1");
        let output = self
            .command("build")
            .args(["-t", &reference])
            .arg(&file)
            .output()?;
        ensure!(
            output.status.success(),
            "cannot build the image {name}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(reference)
    }

    /// Starts the daemon and waits until it is ready.
    pub(super) fn start(&self) -> Result<Service<'_>> {
        let mut service = self.launch()?;
        service.wait_ready(0)?;
        Ok(service)
    }

    /// Starts the daemon.
    pub(super) fn launch(&self) -> Result<Service<'_>> {
        let log = File::create(self.root.join("daemon.txt"))?;
        let child = self
            .command("daemon")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .context("cannot start the daemon")?;
        Ok(Service {
            home: self,
            child,
            client: Client::new(self.root.join("daemon.sock"))?,
        })
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(&self.thimble);
        command
            .arg(name)
            .env("THIMBLE_ROOT", &self.root)
            .env_remove("THIMBLE_SOCKET")
            // With a service manager nobody else supervises.
            .env_remove("NOTIFY_SOCKET");
        command
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // What is left is removed before the next run.
        let _ = fs::remove_dir_all(&self.root);
    }
}

/// The daemon, with the process that supervises it.
pub(super) struct Service<'home> {
    home: &'home Home,
    child: Child,
    pub(super) client: Client,
}

impl Service<'_> {
    /// Waits until the daemon answers that it is ready, and so many containers run.
    pub(super) fn wait_ready(&mut self, running: u32) -> Result<()> {
        let begun = Instant::now();
        loop {
            let is_ready = self.client.health().is_ok()
                && self
                    .client
                    .device()
                    .is_ok_and(|device| device.running >= running);
            if is_ready {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the daemon ended with {status}: {}", self.said());
            }
            if begun.elapsed() > PATIENCE {
                bail!(
                    "the daemon is not ready with {running} containers: {}",
                    self.said()
                );
            }
            std::thread::sleep(LOOK_INTERVAL);
        }
    }

    /// The end of what it said.
    fn said(&self) -> String {
        let text = fs::read_to_string(self.home.root.join("daemon.txt")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let last = lines.len().saturating_sub(5);
        lines.get(last..).unwrap_or_default().join(" | ")
    }

    /// Its processes.
    pub(super) fn processes(&self) -> Result<Vec<u32>> {
        process::family(self.child.id())
    }

    /// Its memory in kilobytes, once what it needs only for a moment is gone.
    pub(super) fn settled_kb(&self) -> Result<f64> {
        std::thread::sleep(SETTLED);
        process::size_kb(&self.processes()?)
    }

    /// Makes and starts a container.
    pub(super) fn run(&self, spec: &ContainerSpec) -> Result<()> {
        let created = self.client.create(spec, true);
        created
            .map(|_| ())
            .with_context(|| format!("cannot run {}: {}", spec.image, self.said()))
    }

    /// Runs a container to its end, which must be a success, and removes it.
    pub(super) fn run_to_end(&self, spec: &ContainerSpec) -> Result<ExitRecord> {
        self.run(spec)?;
        self.end(spec)
    }

    /// Waits for a container's end, which must be a success, and removes it.
    pub(super) fn end(&self, spec: &ContainerSpec) -> Result<ExitRecord> {
        let name = spec.name.as_deref().unwrap_or_default();
        let record = self.client.wait_ended(name)?;
        ensure!(
            record.exit_code == 0,
            "{name} was to exit with 0, but: {} {} {}",
            record.reason.name(),
            record.detail,
            record.backtrace.join(" ")
        );
        self.client.remove(name, true, true)?;
        Ok(record)
    }

    /// Removes a container, whatever it does.
    pub(super) fn remove(&self, spec: &ContainerSpec) -> Result<()> {
        let name = spec.name.as_deref().unwrap_or_default();
        self.client
            .remove(name, true, true)
            .with_context(|| format!("cannot remove {name}"))
    }

    /// Kills the daemon itself, not what supervises it, and waits until it is gone.
    pub(super) fn kill_daemon(&self) -> Result<()> {
        let processes = self.processes()?;
        let [_, daemon, ..] = processes.as_slice() else {
            bail!("nobody supervises the daemon")
        };
        signal(*daemon, Signal::KILL)?;
        let begun = Instant::now();
        while Path::new(&format!("/proc/{daemon}")).exists() {
            ensure!(begun.elapsed() < PATIENCE, "nobody saw the daemon's end");
            std::thread::sleep(LOOK_INTERVAL);
        }
        Ok(())
    }

    /// Asks the daemon to end, and waits for that.
    pub(super) fn stop(mut self) -> Result<()> {
        signal(self.child.id(), Signal::TERM)?;
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                ensure!(status.success(), "the daemon ended with {status}");
                return Ok(());
            }
            ensure!(begun.elapsed() < PATIENCE, "the daemon does not end");
            std::thread::sleep(LOOK_INTERVAL);
        }
    }
}

impl Drop for Service<'_> {
    fn drop(&mut self) {
        // It may have ended by itself; the daemon goes with what supervises it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn signal(process: u32, signal: Signal) -> Result<()> {
    let process = i32::try_from(process).ok().and_then(Pid::from_raw);
    kill_process(process.context("not a process")?, signal)?;
    Ok(())
}

/// A container of this name from this image.
pub(super) fn spec(name: impl Into<String>, image: &str) -> ContainerSpec {
    ContainerSpec {
        name: Some(name.into()),
        image: image.to_owned(),
        ..ContainerSpec::default()
    }
}

/// The numbers that a guest said, in hexadecimal, one a line.
pub(super) fn numbers(record: &ExitRecord) -> Result<Vec<u64>> {
    record
        .last_output
        .lines()
        .map(|line| u64::from_str_radix(line, 16).with_context(|| format!("{line:?}")))
        .collect()
}
