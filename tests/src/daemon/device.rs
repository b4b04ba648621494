//! A device of its own for a test: a state folder, a daemon, and a client.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use thimble_device_api::client::LogQuery;
use thimble_device_api::{Client, ClientError, Container, ContainerSpec, LogLine, Problem, State};
use thimble_image::{ImageConfig, Manifest, Reference, media_type};
use thimble_port_linux::images::store::ImageStore;

use crate::command::programs;

/// The longest that anything may take here; only a failure takes as long.
const PATIENCE: Duration = Duration::from_secs(60);
/// Time between two looks.
const LOOK: Duration = Duration::from_millis(2);

/// A device.
pub(super) struct Device {
    root: TempDir,
    settings: String,
    child: Option<Child>,
}

impl Device {
    /// A device whose daemon is not running.
    pub(super) fn new() -> Self {
        let device = Self {
            root: TempDir::with_prefix("thimble-").unwrap(),
            settings: String::new(),
            child: None,
        };
        device.set("supervisor = false");
        device
    }

    /// A device whose daemon is ready.
    pub(super) fn started() -> Self {
        let mut device = Self::new();
        device.start();
        device
    }

    pub(super) fn root(&self) -> &Path {
        self.root.path()
    }

    pub(super) fn socket(&self) -> PathBuf {
        self.root().join("daemon.sock")
    }

    /// Writes the table `[daemon]` of the settings.
    pub(super) fn set(&self, daemon: &str) {
        let folder = self.root().join("config");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("thimble.toml"), format!("[daemon]\n{daemon}\n")).unwrap();
    }

    /// The command `thimble` on this device.
    pub(super) fn command(&self) -> Command {
        // Compiled code is shared by all tests: they run beside each other, as devices do.
        let cache = self.root().join("cache");
        let shared = programs().join("thimble-root/cache");
        if !cache.exists() {
            std::fs::create_dir_all(&shared).unwrap();
            std::fs::create_dir_all(&cache).unwrap();
        }
        let mut command = Command::new(programs().join("thimble"));
        command
            .env_clear()
            .env("HOME", self.root())
            .env("THIMBLE_ROOT", self.root())
            .current_dir(self.root());
        command
    }

    /// Starts the daemon, without waiting for anything.
    pub(super) fn launch(&mut self) {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.root().join("daemon.log"))
            .unwrap();
        let mut command = self.command();
        command
            .args(["daemon", "--engine", "wasmi"])
            .args(self.settings.split_whitespace())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .process_group(0);
        self.child = Some(command.spawn().unwrap());
    }

    /// Starts the daemon and waits until it is ready.
    pub(super) fn start(&mut self) {
        self.launch();
        self.ready();
    }

    /// Waits until the daemon is ready.
    pub(super) fn ready(&mut self) {
        let client = self.client();
        let begun = Instant::now();
        loop {
            if client.health().is_ok() {
                return;
            }
            if let Some(child) = &mut self.child
                && let Some(status) = child.try_wait().unwrap()
            {
                panic!("the daemon ended with {status}:\n{}", self.log());
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "the daemon does not become ready:\n{}",
                self.log()
            );
            std::thread::sleep(LOOK);
        }
    }

    /// How many containers are kept on the disk.
    pub(super) fn states(&self) -> usize {
        let files = std::fs::read_dir(self.root().join("daemon/containers")).unwrap();
        files
            .filter(|file| {
                file.as_ref()
                    .unwrap()
                    .path()
                    .extension()
                    .is_some_and(|end| end == "state")
            })
            .count()
    }

    /// What the daemon has said.
    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(self.root().join("daemon.log")).unwrap_or_default()
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Kills the daemon, as the kernel does when memory is out.
    pub(super) fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Asks the daemon to end, and waits for that.
    pub(super) fn stop(&mut self) -> i32 {
        let mut child = self.child.take().unwrap();
        crate::command::signal(&child, "TERM");
        child.wait().unwrap().code().unwrap_or(-1)
    }

    /// Waits for the daemon to end by itself.
    pub(super) fn end(&mut self) -> i32 {
        let mut child = self.child.take().unwrap();
        child.wait().unwrap().code().unwrap_or(-1)
    }

    pub(super) fn client(&self) -> Client {
        Client::new(self.socket()).unwrap()
    }

    /// Puts an image here: a guest in WebAssembly's text format, and what it asks for.
    pub(super) fn image(&self, name: &str, guest: &str, config: ImageConfig) {
        let store = ImageStore::open(&self.root().join("images"), Default::default()).unwrap();
        let session = store.session().unwrap();
        let module = wat::parse_str(guest).unwrap();
        let layer = session.write(media_type::WASM, &module).unwrap();
        let config = ImageConfig {
            layer_digests: vec![layer.digest],
            ..config
        };
        let config = session
            .write(media_type::WASM_CONFIG, &config.to_json())
            .unwrap();
        let manifest = Manifest::new(config, vec![layer]).to_json();
        let root = session.write(media_type::MANIFEST, &manifest).unwrap();
        let reference: Reference = format!("localhost/{name}:1").parse().unwrap();
        store.tag(&reference, &root).unwrap();
    }

    /// A declaration of a container of an image that [`Device::image`] made.
    pub(super) fn spec(image: &str) -> ContainerSpec {
        ContainerSpec {
            image: format!("localhost/{image}:1"),
            ..ContainerSpec::default()
        }
    }

    /// Makes and starts a container.
    pub(super) fn run(&self, name: &str, spec: ContainerSpec) -> Container {
        let spec = ContainerSpec {
            name: Some(name.to_owned()),
            ..spec
        };
        self.client()
            .create(&spec, true)
            .unwrap_or_else(|error| panic!("{error}\n{}", self.log()));
        self.client().container(name).unwrap()
    }

    /// Waits until a container is as it should be.
    pub(super) fn until(&self, name: &str, is_so: impl Fn(&Container) -> bool) -> Container {
        let client = self.client();
        let begun = Instant::now();
        loop {
            let container = client.container(name).unwrap();
            if is_so(&container) {
                return container;
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "it does not come to that: {container:#?}\n{}",
                self.log()
            );
            std::thread::sleep(LOOK);
        }
    }

    /// Waits until a container is in a state.
    pub(super) fn until_state(&self, name: &str, state: State) -> Container {
        self.until(name, |container| container.state == state)
    }

    /// The lines that a container has written so far.
    pub(super) fn lines(&self, name: &str) -> Vec<String> {
        let lines = self.client().logs(name, &LogQuery::default()).unwrap();
        lines
            .map(|line: Result<LogLine, ClientError>| line.unwrap().text)
            .collect()
    }

    /// Waits until a container has written a line.
    pub(super) fn until_line(&self, name: &str, wanted: &str) {
        let begun = Instant::now();
        while !self.lines(name).iter().any(|line| line.contains(wanted)) {
            assert!(
                begun.elapsed() < PATIENCE,
                "{name} does not write {wanted:?}: {:?}\n{}",
                self.lines(name),
                self.log()
            );
            std::thread::sleep(LOOK);
        }
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

/// The problem that an answer is.
pub(super) fn problem<T: std::fmt::Debug>(answer: Result<T, ClientError>) -> Problem {
    match answer.unwrap_err() {
        ClientError::Problem(problem) => problem,
        other => panic!("{other:?}"),
    }
}
