//! The figures.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use thimble_bench_report::{Outcome, summarize};
use tokio::task::JoinSet;

use super::Size;
use super::child::{CODE, Started};
use super::process::processor_s;
use crate::client::{Connection, Device};

/// What is said with figures.
pub(super) const SIDE_BY_SIDE: &str = "node and generator on one machine";
/// Connections of the figure `polls`: enough to keep a node busy, few enough to be the same few at a time.
const POLLERS: usize = 100;
/// Enrolments at once.
const ENROLLERS: usize = 32;

/// Polls over kept connections.
pub(super) async fn polls(size: &Size) -> Result<Vec<Outcome>> {
    let folder = tempfile::TempDir::new()?;
    let node = Started::new(folder.path(), POLLERS)?;
    let mut tasks = JoinSet::new();
    let ends = Instant::now() + Duration::from_secs(size.seconds + 1);
    let count = Arc::new(AtomicU64::new(0));
    for connector in node.devices(POLLERS)? {
        let mut connection = Connection::open(node.address, &connector, None).await?;
        let first = connection.get("/d/v1/state", &[]).await?;
        let Some(tag) = first.header("etag").map(str::to_owned) else {
            bail!("no state: {} {}", first.status, first.text());
        };
        let count = Arc::clone(&count);
        tasks.spawn(async move {
            let mut samples = Vec::new();
            while Instant::now() < ends {
                let began = Instant::now();
                let answer = connection
                    .get("/d/v1/state", &[("If-None-Match", &tag)])
                    .await?;
                if answer.status != 304 {
                    bail!("{} {}", answer.status, answer.text());
                }
                count.fetch_add(1, Ordering::Relaxed);
                samples.push(began.elapsed().as_secs_f64() * 1000.0);
            }
            Ok(samples)
        });
    }
    let (began, processor, polls) = (
        Instant::now(),
        processor_s(node.id())?,
        count.load(Ordering::Relaxed),
    );
    tokio::time::sleep(Duration::from_secs(size.seconds)).await;
    let polls = (count.load(Ordering::Relaxed) - polls) as f64;
    let (wall, processor) = (
        began.elapsed().as_secs_f64(),
        processor_s(node.id())? - processor,
    );
    let mut samples = Vec::new();
    while let Some(polled) = tasks.join_next().await {
        samples.extend(polled??);
    }
    let times = summarize(samples);
    Ok(vec![
        Outcome::new(
            "polls per second of the node's processor time",
            polls / processor,
            "/s",
        )
        .budget("fleet_polls_per_core_s_min")
        .note(format!("{POLLERS} connections; {SIDE_BY_SIDE}")),
        Outcome::new("polls per second of the clock", polls / wall, "/s")
            .note(format!("{processor:.1} s of processor time in {wall:.1} s")),
        Outcome::new("a poll, median", times.median, "ms"),
        Outcome::new("a poll, 99th percentile", times.p99, "ms"),
    ])
}

/// Enrolments.
pub(super) async fn enrolments(size: &Size) -> Result<Vec<Outcome>> {
    let folder = tempfile::TempDir::new()?;
    // Into a fleet that is there, in which a device is looked up.
    drop(Started::with(folder.path(), size.devices, 0)?);
    let node = Started::new(folder.path(), 0)?;
    let count = Arc::new(AtomicU64::new(0));
    let ends = Instant::now() + Duration::from_secs(size.seconds);
    let processor = processor_s(node.id())?;
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for enroller in 0..ENROLLERS {
        let (count, root, address) = (Arc::clone(&count), node.root.clone(), node.address);
        tasks.spawn(async move {
            let mut number = 0;
            let mut samples = Vec::new();
            while Instant::now() < ends {
                let began = Instant::now();
                let mut device = Device::new(&format!("{enroller}-{number}"))?;
                device.enrol(address, &root, Some(CODE)).await?;
                samples.push(began.elapsed().as_secs_f64() * 1000.0);
                count.fetch_add(1, Ordering::Relaxed);
                number += 1;
            }
            anyhow::Ok(samples)
        });
    }
    let mut samples = Vec::new();
    while let Some(enrolled) = tasks.join_next().await {
        samples.extend(enrolled??);
    }
    let (wall, processor) = (
        began.elapsed().as_secs_f64(),
        processor_s(node.id())? - processor,
    );
    let count = count.load(Ordering::Relaxed) as f64;
    let times = summarize(samples);
    Ok(vec![
        Outcome::new("enrolments per second", count / wall, "/s")
            .budget("fleet_enrolments_per_s_min")
            .note(format!(
                "{ENROLLERS} at once, into a fleet of {}, SQLite; {SIDE_BY_SIDE}",
                size.devices
            )),
        Outcome::new(
            "enrolments per second of processor",
            count / processor,
            "/s",
        ),
        Outcome::new("an enrolment, median", times.median, "ms"),
        Outcome::new("an enrolment, 99th percentile", times.p99, "ms"),
    ])
}

/// Registered devices.
pub(super) async fn map(size: &Size) -> Result<Vec<Outcome>> {
    let folder = tempfile::TempDir::new()?;
    // Certificates are nothing that a node knows.
    let empty = Started::with(folder.path(), size.devices, 0)?;
    let grown = |node: &Started| {
        let number = |name: &str| node.told[name].as_f64().unwrap_or_default();
        number("after_kib") - number("before_kib")
    };
    let without = grown(&empty);
    drop(empty);
    let full = Started::new(folder.path(), 0)?;
    let number = |name: &str| full.told[name].as_f64().unwrap_or_default();
    if number("known") < size.devices as f64 {
        bail!("the node knows {} devices", number("known"));
    }
    let devices = size.devices as f64;
    // What the start itself leaves to the allocator counts too; the map alone is less.
    let each = (grown(&full) - without) * 1024.0 / devices;
    Ok(vec![
        Outcome::new(
            "reading which state each device is to have",
            number("fill_ms"),
            "ms",
        )
        .budget("fleet_start_100k_ms_max")
        .note(format!("{devices} devices, SQLite")),
        Outcome::new("start of a node until it listens", number("start_ms"), "ms"),
        Outcome::new("memory per registered device", each, "B").budget("fleet_device_bytes_max"),
    ])
}
