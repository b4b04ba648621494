//! Messages from one guest to another on one machine: how many, and how long one takes.
//!
//! Guests of our own module wait for events, so one worker serves both. Ocre's guests poll, as its library
//! does, so each gets a worker; what they reach depends on two processors being free.

mod guests;

use std::time::Instant;

use anyhow::{Result, bail};
use thimble_port_linux::machine::Machine;
use thimble_runtime::engine::Engine;

use crate::device::{self, EngineName, Output};
use crate::guest::{self, Guest};
use crate::options::Options;
use thimble_bench_report::Outcome;
use thimble_bench_report::{Summary, summarize};

use guests::Pair;

const GRANTS: [&str; 2] = ["bus.pub:bench/#", "bus.sub:bench/#"];

/// Measures our own module with one worker and two, and Ocre's with two.
pub(crate) fn measure(options: &Options) -> Result<Vec<Outcome>> {
    let engine = EngineName::Wasmtime.make(16, &options.scratch()?)?;
    let batches = options.times(2000, 8);
    let rounds = options.times(20_000, 50);
    let mut outcomes = Vec::new();
    for (interface, workers) in [
        (Interface::Thimble, 1),
        (Interface::Thimble, 2),
        (Interface::Ocre, 2),
    ] {
        let flood = interface.flood(batches);
        let latency = interface.latency(rounds);
        // The promise is about one worker: there is no luck with processors in it.
        let promised = workers == 1 && !options.smoke;
        let title = format!(
            "{}, {workers} worker{}",
            interface.text(),
            if workers == 1 { "" } else { "s" }
        );
        let rate = (batches * guests::BATCH) as f64 / seconds(&*engine, &flood, workers)?;
        let outcome = Outcome::new(format!("messages, {title}"), rate, "/s");
        let outcome = outcome.note(format!(
            "{} of {} bytes",
            batches * guests::BATCH,
            guests::PAYLOAD_BYTES
        ));
        outcomes.push(if promised {
            outcome.budget("bus_messages_per_s_min")
        } else {
            outcome
        });
        let one_way = one_way_us(&*engine, &latency, workers)?;
        let outcome = Outcome::new(format!("one way, {title}: median"), one_way.median, "us");
        let outcome = outcome.note(format!(
            "p99 {:.1}, half of there and back, {rounds} times",
            one_way.p99
        ));
        outcomes.push(if promised {
            outcome.budget("bus_latency_us_max")
        } else {
            outcome
        });
    }
    Ok(outcomes)
}

/// The interface that guests use.
#[derive(Clone, Copy)]
enum Interface {
    Thimble,
    Ocre,
}

impl Interface {
    const fn text(self) -> &'static str {
        match self {
            Self::Thimble => "thimble",
            Self::Ocre => "ocre",
        }
    }

    fn flood(self, batches: usize) -> Pair {
        match self {
            Self::Thimble => guests::thimble_flood(batches),
            Self::Ocre => guests::ocre_flood(batches),
        }
    }

    fn latency(self, rounds: usize) -> Pair {
        match self {
            Self::Thimble => guests::thimble_latency(rounds),
            Self::Ocre => guests::ocre_latency(rounds),
        }
    }
}

/// How long a pair takes to its end, from the start of the first that sends.
fn seconds(engine: &dyn Engine, pair: &Pair, workers: usize) -> Result<f64> {
    let machine = device::machine()?;
    run(engine, pair, workers, &machine, None)
}

fn one_way_us(engine: &dyn Engine, pair: &Pair, workers: usize) -> Result<Summary> {
    let machine = device::machine()?;
    let output = Output::kept();
    run(engine, pair, workers, &machine, Some(&output))?;
    let samples: Vec<f64> = output
        .numbers()
        .into_iter()
        .map(|there_and_back_ns| there_and_back_ns as f64 / 2e3)
        .collect();
    if samples.is_empty() {
        bail!("the guest wrote no times");
    }
    Ok(summarize(samples))
}

fn run(
    engine: &dyn Engine,
    pair: &Pair,
    workers: usize,
    machine: &Machine,
    output: Option<&Output>,
) -> Result<f64> {
    let config = guest::config("bench", &GRANTS)?;
    let (answers, asks) = (
        Guest::from_text(engine, &pair.answers)?,
        Guest::from_text(engine, &pair.asks)?,
    );
    let threads = if workers > 1 {
        Some(machine.spawn_workers(workers)?)
    } else {
        None
    };
    let until = |done: &dyn Fn() -> bool| match threads {
        Some(_) => guest::wait_until(done),
        None => guest::run_until(machine, |_| done()),
    };
    // The first to receive must have subscribed before anything is sent.
    let second = answers.start(machine, &config)?;
    until(&|| guest::has_run(machine, second))?;
    let begun = Instant::now();
    let first = asks.start_with_output(machine, &config, output)?;
    until(&|| guest::has_ended(machine, first) && guest::has_ended(machine, second))?;
    let seconds = begun.elapsed().as_secs_f64();
    guest::check_success(machine, first)?;
    guest::check_success(machine, second)?;
    drop(threads);
    Ok(seconds)
}
