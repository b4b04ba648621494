//! Containers that are made, started, run to their end and removed through the API, one after another, beside podman
//! and crun; and whether the daemon grows.

use std::time::Instant;

use anyhow::Result;

use crate::clock::millis;
use crate::guest;
use crate::options::Options;
use thimble_bench_report::Outcome;
use thimble_bench_report::{Summary, summarize};

use super::podman::Rival;
use super::service::{Home, Service, spec};

/// Measures all three.
pub(crate) fn measure(options: &Options) -> Result<Vec<Outcome>> {
    let thimble = match options.thimble() {
        Ok(thimble) => thimble,
        Err(why) => return Ok(vec![Outcome::skipped("thimble daemon", why)]),
    };
    let (warm_up, times) = (options.times(1_000, 5), options.times(10_000, 20));
    let home = Home::new(options, &thimble, "cycles")?;
    let image = home.image("nothing", guest::TRIVIAL)?;
    let service = home.start()?;
    cycles(&service, &image, warm_up)?;
    let before_kb = service.settled_kb()?;
    let begun = Instant::now();
    let samples = cycles(&service, &image, times)?;
    let rate = times as f64 / begun.elapsed().as_secs_f64();
    let after_kb = service.settled_kb()?;
    service.stop()?;
    let ours = summarize(samples);
    let growth = Outcome::new(
        format!("daemon, growth over {times} cycles"),
        after_kb - before_kb,
        "KB",
    )
    .note(format!(
        "PSS {:.2} MB after {warm_up} cycles, {:.2} MB after {times} more",
        before_kb / 1024.0,
        after_kb / 1024.0
    ));
    let mut outcomes = vec![
        Outcome::new("daemon, create, start, exit, remove", rate, "/s").note(format!(
            "{times} times, one client, 3 requests each; median {:.2} ms, p99 {:.2}",
            ours.median, ours.p99
        )),
        if options.smoke {
            growth
        } else {
            growth.budget("daemon_cycles_growth_kb_max")
        },
    ];
    outcomes.extend(beside(options, ours)?);
    Ok(outcomes)
}

/// How long each took, in milliseconds.
fn cycles(service: &Service<'_>, image: &str, times: usize) -> Result<Vec<f64>> {
    let spec = spec("cycle", image);
    let mut samples = Vec::with_capacity(times);
    for _ in 0..times {
        let begun = Instant::now();
        service.run_to_end(&spec)?;
        samples.push(millis(begun.elapsed()));
    }
    Ok(samples)
}

fn beside(options: &Options, ours: Summary) -> Result<Vec<Outcome>> {
    let times = options.times(30, 1);
    let theirs = match Rival::find(options)? {
        Ok(rival) => rival.cycles(times),
        Err(why) => Err(anyhow::anyhow!(why)),
    };
    let theirs = match theirs {
        Ok(theirs) => theirs,
        Err(why) => {
            return Ok(vec![Outcome::skipped(
                "podman and crun",
                format!("{why:#}"),
            )]);
        }
    };
    let mut outcomes = Vec::new();
    for (name, samples, budget) in [
        (
            "podman run --rm",
            theirs.podman,
            "daemon_cycle_vs_podman_max",
        ),
        ("crun run", theirs.crun, "daemon_cycle_vs_crun_max"),
    ] {
        let theirs = summarize(samples);
        outcomes.push(
            Outcome::new(name, 1000.0 / theirs.median, "/s").note(format!(
                "{times} times; median {:.1} ms, p99 {:.1}",
                theirs.median, theirs.p99
            )),
        );
        let ratio = Outcome::new(
            format!("daemon, median of a cycle, against {name}"),
            ours.median / theirs.median,
            "x",
        );
        outcomes.push(if options.smoke {
            ratio
        } else {
            ratio.budget(budget)
        });
    }
    Ok(outcomes)
}
