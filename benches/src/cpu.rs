//! Processor speed: the same C kernels natively, in Wasmtime, in Thimble's engines, and in a peer.
//!
//! Time is the thread's processor time; variants run in turn, and the least of several rounds counts, so a
//! busy machine disturbs little. All results must equal the native ones. What crossing to the host costs is
//! told apart: `thimble.abi_version` stands for a call that does nothing.

pub(crate) mod compiler;
mod native;
mod plain;
mod thimble;
mod wasm3;

use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::device::EngineName;
use crate::options::Options;
use thimble_bench_report::Outcome;
use thimble_bench_report::geometric_mean;

use native::Native;
use plain::Plain;
use thimble::Thimble;
use wasm3::Wasm3;

/// The kernels that count.
const KERNELS: [&str; 10] = [
    "fib",
    "indirect",
    "sieve",
    "matmul",
    "quicksort",
    "crc",
    "sha256",
    "mix64",
    "nbody32",
    "nbody64",
];
/// The kernel that only calls the host, and how often it does in a full run and in a smoke run.
const HOST: (&str, f64, f64) = ("host", 2_000_000.0, 1_000.0);

/// Something that runs kernels.
trait Runner {
    /// A short name.
    fn name(&self) -> &str;

    /// Runs one: its result, and the processor time it took.
    fn run(&mut self, kernel: &str) -> Result<(i32, Duration)>;
}

/// Places in the list of runners.
const NATIVE_O3: usize = 0;
const NATIVE_O2: usize = 1;
const PLAIN: usize = 2;
const SLICES_10_MS: usize = 3;
const SLICES_2_MS: usize = 4;
const WASMI: usize = 5;

/// Measures everything.
pub(crate) fn measure(options: &Options) -> Result<Vec<Outcome>> {
    let scratch = options.scratch()?;
    let kernels = compiler::kernels(&scratch, options.smoke)?;
    let mut runners: Vec<Box<dyn Runner>> = vec![
        Box::new(Native::open("native", &kernels.native_o3)?),
        Box::new(Native::open("-O2", &kernels.native_o2)?),
        Box::new(Plain::load(&kernels.wasm)?),
        Box::new(Thimble::load(
            EngineName::Wasmtime,
            &kernels.wasm,
            10,
            &scratch,
        )?),
        Box::new(Thimble::load(
            EngineName::Wasmtime,
            &kernels.wasm,
            2,
            &scratch,
        )?),
        Box::new(Thimble::load(
            EngineName::Wasmi,
            &kernels.wasm,
            10,
            &scratch,
        )?),
    ];
    if let Some(sources) = &options.wasm3 {
        runners.push(Box::new(Wasm3::build(sources, &kernels.wasm, &scratch)?));
    }
    let rounds = options.times(7, 1);
    let mut times = Vec::new();
    for kernel in KERNELS.into_iter().chain([HOST.0]) {
        times.push((kernel, fastest(&mut runners, kernel, rounds)?));
    }
    if !options.json {
        print_kernels(&runners, &times, kernels.compiler);
    }
    let calls = if options.smoke { HOST.2 } else { HOST.1 };
    Ok(outcomes(
        options,
        &times,
        calls,
        runners.get(WASMI + 1).is_some(),
    ))
}

/// The least time of each runner.
fn fastest(runners: &mut [Box<dyn Runner>], kernel: &str, rounds: usize) -> Result<Vec<f64>> {
    let mut least = vec![f64::INFINITY; runners.len()];
    let mut expected = None;
    for _ in 0..rounds {
        for (runner, least) in runners.iter_mut().zip(&mut least) {
            let (result, time) = runner
                .run(kernel)
                .with_context(|| format!("{} in {}", kernel, runner.name()))?;
            if *expected.get_or_insert(result) != result {
                bail!(
                    "{kernel} gives {result} in {} and {expected:?} natively",
                    runner.name()
                );
            }
            *least = least.min(time.as_secs_f64());
        }
    }
    Ok(least)
}

fn print_kernels(runners: &[Box<dyn Runner>], times: &[(&str, Vec<f64>)], compiler: &str) {
    println!(
        "kernels: {compiler}, native -O3 in ms; others as multiples of it; `T`: Thimble, slices of 10 and 2 ms"
    );
    print!("  {:10}", "");
    runners
        .iter()
        .for_each(|runner| print!("{:>10}", runner.name()));
    println!();
    for (kernel, times) in times {
        let native = times.first().copied().unwrap_or(f64::NAN);
        print!("  {kernel:10}{:10.1}", native * 1e3);
        times
            .iter()
            .skip(1)
            .for_each(|time| print!("{:10.2}", time / native));
        println!();
    }
}

fn outcomes(
    options: &Options,
    times: &[(&str, Vec<f64>)],
    calls: f64,
    has_peer: bool,
) -> Vec<Outcome> {
    let against = |runner: usize, base: usize| {
        let kernels = times.iter().filter(|(kernel, _)| *kernel != HOST.0);
        let ratio = |(_, times): &(&str, Vec<f64>)| Some(times.get(runner)? / times.get(base)?);
        geometric_mean(&kernels.filter_map(ratio).collect::<Vec<_>>())
    };
    let line = |what: &str, runner, base| Outcome::new(what, against(runner, base), "x");
    let promised = |outcome: Outcome, budget| {
        if options.smoke {
            outcome
        } else {
            outcome.budget(budget)
        }
    };
    let mut outcomes = vec![
        promised(
            line(
                "Thimble, slices of 10 ms, against native -O3",
                SLICES_10_MS,
                NATIVE_O3,
            ),
            "cpu_geomean_vs_native_max",
        ),
        line("the same against native -O2", SLICES_10_MS, NATIVE_O2),
        line(
            "Thimble, slices of 2 ms, against native -O3",
            SLICES_2_MS,
            NATIVE_O3,
        ),
        line("plain Wasmtime against native -O3", PLAIN, NATIVE_O3),
        line("Thimble on wasmi against native -O3", WASMI, NATIVE_O3),
        promised(
            line(
                "preemption: slices of 10 ms against plain",
                SLICES_10_MS,
                PLAIN,
            ),
            "preemption_overhead_max",
        ),
        line(
            "preemption: slices of 2 ms against plain",
            SLICES_2_MS,
            PLAIN,
        ),
    ];
    outcomes.push(match has_peer {
        true => line("wasm3 against native -O3", WASMI + 1, NATIVE_O3)
            .note("the peer: an interpreter in C"),
        false => Outcome::skipped("wasm3", "no sources; say --wasm3 FOLDER"),
    });
    let host = times
        .iter()
        .find(|(kernel, _)| *kernel == HOST.0)
        .map(|(_, times)| times.as_slice())
        .unwrap_or_default();
    let call_ns = |runner: usize| host.get(runner).map_or(f64::NAN, |time| time * 1e9 / calls);
    let crossing = [
        ("Thimble on wasmtime", SLICES_10_MS),
        ("Thimble on wasmi", WASMI),
        ("plain Wasmtime", PLAIN),
    ];
    outcomes.extend(
        crossing.map(|(what, runner)| {
            Outcome::new(format!("host call, {what}"), call_ns(runner), "ns")
        }),
    );
    outcomes
}
