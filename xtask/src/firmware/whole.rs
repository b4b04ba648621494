//! `cargo xtask bench device`: builds the firmware of each board, and starts the program that measures it from outside.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};
use pico_args::Arguments;

use super::device::{Device, Variant};
use super::{Board, Firmware};
use crate::guests::{self, WithoutGo};
use crate::process;
use crate::workspace::Workspace;

/// The package that measures.
const MEASURE: &str = "thimble-tests-boards";

/// Guests that are run on the boards.
const GUESTS: [&str; 6] = [
    "blinky-ocre",
    "blinky-rust",
    "publisher-ocre",
    "publisher-rust",
    "subscriber-ocre",
    "subscriber-rust",
];

/// What was asked for.
#[derive(Default)]
struct Wish {
    /// For the program that measures.
    options: Vec<&'static str>,
    figures: Vec<String>,
    /// The tests have just built the program that measures: Cargo, asked for one package, would build most of it again.
    is_built: bool,
    /// Without the firmware that tells what the runtime alone takes of flash.
    is_alone: bool,
}

impl Wish {
    fn is_smoke(&self) -> bool {
        self.options.contains(&"--smoke")
    }
}

/// Measures with these arguments, which follow `bench device`.
pub(crate) fn measure_devices(workspace: &Workspace, arguments: &[OsString]) -> Result<()> {
    let arguments = Arguments::from_vec(arguments.to_vec());
    carry_out(workspace, arguments, Wish::default())
}

/// What a test runs: one board, everything tiny, and what it promises.
pub(crate) fn smoke_device(workspace: &Workspace) -> Result<()> {
    let arguments = Arguments::from_vec(vec!["--smoke".into(), "--enforce".into()]);
    let wish = Wish {
        is_built: true,
        ..Wish::default()
    };
    carry_out(workspace, arguments, wish)
}

fn carry_out(workspace: &Workspace, mut arguments: Arguments, mut wish: Wish) -> Result<()> {
    let mut devices = Device::chosen(&mut arguments)?;
    for option in ["--smoke", "--json", "--enforce"] {
        if arguments.contains(option) {
            wish.options.push(option);
        }
    }
    if wish.is_smoke() {
        wish.is_alone = true;
        devices.truncate(1);
    }
    wish.is_alone |= arguments.contains("--alone");
    for word in arguments.finish() {
        match word.into_string() {
            Ok(figure) if !figure.starts_with('-') => wish.figures.push(figure),
            word => bail!("unknown option {word:?}; see `cargo xtask help`"),
        }
    }
    guests::build(workspace, &GUESTS.map(str::to_owned), WithoutGo::Skip)?;
    devices
        .into_iter()
        .try_for_each(|device| measure(workspace, device, &wish))
}

fn measure(workspace: &Workspace, device: &Device, wish: &Wish) -> Result<()> {
    let mut programs: Vec<(&str, PathBuf)> = Vec::new();
    if wish.is_smoke() {
        programs.push(("--plain", device.build_as(workspace, Variant::Plain)?));
    } else if device.has_features() {
        let network = device.build(workspace)?;
        let plain = device.build_as(workspace, Variant::Plain)?;
        let marks = device.build_as(workspace, Variant::Marks)?;
        programs.extend([
            ("--network", network),
            ("--plain", plain),
            ("--marks", marks),
        ]);
    } else {
        programs.push(("--plain", device.build(workspace)?));
    }
    if let Some(board) = device.board().filter(|_| !wish.is_alone) {
        let [empty, ..] = Firmware::FLASH;
        super::build(workspace, board, &[empty, Firmware::HOST])?;
        let folder = board.folder(workspace);
        programs.push(("--empty", folder.join(empty.name)));
        programs.push(("--host", folder.join(Firmware::HOST.name)));
    }
    let mut command = match wish.is_built {
        true => Command::new(workspace.target.join("debug").join(MEASURE)),
        false => {
            let mut command = workspace.cargo("run");
            command.args(["--quiet", "--package", MEASURE, "--bin", MEASURE, "--"]);
            command
        }
    };
    command
        .arg("measure")
        .args(["--board", device.name()])
        .args(&wish.options);
    for (option, program) in programs {
        command.arg(option).arg(program);
    }
    process::run(command.args(&wish.figures))
}

impl Device {
    /// The same board among those on which engines are measured.
    fn board(&self) -> Option<&'static Board> {
        const BOARDS: &[Board] = &Board::ALL;
        let machine = self.machine()?;
        BOARDS.iter().find(|board| board.name == machine)
    }
}
