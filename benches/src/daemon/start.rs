//! How long the daemon takes to come back with its containers, after it was stopped and after it was killed; of one image
//! or of as many images as containers.

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

/// Measures all of it. The native code is in the cache.
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
    let home = Home::new(options, &thimble, "start-empty")?;
    let nothing = summarize(comings(&home, 0, times)?.starts);
    let home = Home::new(options, &thimble, "start")?;
    let image = home.image("idle", guests::IDLE)?;
    declare(&home, count, |_| Ok(image.clone()))?;
    let same = comings(&home, count, times)?;
    let home = Home::new(options, &thimble, "start-images")?;
    declare(&home, count, |number| {
        home.image(&format!("idle{number}"), &guests::idle(number))
    })?;
    let different = comings(&home, count, times)?;

    let start = |images: &str, coming: &Comings| {
        let start = summarize(coming.starts.clone());
        Outcome::new(
            format!("daemon, exec to ready with {count} of {images}: median"),
            start.median,
            "ms",
        )
        .note(format!(
            "worst {:.1}; with none {:.1}; {times} times",
            start.max, nothing.median
        ))
    };
    let restart = summarize(same.restarts.clone());
    let outcomes = [
        start("one image", &same),
        start("as many images", &different),
        Outcome::new(
            format!("daemon, kill -9 to all {count} running: worst"),
            restart.max,
            "ms",
        )
        .note(format!("median {:.1}, {times} times", restart.median)),
    ];
    let budgets = [
        "daemon_start_ms_max",
        "daemon_start_images_ms_max",
        "daemon_restart_ms_max",
    ];
    let judge = |(outcome, budget): (Outcome, _)| match options.smoke {
        true => outcome,
        false => outcome.budget(budget),
    };
    Ok(outcomes.into_iter().zip(budgets).map(judge).collect())
}

/// Has so many containers made that are to run for ever.
fn declare(home: &Home, count: u32, image: impl Fn(u32) -> Result<String>) -> Result<()> {
    let service = home.start()?;
    for number in 0..count {
        let mut spec = spec(format!("idle{number}"), &image(number)?);
        spec.restart = Some("always".to_owned());
        spec.stop_grace_ms = Some(0);
        service.run(&spec)?;
    }
    service.stop()
}

/// How long it took each time, in milliseconds.
struct Comings {
    starts: Vec<f64>,
    restarts: Vec<f64>,
}

/// Starts the daemon, kills it and stops it, again and again.
fn comings(home: &Home, count: u32, times: usize) -> Result<Comings> {
    let (mut starts, mut restarts) = (Vec::new(), Vec::new());
    for _ in 0..times {
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
    Ok(Comings { starts, restarts })
}
