//! The memory of the daemon with idle containers, beside podman with crun.

use anyhow::{Context as _, Result};

use crate::options::Options;
use thimble_bench_report::Outcome;

use super::guests;
use super::podman::{self, Rival};
use super::service::{Home, spec};

/// What the guest touches of its own memory: one page of the processor.
const TOUCHED_KB: f64 = 4.0;
/// Containers that podman runs at most: each takes it half a second.
const RIVALS_MAX: usize = 50;

/// Measures both with as many containers.
pub(crate) fn measure(options: &Options) -> Result<Vec<Outcome>> {
    let thimble = match options.thimble() {
        Ok(thimble) => thimble,
        Err(why) => return Ok(vec![Outcome::skipped("thimble daemon", why)]),
    };
    let counts: &[usize] = if options.smoke {
        &[0, 1, 3]
    } else {
        &[0, 1, 10, 50, 1000]
    };
    let ours = ours(options, &thimble, counts)?;
    let rival_counts: Vec<usize> = counts
        .iter()
        .copied()
        .filter(|count| (1..=RIVALS_MAX).contains(count))
        .collect();
    let theirs = match Rival::find(options)? {
        Ok(rival) => rival.memory(&rival_counts),
        Err(why) => Err(anyhow::anyhow!(why)),
    };
    let mut outcomes = Vec::new();
    let (mut nothing_kb, mut last_kb) = (0.0, 0.0);
    for (count, kb) in counts.iter().copied().zip(ours) {
        let outcome = Outcome::new(
            format!("daemon, {count} idle containers: PSS"),
            kb / 1024.0,
            "MB",
        );
        outcomes.push(match count {
            0 if !options.smoke => outcome.budget("daemon_empty_pss_mb_max"),
            50 if !options.smoke => outcome.budget("daemon_50_idle_pss_mb_max"),
            _ => outcome,
        });
        if count == 0 {
            nothing_kb = kb;
        }
        last_kb = kb;
        if let Ok(theirs) = &theirs {
            outcomes.extend(beside(options, count, kb, &rival_counts, theirs));
        }
    }
    let most = counts.last().copied().context("no counts")?;
    let each_kb = (last_kb - nothing_kb) / most as f64 - TOUCHED_KB;
    let outcome = Outcome::new(
        format!("daemon, each of {most} idle containers"),
        each_kb,
        "KB",
    )
    .note(format!("beyond {TOUCHED_KB} KB that the guest touches"));
    outcomes.push(if options.smoke {
        outcome
    } else {
        outcome.budget("daemon_idle_container_kb_max")
    });
    if let Err(why) = theirs {
        outcomes.push(Outcome::skipped("podman with crun", format!("{why:#}")));
    }
    Ok(outcomes)
}

/// Kilobytes with each of these numbers of containers.
fn ours(options: &Options, thimble: &std::path::Path, counts: &[usize]) -> Result<Vec<f64>> {
    let home = Home::new(options, thimble, "memory")?;
    let idle = home.image("idle", guests::IDLE)?;
    let service = home.start()?;
    let mut sizes = Vec::new();
    let mut made = 0;
    for count in counts {
        while made < *count {
            let mut spec = spec(format!("idle{made}"), &idle);
            spec.restart = Some("always".to_owned());
            service.run(&spec)?;
            made += 1;
        }
        sizes.push(service.settled_kb()?);
    }
    Ok(sizes)
}

/// What podman has with as many, or would have: each beyond what was measured is as large as those before.
fn beside(
    options: &Options,
    count: usize,
    kb: f64,
    counts: &[usize],
    theirs: &[podman::Size],
) -> Vec<Outcome> {
    let measured = counts.iter().position(|rival| *rival == count);
    let (size, note) = match measured.and_then(|at| theirs.get(at)) {
        Some(size) => (*size, "conmon and a static native program that waits, each"),
        None if count == 0 => return Vec::new(),
        None => {
            let (Some(size), Some(of)) = (theirs.last(), counts.last()) else {
                return Vec::new();
            };
            let scale = count as f64 / *of as f64;
            (size.times(scale), "extrapolated, not measured")
        }
    };
    let their_kb = size.total_kb();
    let what = format!("podman with crun, {count} idle containers: PSS");
    let note = format!("{note}; conmon alone {:.1} MB", size.conmon_kb / 1024.0);
    let ratio = Outcome::new(
        format!("daemon, {count} idle containers, against podman"),
        kb / their_kb,
        "x",
    );
    vec![
        Outcome::new(what, their_kb / 1024.0, "MB").note(note),
        match count {
            50 if !options.smoke => ratio.budget("daemon_50_idle_vs_podman_max"),
            _ => ratio,
        },
    ]
}
