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
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::device::EngineName;
use crate::options::Options;
use thimble_bench_report::Outcome;

pub(crate) use server::{CHILD, child};

/// How long a server may take until it listens.
const PATIENCE: Duration = Duration::from_secs(20);
/// Connections of the web server's client.
const CONNECTIONS: usize = 16;

/// A kind of server.
struct Kind {
    /// As the native server is told.
    name: &'static str,
    /// What is said about the circumstances.
    circumstances: &'static str,
    /// Whether client and server share one processor.
    on_one_processor: bool,
    /// The guest.
    guest: &'static str,
    measure: fn(&Options, SocketAddr, &str) -> Result<Outcome>,
    budget: Option<&'static str>,
}

/// An echo leaves each side with nothing to do half of the time. On two processors what is measured is
/// therefore how long one of them takes to wake up, which in a virtual machine is many times the work; on
/// one it is the work.
const KINDS: [Kind; 3] = [
    Kind {
        name: "echo",
        circumstances: ", on one processor",
        on_one_processor: true,
        guest: "tcp-echo-c",
        measure: echo,
        budget: Some("tcp_echo_us_max"),
    },
    Kind {
        name: "echo",
        circumstances: ", on all processors",
        on_one_processor: false,
        guest: "tcp-echo-c",
        measure: echo,
        budget: None,
    },
    Kind {
        name: "http",
        circumstances: "",
        on_one_processor: false,
        guest: "webserver-c",
        measure: http,
        budget: Some("http_requests_per_s_min"),
    },
];

/// Measures both kinds.
pub(crate) fn measure(options: &Options) -> Result<Vec<Outcome>> {
    let mut outcomes = Vec::new();
    for kind in &KINDS {
        let _pinned = kind.on_one_processor.then(OneProcessor::take).transpose()?;
        let server = Server::start(|port| {
            let mut command = Command::new(std::env::current_exe()?);
            command.args([CHILD, kind.name, &port.to_string()]);
            Ok(command)
        })?;
        let native = format!("native{}", kind.circumstances);
        outcomes.push((kind.measure)(options, server.address, &native)?);
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
            let what = format!("{}{}", engine.text(), kind.circumstances);
            let outcome = (kind.measure)(options, server.address, &what)?;
            let promised = engine == EngineName::Wasmtime && !options.smoke;
            outcomes.push(match kind.budget.filter(|_| promised) {
                Some(budget) => outcome.budget(budget),
                None => outcome,
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

/// This thread, and the processes that it starts, run on one processor until this is dropped.
struct OneProcessor {
    before: CpuSet,
}

impl OneProcessor {
    fn take() -> Result<Self> {
        let before = sched_getaffinity(None)?;
        let mut one = CpuSet::new();
        // The last one: interrupts tend to go to the first.
        let last = (0..CpuSet::MAX_CPU).rev().find(|cpu| before.is_set(*cpu));
        one.set(last.context("no processor")?);
        sched_setaffinity(None, &one)?;
        Ok(Self { before })
    }
}

impl Drop for OneProcessor {
    fn drop(&mut self) {
        // It was allowed before.
        let _ = sched_setaffinity(None, &self.before);
    }
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
