//! Runs a guest on a board that QEMU plays, as a container, and ends with its exit code; or measures the board.
//!
//! `cargo xtask qemu BOARD --run FILE [ARG…]` and `cargo xtask bench device` start this.

mod measure;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use pico_args::Arguments;
use thimble_serial::Declaration;
use thimble_tests_boards::{Board, Packed, Rig, Setup};

const HELP: &str = "\
Runs a guest on a board that QEMU plays.

Usage: thimble-tests-boards run --board BOARD [--ram SIZE] [--allow GRANT]... [-e NAME=VALUE]... [--stack BYTES]
           [--memory BYTES] [--pack] FILE [ARG]...
       thimble-tests-boards measure --board BOARD --plain FIRMWARE [--marks FIRMWARE] [--network FIRMWARE]
           [--host FIRMWARE --empty FIRMWARE] [--smoke] [--enforce] [--json] [FIGURE]...
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
        _ => {
            print!("{HELP}");
            Ok(ExitCode::FAILURE)
        }
    }
}

fn run(mut arguments: Arguments) -> Result<ExitCode> {
    let name: String = arguments.value_from_str("--board")?;
    let board = Board::ALL.into_iter().find(|board| board.name() == name);
    let board = board.with_context(|| format!("QEMU plays no board `{name}`"))?;
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
