//! The victims: one computes, the other one answers over TCP.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use thimble_device_api::ContainerSpec;

use crate::options::Options;

use super::super::guests;
use super::super::service::{Home, Service, numbers, spec};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Whose throughput is measured.
pub(super) enum Victim {
    /// Does units of work for a time of its own.
    Computes(Box<ContainerSpec>),
    /// Sends back what it receives, for as long as it is asked.
    Answers {
        address: SocketAddr,
        duration: Duration,
    },
}

impl Victim {
    /// Both; the one that answers runs from now on.
    pub(super) fn both(options: &Options, home: &Home, service: &Service<'_>) -> Result<[Self; 2]> {
        let millis: u64 = if options.smoke { 20 } else { 250 };
        let computes = spec("victim", &home.image("worker", &guests::worker(millis))?);
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut answers = spec("echo", &home.image("echo", &guests::echo())?);
        answers.listen = vec![format!("tcp/{address}")];
        service.run(&answers)?;
        Ok([
            Self::Computes(Box::new(computes)),
            Self::Answers {
                address,
                duration: Duration::from_millis(millis),
            },
        ])
    }

    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Computes(_) => "computing",
            Self::Answers { .. } => "TCP echo",
        }
    }

    /// Whether it wants all of a processor.
    pub(super) const fn computes(&self) -> bool {
        matches!(self, Self::Computes(_))
    }

    /// What it does, now: in units of its own, for comparison.
    pub(super) fn throughput(&self, service: &Service<'_>) -> Result<f64> {
        match self {
            Self::Computes(spec) => {
                let said = numbers(&service.run_to_end(spec)?)?;
                Ok(*said.first().context("the victim said nothing")? as f64)
            }
            Self::Answers { address, duration } => ask(*address, *duration),
        }
    }
}

/// How often 64 bytes went there and back in this time.
fn ask(address: SocketAddr, duration: Duration) -> Result<f64> {
    let mut stream = TcpStream::connect(address).context("the victim does not listen")?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let (sent, mut received) = ([0x55_u8; 64], [0_u8; 64]);
    let begun = Instant::now();
    let mut rounds = 0.0;
    while begun.elapsed() < duration {
        stream.write_all(&sent)?;
        stream.read_exact(&mut received)?;
        rounds += 1.0;
    }
    ensure!(sent == received, "the echo is not what was sent");
    Ok(rounds / begun.elapsed().as_secs_f64())
}
