//! `cargo xtask bench`: measures what Thimble promises in numbers and compares it with `budgets.toml`.
//!
//! Each figure is a module with one public `measure`; this file chooses and prints them. Variants that are
//! compared run side by side in one process run, so that a slow machine is slow for all of them.

mod bus;
mod clock;
mod cpu;
mod daemon;
mod device;
mod fairness;
mod figure;
mod guest;
mod idle;
mod images;
mod kill;
mod lifecycle;
mod memory;
mod network;
mod options;
mod process;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use thimble_bench_report::{Budgets, print, print_failure};

use figure::Figure;
use options::Options;

/// All figures, in the order in which they run.
const FIGURES: &[Figure] = &[
    Figure {
        name: "cpu",
        about: "processor speed, against native code",
        measure: cpu::measure,
    },
    Figure {
        name: "lifecycle",
        about: "create to removed",
        measure: lifecycle::measure,
    },
    Figure {
        name: "process",
        about: "hello world as a process",
        measure: process::measure,
    },
    Figure {
        name: "kill",
        about: "from the request to the record",
        measure: kill::measure,
    },
    Figure {
        name: "idle",
        about: "memory of idle containers",
        measure: idle::measure,
    },
    Figure {
        name: "bus",
        about: "messages between containers",
        measure: bus::measure,
    },
    Figure {
        name: "network",
        about: "servers on loopback",
        measure: network::measure,
    },
    Figure {
        name: "fairness",
        about: "shares and lateness",
        measure: fairness::measure,
    },
    Figure {
        name: "images",
        about: "pushing and pulling, beside skopeo",
        measure: images::measure,
    },
    Figure {
        name: "daemon-memory",
        about: "memory of the daemon, beside podman",
        measure: daemon::memory,
    },
    Figure {
        name: "daemon-cycles",
        about: "create to removed through the API, beside podman",
        measure: daemon::cycles,
    },
    Figure {
        name: "daemon-idle",
        about: "processor time of containers that wait",
        measure: daemon::idle,
    },
    Figure {
        name: "daemon-bus",
        about: "messages between the daemon's containers",
        measure: daemon::bus,
    },
    Figure {
        name: "daemon-start",
        about: "coming back, after a stop and a kill",
        measure: daemon::start,
    },
    Figure {
        name: "daemon-floods",
        about: "neighbours of a hostile guest",
        measure: daemon::floods,
    },
];

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    match arguments.split_first() {
        // The engine compiles in a child process: this program again.
        Some((first, rest)) if first == "__compile" => {
            thimble_engine_wasmtime::compile_child_main(rest.iter().cloned())
        }
        Some((first, rest)) if first == idle::CHILD => exit_code(idle::child(rest)),
        Some((first, rest)) if first == network::CHILD => exit_code(network::child(rest)),
        Some((first, rest)) if first == daemon::RIVAL => exit_code(daemon::rival(rest)),
        _ => match run(arguments) {
            Ok(code) => code,
            Err(error) => exit_code(Err(error)),
        },
    }
}

fn exit_code(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Vec<OsString>) -> Result<ExitCode> {
    let names: Vec<&str> = FIGURES.iter().map(|figure| figure.name).collect();
    let Some(options) = Options::parse(arguments, &names)? else {
        print!("{}", options::help(FIGURES));
        return Ok(ExitCode::SUCCESS);
    };
    let budgets = Budgets::read()?;
    let (mut missed, mut failed) = (0, 0);
    for figure in FIGURES.iter().filter(|figure| options.wants(figure.name)) {
        match (figure.measure)(&options) {
            Ok(results) => {
                let figure = (figure.name, figure.about);
                missed += print(figure, &results, &budgets, options.json)?;
            }
            Err(error) => {
                failed += 1;
                print_failure(figure.name, &error, options.json);
            }
        }
    }
    if !options.json {
        println!("{missed} budgets missed, {failed} figures failed to run");
    }
    let bad = failed > 0 || (options.enforce && missed > 0);
    Ok(if bad {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
