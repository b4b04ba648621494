//! From the request to kill a container to its final record; one worker runs it, another thread kills it.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use thimble_runtime::record::End;

use crate::clock::millis;
use crate::device::{self, EngineName};
use crate::guest::{self, Guest};
use crate::options::Options;
use thimble_bench_report::Outcome;
use thimble_bench_report::summarize;

/// Measures a busy loop and a sleeper on both engines.
pub(crate) fn measure(options: &Options) -> Result<Vec<Outcome>> {
    let times = options.times(1000, 10);
    let mut outcomes = Vec::new();
    for name in EngineName::ALL {
        for (kind, text) in [("busy loop", guest::BUSY), ("sleeper", guest::SLEEPING)] {
            let engine = name.make(16, &options.scratch()?)?;
            let guest = Guest::from_text(&*engine, text)?;
            let summary = summarize(kills(&guest, times)?);
            let what = format!("kill of a {kind}, {}, p99", name.text());
            let note = format!(
                "median {:.4}, worst {:.3}, {times} times",
                summary.median, summary.max
            );
            outcomes.push(
                Outcome::new(what, summary.p99, "ms")
                    .budget("kill_p99_ms_max")
                    .note(note),
            );
        }
    }
    Ok(outcomes)
}

fn kills(guest: &Guest, times: usize) -> Result<Vec<f64>> {
    let machine = device::machine()?;
    let _workers = machine.spawn_workers(1)?;
    let config = guest::config("victim", &[])?;
    let mut samples = Vec::with_capacity(times);
    for _ in 0..times {
        let id = guest.start(&machine, &config)?;
        // A busy loop has no first slice behind it for 10 ms; this is long enough to be in it.
        std::thread::sleep(Duration::from_micros(300));
        let begun = Instant::now();
        machine.kill(id)?;
        let record = machine.wait(id).context("the container is gone")?;
        samples.push(millis(begun.elapsed()));
        if record.end != End::Killed {
            bail!("it was to be killed, but: {:?}", record.end);
        }
        machine.remove(id)?;
    }
    Ok(samples)
}
