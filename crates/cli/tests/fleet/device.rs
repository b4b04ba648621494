//! A device of a fleet: a state folder, the real daemon, a client.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use thimble_device_api::client::LogQuery;
use thimble_device_api::{Client, Container, FleetStatus, State};

use super::hub::{CLAIM_CODE, Hub};

/// The longest that anything may take here; only a failure takes as long.
const PATIENCE: Duration = Duration::from_secs(120);
/// Time between two looks.
const LOOK: Duration = Duration::from_millis(5);

/// A device.
pub(crate) struct Device {
    root: TempDir,
    child: Option<Child>,
}

impl Device {
    /// A device that belongs to this hub, its daemon not running.
    pub(crate) fn of(hub: &Hub) -> Self {
        Self::with(hub, "")
    }

    /// A device without a hub.
    pub(crate) fn without_hub(hub: &Hub) -> Self {
        let device = Self::of(hub);
        let settings = device.root().join("config/thimble.toml");
        std::fs::write(settings, "[daemon]\nsupervisor = false\n").unwrap();
        device
    }

    /// One that belongs to this hub, with more in the table `[fleet]`.
    pub(crate) fn with(hub: &Hub, more: &str) -> Self {
        let root = TempDir::with_prefix("thimble-fleet-").unwrap();
        let config = root.path().join("config");
        std::fs::create_dir_all(&config).unwrap();
        std::fs::create_dir_all(root.path().join("cache")).unwrap();
        let ca = config.join("hub.pem");
        std::fs::write(&ca, &hub.ca_pem).unwrap();
        std::fs::write(
            config.join("thimble.toml"),
            format!(
                "[daemon]\nsupervisor = false\n[fleet]\nhub = {:?}\nca = {ca:?}\nclaim_code = {CLAIM_CODE:?}\nspread_s = 0\nserial = \"1\"\nclock = \"always\"\n{more}\n",
                hub.url()
            ),
        )
        .unwrap();
        Self { root, child: None }
    }

    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_thimble"));
        command
            .env_clear()
            .env("HOME", self.root())
            .env("THIMBLE_ROOT", self.root())
            .current_dir(self.root());
        command
    }

    /// Starts the daemon and waits until it is ready.
    pub(crate) fn start(&mut self) {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.root().join("daemon.log"))
            .unwrap();
        let mut command = self.command();
        command
            .args(["daemon", "--engine", "wasmi"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .process_group(0);
        self.child = Some(command.spawn().unwrap());
        self.until("ready", || self.client().health().is_ok());
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.root().join("daemon.log")).unwrap_or_default()
    }

    /// Kills the daemon, as the kernel does when memory is out.
    pub(crate) fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.root().join("daemon.sock")).unwrap()
    }

    pub(crate) fn fleet(&self) -> FleetStatus {
        self.client().fleet().unwrap()
    }

    /// Waits until something is so.
    pub(crate) fn until(&self, what: &str, is_so: impl Fn() -> bool) {
        let begun = Instant::now();
        while !is_so() {
            assert!(
                begun.elapsed() < PATIENCE,
                "it does not come to that: {what}\n{:#?}\n{}",
                self.client().fleet(),
                self.log()
            );
            std::thread::sleep(LOOK);
        }
    }

    /// Waits until the agent is so.
    pub(crate) fn until_fleet(&self, what: &str, is_so: impl Fn(&FleetStatus) -> bool) {
        self.until(what, || self.client().fleet().is_ok_and(|it| is_so(&it)));
    }

    /// Waits until a version was brought into force and kept.
    pub(crate) fn until_committed(&self, version: u64) {
        self.until_fleet(&format!("version {version} is kept"), |it| {
            it.committed == version
        });
    }

    /// A container, if it is there.
    pub(crate) fn container(&self, name: &str) -> Option<Container> {
        self.client().container(name).ok()
    }

    /// Whether a container runs, of an image with this tag.
    pub(crate) fn runs(&self, name: &str, tag: &str) -> bool {
        self.container(name)
            .is_some_and(|it| it.state == State::Running && it.image.reference.contains(tag))
    }

    /// What a container has written.
    pub(crate) fn lines(&self, name: &str) -> Vec<String> {
        let lines = self.client().logs(name, &LogQuery::default()).unwrap();
        lines.map(|line| line.unwrap().text).collect()
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
