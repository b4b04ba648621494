//! Connections whose poll waits, in as many parts as the system's limit of descriptors makes necessary.
//!
//! A part is a node and a generator, a process each, with a share of the connections; all shares are there at the same time.

use std::io::{BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use thimble_bench_report::Outcome;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::child::{Started, read_line};
use super::figures::SIDE_BY_SIDE;
use super::process::{processor_s, raise_descriptors, resident_kib};
use super::{DESCRIPTORS, Size};
use crate::client::Connection;

/// Handshakes at once when many connections are made.
const HANDSHAKES: usize = 64;
/// Connections that come from one address.
const PER_ADDRESS: usize = 10_000;
/// For how long nothing happens.
const QUIET: Duration = Duration::from_secs(2);

/// What connections cost that wait.
pub(super) fn idle(size: &Size) -> Result<Vec<Outcome>> {
    let descriptors = raise_descriptors(size.connections + DESCRIPTORS);
    let most = descriptors.saturating_sub(DESCRIPTORS).max(1);
    let count = size.connections.div_ceil(most);
    let share = size.connections.div_ceil(count);
    let parts: Result<Vec<Part>> = (0..count).map(|_| Part::start(share)).collect();
    let mut parts = parts?;
    let mut sums = Sums::default();
    for part in &mut parts {
        sums.add(&part.told()?);
    }
    // Now all of them are there.
    for part in &mut parts {
        part.go_on()?;
    }
    for part in &mut parts {
        sums.add(&part.told()?);
    }
    let connections = sums.connections;
    let nodes = match parts.len() {
        1 => "one node".to_owned(),
        several => {
            format!("{several} nodes of {share}, as a process has {descriptors} descriptors")
        }
    };
    Ok(vec![
        Outcome::new(
            "memory of a connection whose poll waits",
            sums.grown_kib / connections,
            "KiB",
        )
        .budget("fleet_idle_connection_kb_max")
        .note(format!(
            "{connections} connections, mutual TLS, {nodes}; {SIDE_BY_SIDE}"
        )),
        Outcome::new(
            "handshakes with a first state, per second of processor",
            connections / sums.processor_s,
            "/s",
        ),
        Outcome::new(
            "processor time of a second in which nothing happens",
            sums.quiet_s / QUIET.as_secs_f64() * 1000.0,
            "ms",
        ),
    ])
}

/// What all parts told.
#[derive(Debug, Default)]
struct Sums {
    connections: f64,
    processor_s: f64,
    grown_kib: f64,
    quiet_s: f64,
}

impl Sums {
    fn add(&mut self, told: &Value) {
        let number = |name: &str| told[name].as_f64().unwrap_or_default();
        self.connections += number("connections");
        self.processor_s += number("processor_s");
        self.grown_kib += number("grown_kib");
        self.quiet_s += number("quiet_s");
    }
}

/// A part, as the one who started it has it.
struct Part {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Part {
    fn start(connections: usize) -> Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(["idle-part", "--connections", &connections.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        Ok(Self {
            input: process.stdin.take(),
            output: BufReader::new(process.stdout.take().context("no output")?),
            process,
        })
    }

    fn told(&mut self) -> Result<Value> {
        read_line(&mut self.output).context("a part of the figure did not work")
    }

    fn go_on(&mut self) -> Result<()> {
        let input = self.input.as_mut().context("no input")?;
        input.write_all(b"\n")?;
        Ok(input.flush()?)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // It ends with its input.
        drop(self.input.take());
        let _ = self.process.wait();
    }
}

/// Is a part, until its input ends: `idle-part --connections N`.
///
/// # Errors
/// A connection cannot be made.
pub fn part(mut arguments: pico_args::Arguments) -> Result<()> {
    let connections: usize = arguments.value_from_str("--connections")?;
    raise_descriptors(connections + DESCRIPTORS);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    runtime.block_on(wait_with(connections))
}

async fn wait_with(connections: usize) -> Result<()> {
    let folder = tempfile::TempDir::new()?;
    // Registered by another process, so that what that took is not in the way.
    drop(Started::new(folder.path(), connections)?);
    let mut node = Started::new(folder.path(), 0)?;
    let before = resident_kib(node.id())?;
    let processor = processor_s(node.id())?;
    let kept = connect(&node, connections).await?;
    let processor = processor_s(node.id())? - processor;
    while node.parked()? < kept.len() as u64 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tell(&json!({ "connections": kept.len(), "processor_s": processor }))?;
    let mut lines = std::io::stdin().lines();
    if lines.next().is_none() {
        return Ok(());
    }
    let grown = resident_kib(node.id())?.saturating_sub(before);
    let (began, quiet) = (Instant::now(), processor_s(node.id())?);
    tokio::time::sleep(QUIET.saturating_sub(began.elapsed())).await;
    let quiet = processor_s(node.id())? - quiet;
    tell(&json!({ "grown_kib": grown, "quiet_s": quiet }))?;
    // The connections stay until all parts are done.
    while lines.next().is_some() {}
    drop(kept);
    Ok(())
}

async fn connect(node: &Started, connections: usize) -> Result<Vec<Connection>> {
    let places = Arc::new(Semaphore::new(HANDSHAKES));
    let mut tasks = JoinSet::new();
    for (number, connector) in node.devices(connections)?.into_iter().enumerate() {
        let (places, address) = (Arc::clone(&places), node.address);
        let last = u8::try_from(2 + number / PER_ADDRESS)?;
        let from = SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), 0));
        tasks.spawn(async move {
            let _place = places.acquire().await?;
            let mut connection = Connection::open(address, &connector, Some(from)).await?;
            let answer = connection.get("/d/v1/state", &[]).await?;
            let Some(tag) = answer.header("etag").map(str::to_owned) else {
                bail!("no state: {} {}", answer.status, answer.text());
            };
            let poll = format!(
                "GET /d/v1/state?wait=3600 HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: {tag}\r\n\r\n"
            );
            connection.send(poll.as_bytes()).await?;
            Ok(connection)
        });
    }
    let mut kept = Vec::new();
    while let Some(opened) = tasks.join_next().await {
        kept.push(opened??);
    }
    Ok(kept)
}

fn tell(told: &Value) -> Result<()> {
    let mut output = std::io::stdout();
    writeln!(output, "{told}")?;
    Ok(output.flush()?)
}
