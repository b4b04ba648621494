//! A device: a folder, the real daemon, a client.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;
use thimble_device_api::client::LogQuery;
use thimble_device_api::{Client, Container, FleetStatus, State};

use super::{Hub, Ward, thimble, until};

/// How a device comes to its hub.
#[derive(Clone, Debug, Default)]
pub struct Join {
    /// Its serial number, and unless somebody says otherwise its name.
    pub serial: String,
    /// The code that it is given.
    pub code: Option<String>,
    /// Which node it calls; the first, if nothing is said.
    pub node: usize,
    /// Another address than the node's, and the root that is believed there.
    pub through: Option<String>,
    /// More for the table `[fleet]`.
    pub more: String,
}

impl Join {
    /// A device with this serial number, which comes with a code.
    #[must_use]
    pub fn with_code(serial: &str, code: &str) -> Self {
        Self {
            serial: serial.to_owned(),
            code: Some(code.to_owned()),
            ..Self::default()
        }
    }
}

/// A device; its daemon ends with it.
#[derive(Debug)]
pub struct Device {
    folder: TempDir,
    serial: String,
    child: Option<Ward>,
}

impl Device {
    /// A device of this hub, which has enrolled.
    ///
    /// # Panics
    /// It does not come to that.
    #[must_use]
    pub fn enrolled(hub: &Hub, join: &Join) -> Self {
        let device = Self::start_new(hub, join);
        device.until_fleet("it has enrolled", |fleet| fleet.device.is_some());
        device
    }

    /// A device of this hub, its daemon running.
    ///
    /// # Panics
    /// It does not start.
    #[must_use]
    pub fn start_new(hub: &Hub, join: &Join) -> Self {
        let mut device = Self::new(hub, join);
        device.start();
        device
    }

    /// A device of this hub, its daemon not running.
    ///
    /// # Panics
    /// Its folder cannot be made.
    #[must_use]
    pub fn new(hub: &Hub, join: &Join) -> Self {
        let folder = TempDir::with_prefix("thimble-device-").unwrap();
        let config = folder.path().join("config");
        fs::create_dir_all(&config).unwrap();
        fs::create_dir_all(folder.path().join("cache")).unwrap();
        let root = config.join("hub.pem");
        fs::copy(hub.root(), &root).unwrap();
        let url = join.through.clone().unwrap_or_else(|| hub.url(join.node));
        let code = match &join.code {
            Some(code) => format!("claim_code = {code:?}\n"),
            None => String::new(),
        };
        let text = format!(
            "[daemon]\nsupervisor = false\n[fleet]\nhub = {url:?}\nca = {root:?}\n{code}spread_s = 0\n\
             serial = {:?}\nclock = \"always\"\n{}\n",
            join.serial, join.more
        );
        fs::write(config.join("thimble.toml"), text).unwrap();
        Self {
            folder,
            serial: join.serial.clone(),
            child: None,
        }
    }

    /// Its serial number, which is its name at the hub unless somebody gave it another.
    #[must_use]
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The command line on it.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = Command::new(thimble());
        command
            .env_clear()
            .env("HOME", self.folder())
            .env("THIMBLE_ROOT", self.folder())
            .current_dir(self.folder());
        command
    }

    /// Runs the command line on it until it ends.
    ///
    /// # Panics
    /// It does not start.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).output().unwrap()
    }

    /// Starts the daemon; it is ready when this returns.
    ///
    /// # Panics
    /// It does not start.
    pub fn start(&mut self) {
        let path = self.folder().join("daemon.log");
        let log = File::options()
            .create(true)
            .append(true)
            .open(path)
            .unwrap();
        let mut command = self.command();
        command
            .args(["daemon", "--engine", "wasmi"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        self.child = Some(Ward::start(&mut command));
        self.until("the daemon is ready", || self.ask(Client::health).is_ok());
    }

    /// Ends the daemon at once, as a power cut does.
    ///
    /// # Panics
    /// It does not run.
    pub fn kill(&mut self) {
        self.child.take().unwrap().kill();
    }

    /// What the daemon has said.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder().join("daemon.log")).unwrap_or_default()
    }

    /// Asks the daemon. Its client waits in the thread; others go on meanwhile.
    ///
    /// # Panics
    /// The address of its socket is too long.
    pub fn ask<T>(&self, ask: impl FnOnce(&Client) -> T) -> T {
        tokio::task::block_in_place(|| {
            let client = Client::new(self.folder().join("daemon.sock")).unwrap();
            ask(&client)
        })
    }

    /// How its agent is.
    ///
    /// # Panics
    /// The daemon does not answer.
    #[must_use]
    pub fn fleet(&self) -> FleetStatus {
        self.ask(Client::fleet).unwrap()
    }

    /// Waits until something is so.
    ///
    /// # Panics
    /// It does not come to that.
    pub fn until(&self, what: &str, is_so: impl FnMut() -> bool) {
        until(&format!("{}: {what}", self.serial), is_so, || {
            format!("{:#?}\n{}", self.ask(Client::fleet), self.log())
        });
    }

    /// Waits until the agent is so.
    ///
    /// # Panics
    /// It does not come to that.
    pub fn until_fleet(&self, what: &str, is_so: impl Fn(&FleetStatus) -> bool) {
        self.until(what, || {
            self.ask(Client::fleet).is_ok_and(|status| is_so(&status))
        });
    }

    /// A container, if it is there.
    #[must_use]
    pub fn container(&self, name: &str) -> Option<Container> {
        self.ask(|client| client.container(name)).ok()
    }

    /// Waits until a container runs, of the image with this tag.
    ///
    /// # Panics
    /// It does not come to that.
    pub fn until_runs(&self, name: &str, tag: &str) {
        self.until(&format!("{name} runs {tag}"), || self.runs(name, tag));
    }

    /// Whether a container runs, of the image with this tag.
    #[must_use]
    pub fn runs(&self, name: &str, tag: &str) -> bool {
        self.container(name).is_some_and(|container| {
            let reference = &container.image.reference;
            let named = reference.split('@').next().unwrap_or_default();
            container.state == State::Running && named.ends_with(&format!(":{tag}"))
        })
    }

    /// What a container has written.
    #[must_use]
    pub fn lines(&self, name: &str) -> Vec<String> {
        self.ask(|client| {
            let lines = client
                .logs(name, &LogQuery::default())
                .into_iter()
                .flatten();
            lines.filter_map(|line| Some(line.ok()?.text)).collect()
        })
    }
}
