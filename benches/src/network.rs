//! Servers in containers, on loopback: a TCP echo and a web server, beside native ones.
//!
//! The guests are the examples in C, run by the command `thimble`. The native servers are a few lines of
//! Rust with a thread for each connection, in a process of their own.

mod client;
mod server;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::device::EngineName;
use crate::figure::Outcome;
use crate::options::Options;

pub(crate) use server::{CHILD, child};

/// How long a server may take until it listens.
const PATIENCE: Duration = Duration::from_secs(20);
/// Connections of the web server's client.
const CONNECTIONS: usize = 16;

/// A kind of server.
struct Kind {
    /// As the native server is told.
    name: &'static str,
    /// The guest.
    guest: &'static str,
    measure: fn(&Options, SocketAddr, &str) -> Result<Outcome>,
    budget: &'static str,
}

const KINDS: [Kind; 2] = [
    Kind {
        name: "echo",
        guest: "tcp-echo-c",
        measure: echo,
        budget: "tcp_echo_us_max",
    },
    Kind {
        name: "http",
        guest: "webserver-c",
        measure: http,
        budget: "http_requests_per_s_min",
    },
];

/// Measures both kinds.
pub(crate) fn measure(options: &Options) -> Result<Vec<Outcome>> {
    let mut outcomes = Vec::new();
    for kind in &KINDS {
        let server = Server::start(|port| {
            let mut command = Command::new(std::env::current_exe()?);
            command.args([CHILD, kind.name, &port.to_string()]);
            Ok(command)
        })?;
        outcomes.push((kind.measure)(options, server.address, "native")?);
        drop(server);
        let (thimble, guest) = match (options.thimble(), options.guest(kind.guest)) {
            (Ok(thimble), Ok(guest)) => (thimble, guest),
            (Err(why), _) | (_, Err(why)) => {
                outcomes.push(Outcome::skipped(
                    format!("{} in a container", kind.name),
                    why,
                ));
                continue;
            }
        };
        for engine in EngineName::ALL {
            let server = Server::start(|port| {
                let mut command = Command::new(&thimble);
                command.args(["run", "--engine", engine.text(), "--listen"]);
                command.arg(format!("tcp/127.0.0.1:{port}")).arg(&guest);
                Ok(command)
            })?;
            let outcome = (kind.measure)(options, server.address, engine.text())?;
            let promised = engine == EngineName::Wasmtime && !options.smoke;
            outcomes.push(if promised {
                outcome.budget(kind.budget)
            } else {
                outcome
            });
        }
    }
    Ok(outcomes)
}

fn echo(options: &Options, server: SocketAddr, what: &str) -> Result<Outcome> {
    let rounds = options.times(30_000, 50);
    let summary = client::echo(server, rounds)?;
    let outcome = Outcome::new(
        format!("echo of 64 bytes, {what}: median"),
        summary.median,
        "us",
    );
    Ok(outcome.note(format!("p99 {:.1}, {rounds} times", summary.p99)))
}

fn http(options: &Options, server: SocketAddr, what: &str) -> Result<Outcome> {
    let requests = options.times(200_000, 200);
    let rate = client::http(server, CONNECTIONS, requests)?;
    let outcome = Outcome::new(format!("web server, {what}"), rate, "/s");
    Ok(outcome.note(format!(
        "{requests} requests, {CONNECTIONS} connections, one client thread"
    )))
}

/// A server in a process of its own, ended when this is dropped.
struct Server {
    process: Child,
    address: SocketAddr,
}

impl Server {
    /// Starts one on a free port and waits until it listens.
    fn start(command: impl Fn(u16) -> Result<Command>) -> Result<Self> {
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let process = command(port)?
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("cannot start a server")?;
        let mut server = Self {
            process,
            address: SocketAddr::from(([127, 0, 0, 1], port)),
        };
        let begun = Instant::now();
        while TcpStream::connect(server.address).is_err() {
            if let Some(status) = server.process.try_wait()? {
                bail!("the server ended with {status}");
            }
            if begun.elapsed() > PATIENCE {
                bail!("the server does not listen");
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
