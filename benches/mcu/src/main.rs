//! Tells what firmware measured on a microcontroller that QEMU plays: `cargo xtask bench mcu` builds the firmware, runs
//! it, and starts this program with what the runs said.
//!
//! Instructions, not seconds: they repeat exactly. Only the first board is held to the budgets.

#![forbid(unsafe_code)]

mod figures;
mod flash;
mod said;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use pico_args::Arguments;
use thimble_bench_report::{Budgets, print};

use crate::flash::Flash;
use crate::said::Said;

/// The board whose numbers are promised.
const PROMISED: &str = "mps2-an386";

/// What was asked for.
struct Options {
    board: String,
    smoke: bool,
    json: bool,
    enforce: bool,
}

fn main() -> ExitCode {
    match run(Arguments::from_env()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(mut arguments: Arguments) -> Result<ExitCode> {
    let options = Options {
        board: arguments.value_from_str("--board")?,
        smoke: arguments.contains("--smoke"),
        json: arguments.contains("--json"),
        enforce: arguments.contains("--enforce"),
    };
    let said: Vec<PathBuf> = arguments.values_from_str("--said")?;
    let said = said
        .iter()
        .map(|path| Said::read(path))
        .collect::<Result<Vec<Said>>>()?;
    let flash = Flash::read(&mut arguments)?;
    if !options.json {
        figures::print_kernels(&options.board, &said);
    }
    let mut outcomes = figures::outcomes(&said, &flash)?;
    if options.smoke || options.board != PROMISED {
        outcomes
            .iter_mut()
            .for_each(|outcome| outcome.budget = None);
    }
    let name = format!("mcu {}", options.board);
    let about = "engines on a microcontroller";
    let missed = print((&name, about), &outcomes, &Budgets::read()?, options.json)?;
    Ok(match options.enforce && missed > 0 {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}
