//! Measures whole devices: the firmware on a board that QEMU plays, from outside.
//!
//! `cargo xtask bench device` builds the firmware and starts this. Numbers are instructions, bytes, and the board's own
//! time, so that they repeat.

mod elf;
mod flash;
mod guests;
mod instructions;
mod isolation;
mod line;
mod marks;
mod memory;
mod passing;
mod smallest;
mod wakes;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use pico_args::Arguments;
use thimble_bench_report::{Budgets, Outcome, print, print_failure};
use thimble_tests_boards::{Board as Machine, Rig, Setup, Time};

use self::flash::Programs;

const KIB: f64 = 1024.0;

/// A board that is measured, with its firmware.
struct Board {
    machine: Machine,
    /// The firmware that is run: without sockets.
    plain: PathBuf,
    /// The same that says marks, if it was built.
    marks: Option<PathBuf>,
}

/// The budget of a number on a board.
fn key(board: &str, what: &str) -> String {
    format!("device_{}_{what}", board.replace('-', "_"))
}

impl Board {
    fn key(&self, what: &str) -> String {
        key(self.machine.name(), what)
    }

    /// Starts it with blank flash and so much RAM.
    fn start(&self, ram: &str, time: Time) -> Result<Rig> {
        let setup = Setup {
            firmware: Some(self.plain.clone()),
            ram: ram.to_owned(),
            time,
            ..Setup::default()
        };
        Ok(Rig::start(self.machine, setup)?)
    }

    /// The same with firmware that says marks.
    fn start_marks(&self) -> Result<Rig> {
        let setup = Setup {
            firmware: self.marks.clone(),
            ram: "256K".to_owned(),
            time: Time::Counted,
            ..Setup::default()
        };
        Ok(Rig::start(self.machine, setup)?)
    }
}

/// Measures a board, and prints what came of it.
pub(crate) fn run(mut arguments: Arguments) -> Result<ExitCode> {
    let name: String = arguments.value_from_str("--board")?;
    let is_smoke = arguments.contains("--smoke");
    let is_json = arguments.contains("--json");
    let is_enforced = arguments.contains("--enforce");
    let plain: PathBuf = arguments.value_from_str("--plain")?;
    let marks: Option<PathBuf> = arguments.opt_value_from_str("--marks")?;
    let programs = Programs::of(&mut arguments, plain.clone())?;
    let only: Vec<String> = arguments
        .finish()
        .into_iter()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let machine = Machine::ALL.into_iter().find(|board| board.name() == name);
    let board = machine.map(|machine| Board {
        machine,
        plain,
        marks,
    });
    let budgets = Budgets::read()?;
    let mut failed = 0;
    for (figure, about, measured) in figures(&programs, &name, board.as_ref(), is_smoke) {
        if !only.is_empty() && !only.iter().any(|wanted| wanted == figure) {
            continue;
        }
        let figure = format!("device {name} {figure}");
        match measured() {
            Ok(mut outcomes) => {
                for outcome in &mut outcomes {
                    // Not every board promises everything.
                    outcome.budget = outcome.budget.take().filter(|name| budgets.has(name));
                }
                failed += print((&figure, about), &outcomes, &budgets, is_json)?;
            }
            Err(error) => {
                print_failure(&figure, &error, is_json);
                failed += 1;
            }
        }
    }
    Ok(match failed > 0 && is_enforced {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}

type Figure<'a> = (
    &'static str,
    &'static str,
    Box<dyn FnOnce() -> Result<Vec<Outcome>> + 'a>,
);

fn figures<'a>(
    programs: &'a Programs,
    name: &'a str,
    board: Option<&'a Board>,
    is_smoke: bool,
) -> Vec<Figure<'a>> {
    let mut figures: Vec<Figure<'a>> = vec![(
        "flash",
        "bytes that are loaded",
        Box::new(|| programs.sizes(name)),
    )];
    let Some(board) = board else {
        return figures;
    };
    figures.push((
        "memory",
        "RAM, whole blocks of the heap",
        Box::new(move || {
            let mut outcomes = memory::idle(board)?;
            outcomes.extend(memory::containers(board, is_smoke)?);
            Ok(outcomes)
        }),
    ));
    figures.push((
        "smallest",
        "RAM in which three guests work",
        Box::new(move || match is_smoke {
            true => smallest::prove(board, &smallest::OURS).map(|()| Vec::new()),
            false => [smallest::OURS, smallest::OCRES]
                .iter()
                .map(|three| smallest::search(board, three))
                .collect(),
        }),
    ));
    if board.marks.is_some() {
        figures.push((
            "instructions",
            "from a request, or the reset, to its effect",
            Box::new(move || {
                let mut outcomes = instructions::boot(board)?;
                outcomes.extend(instructions::requests(board)?);
                Ok(outcomes)
            }),
        ));
    }
    figures.push((
        "wakes",
        "of a processor whose containers wait",
        Box::new(move || wakes::wakes(board)),
    ));
    figures.push((
        "isolation",
        "time of the board",
        Box::new(move || isolation::lateness(board, is_smoke)),
    ));
    figures.push((
        "line",
        "an image over the console",
        Box::new(move || line::install(board, is_smoke)),
    ));
    figures
}
