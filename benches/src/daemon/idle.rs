//! What a hundred containers that wait for events cost in processor time.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::clock::millis;
use crate::options::Options;
use thimble_bench_report::Outcome;

use super::guests;
use super::process;
use super::service::{Home, spec};

/// Measures them for a minute.
pub(crate) fn measure(options: &Options) -> Result<Vec<Outcome>> {
    let thimble = match options.thimble() {
        Ok(thimble) => thimble,
        Err(why) => return Ok(vec![Outcome::skipped("thimble daemon", why)]),
    };
    let count = options.times(100, 3);
    let duration = Duration::from_millis(if options.smoke { 100 } else { 60_000 });
    let home = Home::new(options, &thimble, "idle")?;
    let image = home.image("idle", guests::IDLE)?;
    let service = home.start()?;
    for number in 0..count {
        let mut spec = spec(format!("idle{number}"), &image);
        spec.restart = Some("always".to_owned());
        service.run(&spec)?;
    }
    // Until what served the requests is gone: its end is not theirs.
    service.settled_kb()?;
    let processes = service.processes()?;
    let (before, switches) = (
        process::processor_time(&processes)?,
        process::switches(&processes),
    );
    ensure!(
        !before.is_zero(),
        "this kernel does not count processor time"
    );
    let begun = Instant::now();
    std::thread::sleep(duration);
    let spent = process::processor_time(&processes)?.saturating_sub(before);
    let switches = process::switches(&processes).saturating_sub(switches);
    let minutes = begun.elapsed().as_secs_f64() / 60.0;
    let outcome = Outcome::new(
        format!("daemon, {count} containers that wait, a minute"),
        millis(spent) / minutes,
        "ms",
    )
    .note(format!(
        "of processor time; a thread ran {switches} times in {duration:?}"
    ));
    Ok(vec![if options.smoke {
        outcome
    } else {
        outcome.budget("daemon_idle_cpu_ms_max")
    }])
}
