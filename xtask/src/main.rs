//! `cargo xtask`: the one command for everything around the code.
//!
//! Owns the command line only; each command is a module. Never asks a question, so that it runs the same at a
//! desk and in CI, and says for every failure what is wrong, why it matters and what to do.

#![forbid(unsafe_code)]

mod bare;
mod demo;
mod firmware;
mod fleet;
mod generate;
mod guests;
mod launch;
mod layers;
mod licences;
mod lint;
mod loopback;
mod metadata;
mod process;
mod program;
mod report;
mod rust_target;
mod sanitize;
mod setup;
mod test;
mod workspace;

use std::process::ExitCode;

use anyhow::{Result, bail};
use pico_args::Arguments;

use crate::firmware::{Board, Device, Firmware};
use crate::guests::WithoutGo;
use crate::report::Report;
use crate::setup::Need;
use crate::workspace::Workspace;

const HELP: &str = "\
Everything around Thimble's code. Run from anywhere in the repository.

Usage: cargo xtask <command>

  demo                     build Thimble, its hub and the examples, run each, and show it
  demo fleet               only a hub, three devices, and a rollout that fails
  build                    build the program `thimble` as it is shipped
  test                     everything that must pass: tests, layers, bare, gen, smoke runs
  ci                       lint, sanitize and test
  lint                     rustfmt, clippy, licences
  sanitize                 the crates with unsafe code under AddressSanitizer
  setup                    find what the project needs, and install what is missing
  guests [NAME...]         build the guests into <target>/guests
  bare                     build the core crates without std for microcontrollers
  layers                   check which crate may depend on which
  gen [--check]            write the generated files (spec/), or check that they are up to date
  bench [--smoke] [ARG...] measure against benches/budgets.toml
  bench mcu [--smoke] [--board NAME] [KERNEL...]
                           measure the engines on microcontrollers that QEMU plays
  bench device [--smoke] [--alone] [--board NAME] [FIGURE...]
                           measure whole devices that QEMU plays
  bench fleet [--smoke] [--json] [FIGURE...]
                           measure what a hub and its rollouts take
  firmware [--board NAME]  build the firmware that measures, into <target>/firmware
  firmware build [--board NAME]
                           build the firmware that devices run
  qemu BOARD [--allow GRANT] [-e NAME=VALUE] [--ram 512K] [--pack] --run FILE [ARG...]
                           run a guest on a board that QEMU plays, as a container, and end as it ends
  qemu BOARD [--flash FILE] [--ram 32K] [--icount] [--serial unix:PATH] [NAME=VALUE...]
                           run a board's firmware in QEMU, with this terminal as its console
  sim mcu [--board NAME] [--cuts N] [--hours N] [--seed N]
                           cut a board's power 1,000 times, and let 72 hours of its time pass
  sim fleet [--full] [--seeds N] [--first N] [--devices N] [--hours N] [--jobs N] [--seed N [--device N]] [--script FILE]
                           play fleets of real agents and rollouts, in which everything between them fails: 40 of 2,000 devices,
                           or 1,000 of 10,000 with --full, which --first N goes on with
  suite mcu [--board NAME] run the official WebAssembly test suite on those
  fuzz [--smoke] [TARGET] [--seconds N]
                           feed the decoders what nobody would send
  help                     this text

Environment:
  CARGO_TARGET_DIR         where everything is built (default: target)
  WASI_SDK_PATH            a wasi-sdk to compile C guests with (default: /opt/wasi-sdk, then Debian's clang-19)
  THIMBLE_PROGRAM, THIMBLE_HUB_PROGRAM
                           programs that `demo` shows, instead of building them
  THIMBLE_RUST_TARGETS     `rustup` or `debian`: insist on one way to build for other targets
";

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
    let command = arguments.subcommand()?.unwrap_or_else(|| "help".to_owned());
    let workspace = Workspace::locate()?;
    match command.as_str() {
        // Programs of their own, with options of their own.
        "bench" => {
            let arguments = arguments.finish();
            match arguments.split_first() {
                Some((first, rest)) if first == "mcu" => firmware::measure(&workspace, rest)?,
                Some((first, rest)) if first == "device" => {
                    firmware::measure_devices(&workspace, rest)?;
                }
                Some((first, rest)) if first == "fleet" => fleet::measure(&workspace, rest)?,
                _ => launch::bench(&workspace, &arguments)?,
            }
        }
        "fuzz" => launch::fuzz(&workspace, &arguments.finish())?,
        _ if arguments.contains(["-h", "--help"]) => print!("{HELP}"),
        "firmware" => build_firmware(&workspace, arguments)?,
        "qemu" => {
            let arguments = arguments.finish();
            match firmware::split_guest(&arguments) {
                Some((options, guest)) => match firmware::run_guest(&workspace, options, guest)? {},
                None => match firmware::qemu(&workspace, Arguments::from_vec(arguments))? {},
            }
        }
        "sim" => match arguments.subcommand()?.as_deref() {
            Some("mcu") => firmware::simulate(&workspace, arguments)?,
            Some("fleet") => launch::fleet(&workspace, &arguments.finish())?,
            _ => bail!(
                "`sim` plays microcontrollers and fleets: `cargo xtask sim mcu`, `cargo xtask sim fleet`"
            ),
        },
        "suite" => {
            let boards = Board::chosen(&mut arguments)?;
            match arguments.subcommand()?.as_deref() {
                Some("mcu") => no_more(arguments)?,
                _ => bail!("`suite` runs on microcontrollers: `cargo xtask suite mcu`"),
            }
            firmware::replay(&workspace, &boards)?;
        }
        "demo" => match arguments.subcommand()?.as_deref() {
            None => {
                no_more(arguments)?;
                demo::run(&workspace)?;
            }
            Some("fleet") => {
                no_more(arguments)?;
                demo::run_fleet(&workspace)?;
            }
            Some(other) => bail!("`demo` knows `fleet`, and not `{other}`"),
        },
        "guests" => {
            let names = free_arguments(arguments)?;
            guests::build(&workspace, &names, WithoutGo::Skip)?;
        }
        "gen" => {
            let mode = match arguments.contains("--check") {
                true => generate::Mode::Check,
                false => generate::Mode::Write,
            };
            no_more(arguments)?;
            generate::run(&workspace, mode)?;
        }
        _ => {
            no_more(arguments)?;
            return run_plain(&command, &workspace);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Builds the firmware that measures, or, with `build`, the one that devices run.
fn build_firmware(workspace: &Workspace, mut arguments: Arguments) -> Result<()> {
    match arguments.subcommand()?.as_deref() {
        Some("build") => {
            let devices = Device::chosen(&mut arguments)?;
            no_more(arguments)?;
            for device in devices {
                device.build(workspace)?;
            }
        }
        Some(unknown) => bail!("`firmware` knows `build`, and not `{unknown}`"),
        None => {
            let boards = Board::chosen(&mut arguments)?;
            no_more(arguments)?;
            for board in boards {
                firmware::build(workspace, board, &[Firmware::BENCH])?;
            }
        }
    }
    Ok(())
}

/// Runs a command that takes no arguments.
fn run_plain(command: &str, workspace: &Workspace) -> Result<ExitCode> {
    let mut report = Report::default();
    match command {
        "help" => print!("{HELP}"),
        "setup" => setup::prepare(workspace, Need::ALL).map(drop)?,
        "bare" => bare::build(workspace)?,
        "layers" => layers::check(workspace)?,
        "sanitize" => sanitize::run(workspace)?,
        "build" => println!("{}", program::build(workspace)?.display()),
        "lint" => {
            lint::run(workspace, &mut report);
            return Ok(report.finish());
        }
        "test" => {
            test::run(workspace, &mut report);
            return Ok(report.finish_with_summary());
        }
        "ci" => return Ok(ci(workspace, report)),
        unknown => {
            eprintln!("{HELP}");
            bail!("there is no command `{unknown}`; the commands are listed above");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Everything a change must pass, in one run; the tests come last because they end with the summary.
fn ci(workspace: &Workspace, mut report: Report) -> ExitCode {
    lint::run(workspace, &mut report);
    report.step("sanitize", || sanitize::run(workspace));
    test::run(workspace, &mut report);
    report.finish_with_summary()
}

fn no_more(arguments: Arguments) -> Result<()> {
    match arguments.finish().first() {
        None => Ok(()),
        Some(extra) => bail!(
            "unexpected argument `{}`; see `cargo xtask help`",
            extra.display()
        ),
    }
}

fn free_arguments(arguments: Arguments) -> Result<Vec<String>> {
    arguments
        .finish()
        .into_iter()
        .map(|argument| match argument.into_string() {
            Ok(text) if !text.starts_with('-') => Ok(text),
            Ok(text) => bail!("unknown option `{text}`; see `cargo xtask help`"),
            Err(raw) => bail!("`{}` is not UTF-8; names are", raw.display()),
        })
        .collect()
}
