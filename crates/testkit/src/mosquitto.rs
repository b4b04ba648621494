//! A real MQTT broker, `mosquitto`, for one test.

use std::io::{BufRead, BufReader, Lines};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};

use tempfile::TempDir;

use crate::registry::{certify, tool};

/// How often another port is tried, when one that was free is taken in the meantime.
const ATTEMPTS: usize = 8;

/// What a broker asks for. The default is MQTT without TLS, open to all.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'a> {
    /// The only user and the password; none: everybody may come.
    pub login: Option<(&'a str, &'a str)>,
    /// TLS, with a certificate for `localhost` of an authority made for the test.
    pub tls: bool,
}

/// A broker that runs until it is dropped. It keeps sessions and retained messages over a [`Mosquitto::restart`].
#[derive(Debug)]
pub struct Mosquitto {
    process: Option<Child>,
    port: u16,
    folder: TempDir,
}

impl Mosquitto {
    /// Starts one that is open to all and listens when this returns.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(Options::default())
    }

    /// Starts one that listens when this returns.
    #[must_use]
    pub fn start_with(options: Options<'_>) -> Self {
        let folder = TempDir::new().unwrap();
        if options.tls {
            certify(folder.path());
        }
        if let Some((user, password)) = options.login {
            let file = folder.path().join("users");
            let file = file.to_str().unwrap();
            tool(
                "mosquitto_passwd",
                &["-b", "-c", file, user, password],
                folder.path(),
            );
        }
        let mut said = String::new();
        for _ in 0..ATTEMPTS {
            // It cannot choose a port itself and tell which.
            let port = free_port();
            configure(folder.path(), port, options);
            match run(folder.path()) {
                Ok(process) => {
                    return Self {
                        process: Some(process),
                        port,
                        folder,
                    };
                }
                Err(output) => said = output,
            }
        }
        panic!("mosquitto ended at once:\n{said}");
    }

    /// Its port on loopback.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The certificate of the authority that a broker with TLS is certified by.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Ends it as an operator would; it saves its state.
    pub fn stop(&mut self) {
        if self.process.is_some() {
            self.signal("TERM");
        }
        if let Some(mut process) = self.process.take() {
            process.wait().unwrap();
        }
    }

    /// Starts it again where it was, stopping it first if it runs.
    pub fn restart(&mut self) {
        self.stop();
        self.process = Some(run(self.folder.path()).unwrap_or_else(|said| panic!("{said}")));
    }

    /// Makes it stand still: it keeps its connections and answers nothing.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, signal: &str) {
        let process = self.process.as_ref().unwrap();
        let status = Command::new("kill")
            .args([&format!("-{signal}"), &process.id().to_string()])
            .status()
            .unwrap();
        assert!(status.success(), "kill -{signal}: {status}");
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // It has nothing to lose.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Starts a broker and waits until it listens; what it said, if it does not.
fn run(folder: &Path) -> Result<Child, String> {
    // Debian has it where only administrators look.
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin";
    let mut process = Command::new("mosquitto")
        .env("PATH", path)
        .arg("-c")
        .arg(folder.join("mosquitto.conf"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| {
            panic!("mosquitto: {error}; install it: apt-get install mosquitto")
        });
    let lines = BufReader::new(process.stderr.take().unwrap()).lines();
    match listening(lines) {
        Ok(()) => Ok(process),
        Err(said) => {
            let _ = process.kill();
            process.wait().unwrap();
            Err(said)
        }
    }
}

fn listening(mut lines: Lines<BufReader<ChildStderr>>) -> Result<(), String> {
    let mut said = String::new();
    while let Some(Ok(line)) = lines.next() {
        if line.ends_with(" running") {
            // Its words must go somewhere, or it stops.
            std::thread::spawn(move || lines.for_each(drop));
            return Ok(());
        }
        said += &line;
        said.push('\n');
    }
    Err(said)
}

fn configure(folder: &Path, port: u16, options: Options<'_>) {
    let shown = folder.display();
    let mut text = format!(
        "listener {port} 127.0.0.1\nuser root\npersistence true\npersistence_location {shown}/\n\
         log_dest stderr\nmax_queued_messages 0\nallow_anonymous {}\n",
        options.login.is_none()
    );
    if options.login.is_some() {
        text.push_str(&format!("password_file {shown}/users\n"));
    }
    if options.tls {
        text.push_str(&format!(
            "certfile {shown}/server.pem\nkeyfile {shown}/server.key\n"
        ));
    }
    std::fs::write(folder.join("mosquitto.conf"), text).unwrap();
}
