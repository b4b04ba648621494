//! A hub: one or several nodes on one database, and those who operate it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;
use thimble_hub_api::Client;
use thimble_hub_api::client::{Settings, Trust};
use thimble_testkit::postgres::Postgres;

use super::{Ward, guest, port, thimble, thimble_hub, until};

/// The tenant that a hub begins with.
pub const TENANT: &str = "main";

/// Where a hub keeps what it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Database {
    /// A file.
    Sqlite,
    /// The server that the tests of a process share.
    Postgres,
}

/// What differs from hub to hub.
#[derive(Clone, Debug)]
pub struct HubSettings {
    /// Where it keeps what it knows.
    pub database: Database,
    /// How many nodes it has.
    pub nodes: usize,
    /// Days that a device's certificate lasts.
    pub certificate_days: u32,
    /// The port at which its devices are told to call, if that is not its own.
    pub public_port: Option<u16>,
}

impl Default for HubSettings {
    fn default() -> Self {
        Self {
            database: Database::Sqlite,
            nodes: 1,
            certificate_days: 90,
            public_port: None,
        }
    }
}

/// A hub; its programs end with it.
#[derive(Debug)]
pub struct Hub {
    folder: TempDir,
    /// The address of the database, if that is PostgreSQL.
    pub database: Option<String>,
    nodes: Vec<Node>,
    /// The admin's token.
    pub token: String,
}

/// A node of it.
#[derive(Debug)]
pub struct Node {
    config: PathBuf,
    log: PathBuf,
    child: Option<Ward>,
    operators: u16,
    devices: u16,
}

impl Hub {
    /// Begins a hub and starts its nodes.
    ///
    /// # Panics
    /// One does not start.
    #[must_use]
    pub async fn start(settings: &HubSettings) -> Self {
        let folder = TempDir::with_prefix("thimble-hub-").unwrap();
        let database = match settings.database {
            Database::Sqlite => None,
            Database::Postgres => Some(Postgres::shared().database()),
        };
        let nodes = (0..settings.nodes)
            .map(|number| Node::new(folder.path(), number, database.as_deref(), settings));
        let mut hub = Self {
            nodes: nodes.collect(),
            folder,
            database,
            token: String::new(),
        };
        let founded = hub.run(0, &["init", "--tenant", TENANT]);
        assert!(founded.status.success(), "{founded:?}");
        hub.token = String::from_utf8(founded.stdout).unwrap().trim().to_owned();
        for node in &mut hub.nodes {
            node.start();
        }
        let entrance = hub.client(0).device_entrance().await.unwrap();
        fs::write(hub.root(), entrance.authority.unwrap()).unwrap();
        hub
    }

    /// Its folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The file of the root that devices believe it by.
    #[must_use]
    pub fn root(&self) -> PathBuf {
        self.folder().join("root.pem")
    }

    /// A node.
    ///
    /// # Panics
    /// There are not so many.
    #[must_use]
    pub fn node(&mut self, number: usize) -> &mut Node {
        &mut self.nodes[number]
    }

    /// Where a node's devices call.
    ///
    /// # Panics
    /// There are not so many.
    #[must_use]
    pub fn url(&self, node: usize) -> String {
        format!("https://localhost:{}", self.nodes[node].devices)
    }

    /// The port of a node's devices.
    ///
    /// # Panics
    /// There are not so many.
    #[must_use]
    pub fn devices_port(&self, node: usize) -> u16 {
        self.nodes[node].devices
    }

    /// Where a node's operators and registry are: `HOST:PORT`.
    ///
    /// # Panics
    /// There are not so many.
    #[must_use]
    pub fn operators(&self, node: usize) -> String {
        format!("127.0.0.1:{}", self.nodes[node].operators)
    }

    /// The admin, at a node.
    ///
    /// # Panics
    /// The settings of the client are wrong.
    #[must_use]
    pub fn client(&self, node: usize) -> Client {
        self.client_of(node, &self.token)
    }

    /// Whoever has this token, at a node.
    ///
    /// # Panics
    /// The settings of the client are wrong.
    #[must_use]
    pub fn client_of(&self, node: usize, token: &str) -> Client {
        Client::new(&Settings {
            url: format!("http://{}", self.operators(node)),
            token: Some(token.to_owned()),
            tenant: None,
            trust: Trust::Machine,
        })
        .unwrap()
    }

    /// Runs the program with a node's settings, until it ends.
    ///
    /// # Panics
    /// It does not start.
    #[must_use]
    pub fn run(&self, node: usize, arguments: &[&str]) -> Output {
        Command::new(thimble_hub())
            .args(arguments)
            .arg("--config")
            .arg(&self.nodes[node].config)
            .output()
            .unwrap()
    }

    /// Builds an image of a guest and pushes it to the registry as `REPOSITORY:TAG`, with the command line.
    ///
    /// # Panics
    /// That does not go well.
    pub fn push(&self, node: usize, repository: &str, tag: &str, guest: &str) {
        let home = self.folder().join("operator");
        fs::create_dir_all(home.join("cache")).unwrap();
        let reference = format!("{}/{TENANT}/{repository}:{tag}", self.operators(node));
        let source = home.join(format!("{repository}-{tag}.wat"));
        fs::write(
            &source,
            guest::tagged(guest, &format!("{repository}:{tag}")),
        )
        .unwrap();
        let run = |arguments: &[&str], input: Option<&str>| {
            let given = home.join("input");
            fs::write(&given, input.unwrap_or_default()).unwrap();
            let output = Command::new(thimble())
                .env_clear()
                .env("HOME", &home)
                .env("THIMBLE_ROOT", &home)
                .args(arguments)
                .stdin(File::open(&given).unwrap())
                .output()
                .unwrap();
            assert!(output.status.success(), "{arguments:?}: {output:?}");
        };
        let login = ["login", "-u", "admin", "--password-stdin"];
        run(
            &[&login[..], &[&self.operators(node)]].concat(),
            Some(&self.token),
        );
        run(&["build", "-t", &reference, source.to_str().unwrap()], None);
        run(&["push", &reference], None);
    }

    /// What the nodes have said.
    #[must_use]
    pub fn log(&self) -> String {
        let logs = self.nodes.iter().map(Node::log);
        logs.collect::<Vec<_>>().join("\n--- the next node\n")
    }
}

impl Node {
    fn new(folder: &Path, number: usize, database: Option<&str>, settings: &HubSettings) -> Self {
        let (operators, devices) = (port(), port());
        let public = settings.public_port.unwrap_or(devices);
        let certificate_days = settings.certificate_days;
        let config = folder.join(format!("node{number}.toml"));
        let hub = folder.join("hub");
        let store = match database {
            Some(url) => format!("[store]\nurl = {url:?}\n"),
            None => String::new(),
        };
        let text = format!(
            "folder = {hub:?}\n{store}[operators]\nlisten = \"127.0.0.1:{operators}\"\n\
             [devices]\nlisten = \"127.0.0.1:{devices}\"\npublic_url = \"https://localhost:{public}\"\n\
             poll_min_s = 1\npoll_max_s = 60\ncertificate_days = {certificate_days}\n"
        );
        fs::write(&config, text).unwrap();
        Self {
            log: folder.join(format!("node{number}.log")),
            config,
            child: None,
            operators,
            devices,
        }
    }

    /// Starts it; it serves when this returns.
    ///
    /// # Panics
    /// It does not.
    pub fn start(&mut self) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(&self.log)
            .unwrap();
        let before = self.log().len();
        let child = Ward::start(
            Command::new(thimble_hub())
                .args(["serve", "--config"])
                .arg(&self.config)
                .env("NO_COLOR", "1")
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(log),
        );
        self.child = Some(child);
        until(
            "the node serves",
            || {
                self.log()
                    .get(before..)
                    .is_some_and(|log| log.contains("the hub serves"))
            },
            || self.log(),
        );
    }

    /// Its file of settings.
    #[must_use]
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// What it has said.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Ends it at once, as the kernel does when memory is out.
    ///
    /// # Panics
    /// It does not run.
    pub fn kill(&mut self) {
        self.child.take().unwrap().kill();
    }

    /// Ends it as an administrator does.
    ///
    /// # Panics
    /// It does not run, or does not end well.
    pub fn stop(&mut self) {
        let ended = self.child.take().unwrap().stop();
        assert!(ended.success(), "{}", self.log());
    }
}
