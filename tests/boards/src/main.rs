//! Runs a guest on a board that QEMU plays, as a container, and ends with its exit code; or measures the board.
//!
//! `cargo xtask qemu BOARD --run FILE [ARG…]` and `cargo xtask bench device` start this.

mod measure;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use pico_args::Arguments;
use thimble_serial::Declaration;
use thimble_tests_boards::sim::cuts::{Plan, Tally};
use thimble_tests_boards::{Board, Packed, Rig, Setup, sim};

const HELP: &str = "\
Boards that QEMU plays: runs guests on them, and lets time pass and power go.

Usage: thimble-tests-boards run --board BOARD [--ram SIZE] [--allow GRANT]... [-e NAME=VALUE]... [--stack BYTES]
           [--memory BYTES] [--pack] FILE [ARG]...
       thimble-tests-boards measure --board BOARD --plain FIRMWARE [--marks FIRMWARE] [--network FIRMWARE]
           [--host FIRMWARE --empty FIRMWARE] [--smoke] [--enforce] [--json] [FIGURE]...
       thimble-tests-boards cuts [--board BOARD] [--count N] [--seed N] [--evidence FOLDER]
                  cuts power so many times (1000), and looks whether anything is lost
       thimble-tests-boards hours [--board BOARD] [--hours N] [--seed N]
                  lets so many hours (72) of a board's time pass, with load and faults
";

fn main() -> ExitCode {
    match dispatch() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch() -> Result<ExitCode> {
    let mut arguments = Arguments::from_env();
    match arguments.subcommand()?.as_deref() {
        Some("run") => run(arguments),
        Some("measure") => measure::run(arguments),
        Some("cuts") => cuts(arguments),
        Some("hours") => hours(arguments),
        _ => {
            print!("{HELP}");
            Ok(ExitCode::FAILURE)
        }
    }
}

/// The board of `--board`.
fn chosen(arguments: &mut Arguments) -> Result<Option<Board>> {
    let name: Option<String> = arguments.opt_value_from_str("--board")?;
    let Some(name) = name else { return Ok(None) };
    let board = Board::ALL.into_iter().find(|board| board.name() == name);
    board
        .with_context(|| format!("QEMU plays no board `{name}`"))
        .map(Some)
}

fn no_more(arguments: Arguments) -> Result<()> {
    match arguments.finish().first() {
        None => Ok(()),
        Some(extra) => bail!("unexpected argument `{}`", extra.display()),
    }
}

/// How many boards run at a time.
const JOBS: u32 = 2;
/// Cuts between two words of progress.
const CUTS_TOLD: u32 = 50;

fn cuts(mut arguments: Arguments) -> Result<ExitCode> {
    let board = chosen(&mut arguments)?.unwrap_or(Board::M4f);
    let count: u32 = arguments.opt_value_from_str("--count")?.unwrap_or(1000);
    let seed: u64 = arguments.opt_value_from_str("--seed")?.unwrap_or(1);
    let evidence: Option<PathBuf> = arguments.opt_value_from_str("--evidence")?;
    no_more(arguments)?;
    let plans = (0..JOBS).map(|job| Plan {
        board,
        count: count / JOBS + u32::from(job < count % JOBS),
        seed: seed.wrapping_add(u64::from(job) << 32),
        evidence: evidence.clone(),
    });
    let runs: Vec<_> = plans
        .map(|plan| {
            std::thread::spawn(move || {
                let mut told = 0;
                sim::cuts::run(&plan, &mut |tally| {
                    if tally.cuts / CUTS_TOLD > told {
                        told = tally.cuts / CUTS_TOLD;
                        println!("seed {}: {} of {} cuts", plan.seed, tally.cuts, plan.count);
                    }
                })
            })
        })
        .collect();
    let mut sum = Tally::default();
    for run in runs {
        match run.join() {
            Ok(tally) => sum.add(&tally?),
            Err(_) => bail!("a simulation has failed"),
        }
    }
    println!("{}, seed {seed}: {sum}", board.name());
    Ok(ExitCode::SUCCESS)
}

fn hours(mut arguments: Arguments) -> Result<ExitCode> {
    let plan = sim::hours::Plan {
        board: chosen(&mut arguments)?.unwrap_or(Board::M4f),
        hours: arguments.opt_value_from_str("--hours")?.unwrap_or(72),
        seed: arguments.opt_value_from_str("--seed")?.unwrap_or(1),
    };
    no_more(arguments)?;
    let began = Instant::now();
    println!("{}", sim::hours::Row::HEAD);
    let counts = sim::hours::run(&plan, &mut |row| println!("{row}"))?;
    println!(
        "{}, seed {}: {} hours in {} s; {counts}",
        plan.board.name(),
        plan.seed,
        plan.hours,
        began.elapsed().as_secs()
    );
    Ok(ExitCode::SUCCESS)
}

fn run(mut arguments: Arguments) -> Result<ExitCode> {
    let board = chosen(&mut arguments)?.context("which board? name one with --board")?;
    let mut setup = Setup::default();
    if let Some(ram) = arguments.opt_value_from_str("--ram")? {
        setup.ram = ram;
    }
    let pack = arguments.contains("--pack");
    let mut declaration = Declaration {
        name: "guest".to_owned(),
        grants: arguments.values_from_str("--allow")?,
        env: arguments.values_from_str("-e")?,
        ..Declaration::default()
    };
    declaration.limits.stack_bytes =
        Some(arguments.opt_value_from_str("--stack")?.unwrap_or(16 << 10));
    declaration.limits.memory_bytes =
        Some(arguments.opt_value_from_str("--memory")?.unwrap_or(2 << 20));
    let mut words = arguments.finish().into_iter();
    let file = PathBuf::from(words.next().context("which guest? name a .wasm file")?);
    let mut args = Vec::new();
    for word in words {
        match word.into_string() {
            Ok(word) => args.push(word),
            Err(word) => bail!("{word:?} is not UTF-8"),
        }
    }
    declaration.args = Some(args);
    let packed = Packed::of_file(&file, pack)?;
    let mut rig = Rig::start(board, setup)?;
    declaration.image = rig.install(&packed, "guest:1")?;
    let outcome = rig.run(declaration)?;
    print!("{}", outcome.output);
    eprint!("{}", outcome.errors);
    for line in &outcome.told {
        eprintln!("{line}");
    }
    if let Some(end) = outcome.status.end.as_ref().filter(|end| end.exit_code != 0) {
        eprintln!("{}", end.reason);
    }
    let code = u8::try_from(outcome.code()).unwrap_or(u8::MAX);
    Ok(ExitCode::from(code))
}
