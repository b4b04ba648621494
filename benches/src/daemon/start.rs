//! How long the daemon takes to come back with its containers, after it was stopped and after it was killed.

use std::time::Instant;

use anyhow::Result;

use crate::clock::millis;
use crate::options::Options;
use thimble_bench_report::Outcome;
use thimble_bench_report::summarize;

use super::guests;
use super::service::{Home, spec};

/// Containers that come back.
const CONTAINERS: u32 = 50;

/// Measures both. The native code is in the cache.
pub(crate) fn measure(options: &Options) -> Result<Vec<Outcome>> {
    let thimble = match options.thimble() {
        Ok(thimble) => thimble,
        Err(why) => return Ok(vec![Outcome::skipped("thimble daemon", why)]),
    };
    let (count, times) = if options.smoke {
        (3, 1)
    } else {
        (CONTAINERS, 15)
    };
    let home = Home::new(options, &thimble, "start")?;
    let image = home.image("idle", guests::IDLE)?;
    let service = home.start()?;
    for number in 0..count {
        let mut spec = spec(format!("idle{number}"), &image);
        spec.restart = Some("always".to_owned());
        spec.stop_grace_ms = Some(0);
        service.run(&spec)?;
    }
    service.stop()?;
    let (mut starts, mut restarts, mut nothing) = (Vec::new(), Vec::new(), Vec::new());
    let empty = Home::new(options, &thimble, "start-empty")?;
    for _ in 0..times {
        let begun = Instant::now();
        let mut service = empty.launch()?;
        service.wait_ready(0)?;
        nothing.push(millis(begun.elapsed()));
        service.stop()?;

        let begun = Instant::now();
        let mut service = home.launch()?;
        service.wait_ready(count)?;
        starts.push(millis(begun.elapsed()));
        // Each of a fresh one: whoever dies often is started later each time.
        let begun = Instant::now();
        service.kill_daemon()?;
        service.wait_ready(count)?;
        restarts.push(millis(begun.elapsed()));
        service.stop()?;
    }
    let (nothing, start, restart) = (summarize(nothing), summarize(starts), summarize(restarts));
    let start = Outcome::new(
        format!("daemon, exec to ready with {count} that run: median"),
        start.median,
        "ms",
    )
    .note(format!(
        "worst {:.1}; with none {:.1}; {times} times",
        start.max, nothing.median
    ));
    let restart = Outcome::new(
        format!("daemon, kill -9 to all {count} running: worst"),
        restart.max,
        "ms",
    )
    .note(format!("median {:.1}, {times} times", restart.median));
    Ok(if options.smoke {
        vec![start, restart]
    } else {
        vec![
            start.budget("daemon_start_ms_max"),
            restart.budget("daemon_restart_ms_max"),
        ]
    })
}
