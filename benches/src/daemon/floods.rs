//! What a hostile guest takes from its neighbours.
//!
//! Two victims, one that computes and one that answers over TCP, each beside a neighbour that does harm in one way. A
//! victim's throughput is told as a share of what it has beside a neighbour that computes as it may: both have the same
//! share of the processor. The neighbour that computes itself is held to the fair share of what the victim has without
//! it, while as many processors are busy: with several workers a native thread takes its place.

mod victims;

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;
use thimble_device_api::{ContainerSpec, Mount, MountKind};

use crate::options::Options;
use thimble_bench_report::Outcome;
use thimble_bench_report::summarize;

use super::guests;
use super::service::{Home, Service, spec};

use victims::Victim;

/// Until a flood is under way.
const UNDER_WAY: Duration = Duration::from_millis(50);

/// A way to do harm.
struct Flood {
    name: &'static str,
    guest: String,
    grants: &'static [&'static str],
    has_volume: bool,
    takes_processor_only: bool,
}

/// Measures one worker and two.
pub(crate) fn measure(options: &Options) -> Result<Vec<Outcome>> {
    let thimble = match options.thimble() {
        Ok(thimble) => thimble,
        Err(why) => return Ok(vec![Outcome::skipped("thimble daemon", why)]),
    };
    let mut outcomes = Vec::new();
    for workers in [1, 2] {
        let home = Home::new(options, &thimble, "floods")?.workers(workers)?;
        let service = home.start()?;
        let neighbour = spec("neighbour", &home.image("neighbour", &guests::busy())?);
        let floods = floods(&home)?;
        for victim in Victim::both(options, &home, &service)? {
            let shares = shares(options, &service, &victim, workers, &neighbour, &floods)?;
            for ((flood, _), shares) in floods.iter().zip(shares) {
                let least = shares.iter().copied().fold(f64::INFINITY, f64::min);
                let outcome = Outcome::new(
                    format!("{}, {} flood, {workers} workers", victim.name(), flood.name),
                    summarize(shares).median,
                    "%",
                )
                .note(format!("least {least:.1}"));
                outcomes.push(if options.smoke {
                    outcome
                } else {
                    outcome.budget("daemon_flood_victim_percent_min")
                });
            }
        }
        service.stop()?;
    }
    Ok(outcomes)
}

/// What each flood leaves of the victim's throughput, in percent, each time.
fn shares(
    options: &Options,
    service: &Service<'_>,
    victim: &Victim,
    workers: usize,
    neighbour: &ContainerSpec,
    floods: &[(Flood, ContainerSpec)],
) -> Result<Vec<Vec<f64>>> {
    let mut shares = vec![Vec::new(); floods.len()];
    for _ in 0..options.times(5, 1) {
        let mut before = beside(service, victim, neighbour)?;
        for ((flood, hostile), shares) in floods.iter().zip(&mut shares) {
            let now = beside(service, victim, hostile)?;
            let reference = if flood.takes_processor_only && victim.computes() {
                fair_share(service, victim, workers)?
            } else {
                // Before and after: whatever else the machine does changes slowly.
                let after = beside(service, victim, neighbour)?;
                f64::midpoint(std::mem::replace(&mut before, after), after)
            };
            shares.push(now / reference * 100.0);
        }
    }
    Ok(shares)
}

/// What a victim that computes is due beside another one that does.
fn fair_share(service: &Service<'_>, victim: &Victim, workers: usize) -> Result<f64> {
    if workers == 1 {
        return Ok(victim.throughput(service)? / 2.0);
    }
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                std::hint::spin_loop();
            }
        });
        let throughput = victim.throughput(service);
        done.store(true, Ordering::Relaxed);
        throughput
    })
}

fn beside(service: &Service<'_>, victim: &Victim, other: &ContainerSpec) -> Result<f64> {
    service.run(other)?;
    std::thread::sleep(UNDER_WAY);
    let throughput = victim.throughput(service)?;
    service.remove(other)?;
    Ok(throughput)
}

/// Each with a container that does it.
fn floods(home: &Home) -> Result<Vec<(Flood, ContainerSpec)>> {
    // Nobody listens on a port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let flood = |name, guest, grants| Flood {
        name,
        guest,
        grants,
        has_volume: false,
        takes_processor_only: false,
    };
    let mut floods = vec![
        flood("memory", guests::memory_flood(), &[][..]),
        flood("fill", guests::fill_flood(), &[]),
        flood("log", guests::log_flood(), &[]),
        flood("bus", guests::bus_flood(), &["bus.pub:#", "bus.sub:#"]),
        flood("socket", guests::socket_flood(port), &["net"]),
        flood("timer", guests::timer_flood(), &["timer"]),
    ];
    floods.push(Flood {
        takes_processor_only: true,
        ..flood("processor", guests::busy(), &[])
    });
    floods.push(Flood {
        has_volume: true,
        ..flood("file", guests::file_flood(), &["fs"])
    });
    let with_container = |flood: Flood| {
        let mut spec = spec("hostile", &home.image(flood.name, &flood.guest)?);
        spec.grants = flood.grants.iter().map(|&grant| grant.to_owned()).collect();
        if flood.has_volume {
            spec.mounts = vec![Mount {
                kind: MountKind::Volume,
                source: "flood".to_owned(),
                target: "/flood".to_owned(),
                read_only: false,
            }];
        }
        Ok((flood, spec))
    };
    floods.into_iter().map(with_container).collect()
}
