//! `cargo xtask bench mcu`: builds what measures, runs it, and starts the program that tells what came of it.

use std::ffi::OsString;

use anyhow::{Result, bail};
use pico_args::Arguments;

use super::{Board, Firmware, suite};
use crate::process;
use crate::workspace::Workspace;

/// The package that judges.
const JUDGE: &str = "thimble-bench-mcu";

/// What was asked for.
struct Wish {
    boards: Vec<&'static Board>,
    firmware: Vec<Firmware>,
    /// For the firmware: `smoke`, and names of kernels.
    words: Vec<String>,
    /// For the judge.
    options: Vec<&'static str>,
}

/// Measures with these arguments, which follow `bench mcu`.
pub(crate) fn measure(workspace: &Workspace, arguments: &[OsString]) -> Result<()> {
    let wish = parse(arguments)?;
    for board in &wish.boards {
        super::build(workspace, board, &wish.firmware)?;
    }
    for board in &wish.boards {
        let mut judge = workspace.cargo("run");
        judge
            .args(["--quiet", "--package", JUDGE, "--"])
            .args(&wish.options)
            .args(["--board", board.name]);
        for firmware in &wish.firmware {
            match firmware.is_run() {
                true => {
                    let said = super::run(workspace, board, firmware, &wish.words)?;
                    judge.arg("--said").arg(said);
                }
                false => {
                    let program = board.folder(workspace).join(firmware.name);
                    judge.arg(format!("--{}", firmware.name)).arg(program);
                }
            }
        }
        process::run(&mut judge)?;
    }
    Ok(())
}

/// What a test runs: the official suite, as the engine's own test recorded it, on every board, and one kernel on the first.
pub(crate) fn smoke(workspace: &Workspace) -> Result<()> {
    let [first, ..] = &Board::ALL;
    for board in &Board::ALL {
        suite::execute(workspace, board)?;
    }
    super::build(workspace, first, &[Firmware::BENCH])?;
    let said = super::run(workspace, first, &Firmware::BENCH, &["smoke".to_owned()])?;
    println!("{}: as natively", workspace.short(&said));
    Ok(())
}

fn parse(arguments: &[OsString]) -> Result<Wish> {
    let mut arguments = Arguments::from_vec(arguments.to_vec());
    let boards = Board::chosen(&mut arguments)?;
    let mut words = Vec::new();
    let mut options = Vec::new();
    if arguments.contains("--smoke") {
        words.push("smoke".to_owned());
        options.push("--smoke");
    }
    for option in ["--json", "--enforce"] {
        if arguments.contains(option) {
            options.push(option);
        }
    }
    let is_alone = arguments.contains("--alone");
    for word in arguments.finish() {
        match word.into_string() {
            Ok(kernel) if !kernel.starts_with('-') => words.push(kernel),
            word => bail!("unknown option {word:?}; see `cargo xtask help`"),
        }
    }
    let mut firmware = vec![Firmware::BENCH];
    if !is_alone {
        firmware.push(Firmware::BENCH_UNMETERED);
        firmware.push(Firmware::BENCH_WASMI);
        firmware.extend(Firmware::FLASH);
    }
    Ok(Wish {
        boards,
        firmware,
        words,
        options,
    })
}
