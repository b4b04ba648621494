//! Create, start, run and remove a container that returns at once, on one thread.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use thimble_port_linux::machine::Machine;
use thimble_runtime::config::ContainerConfig;

use crate::clock::micros;
use crate::device::{self, EngineName};
use crate::guest::{self, Guest};
use crate::options::Options;
use thimble_bench_report::Outcome;
use thimble_bench_report::summarize;

/// Measures both engines.
pub(crate) fn measure(options: &Options) -> Result<Vec<Outcome>> {
    let times = options.times(20_000, 50);
    let mut outcomes = Vec::new();
    for name in EngineName::ALL {
        let engine = name.make(16, &options.scratch()?)?;
        let guest = Guest::from_text(&*engine, guest::TRIVIAL)?;
        let machine = device::machine()?;
        let config = guest::config("trivial", &[])?;
        let samples = rounds(&machine, &guest, &config, times)?;
        let summary = summarize(samples);
        let what = format!("create to removed, {}", name.text());
        let outcome = Outcome::new(what, summary.median, "us")
            .note(format!("p99 {:.1}, {times} times", summary.p99));
        outcomes.push(match name {
            EngineName::Wasmtime => outcome.budget("create_to_removed_us_max"),
            EngineName::Wasmi => outcome,
        });
    }
    Ok(outcomes)
}

fn rounds(
    machine: &Machine,
    guest: &Guest,
    config: &Arc<ContainerConfig>,
    times: usize,
) -> Result<Vec<f64>> {
    let mut samples = Vec::with_capacity(times);
    for round in 0..times + times / 10 {
        let begun = Instant::now();
        let id = guest.start(machine, config)?;
        guest::run_until(machine, |machine| guest::has_ended(machine, id))?;
        machine.remove(id)?;
        // The first tenth warms up.
        if round >= times / 10 {
            samples.push(micros(begun.elapsed()));
        }
    }
    Ok(samples)
}
