//! Firmware for microcontrollers that QEMU plays: building it, and running it.
//!
//! `firmware/` is a workspace of its own. What is built lies in `<target>/firmware/<board>/<package>`, and what a run
//! said beside it, with `.txt`.

mod device;
mod guests;
mod measure;
mod suite;
mod whole;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use pico_args::Arguments;

use crate::process;
use crate::setup::{self, Need, Peer, Toolbox};
use crate::workspace::Workspace;

pub(crate) use self::device::{Device, qemu, run_guest, simulate, split_guest};
pub(crate) use self::measure::{measure, smoke};
pub(crate) use self::suite::replay;
pub(crate) use self::whole::{measure_devices, smoke_device};

/// A board.
pub(crate) struct Board {
    /// QEMU's name for it.
    pub(crate) name: &'static str,
    /// Rust's name for its processor.
    triple: &'static str,
    qemu: &'static Peer,
    /// What the board's own code is compiled with.
    c: &'static Peer,
    c_flags: &'static [&'static str],
}

impl Board {
    /// All of them; the first one is that of the budgets.
    pub(crate) const ALL: [Self; 3] = [
        Self {
            name: "mps2-an386",
            triple: setup::BARE_TARGETS[0],
            qemu: &setup::QEMU_ARM,
            c: &setup::GCC_ARM,
            c_flags: &[
                "-mcpu=cortex-m4",
                "-mthumb",
                "-mfloat-abi=hard",
                "-mfpu=fpv4-sp-d16",
            ],
        },
        Self {
            name: "mps2-an505",
            triple: setup::CORTEX_M33,
            qemu: &setup::QEMU_ARM,
            c: &setup::GCC_ARM,
            c_flags: &[
                "-mcpu=cortex-m33",
                "-mthumb",
                "-mfloat-abi=hard",
                "-mfpu=fpv5-sp-d16",
            ],
        },
        Self {
            name: "virt",
            triple: setup::BARE_TARGETS[1],
            qemu: &setup::QEMU_RISCV,
            c: &setup::GCC_RISCV,
            c_flags: &["-march=rv32imac", "-mabi=ilp32"],
        },
    ];

    /// The board of a name.
    ///
    /// # Errors
    /// Names those that there are.
    fn named(name: &str) -> Result<&'static Self> {
        const BOARDS: &[Board] = &Board::ALL;
        BOARDS
            .iter()
            .find(|board| board.name == name)
            .with_context(|| {
                let names: Vec<&str> = BOARDS.iter().map(|board| board.name).collect();
                format!("there is no board `{name}`; there are {}", names.join(", "))
            })
    }

    /// The boards that arguments ask for with `--board NAME`, or all.
    pub(crate) fn chosen(arguments: &mut Arguments) -> Result<Vec<&'static Self>> {
        const BOARDS: &[Board] = &Board::ALL;
        let names: Vec<String> = arguments.values_from_str("--board")?;
        if names.is_empty() {
            return Ok(BOARDS.iter().collect());
        }
        names.iter().map(|name| Self::named(name)).collect()
    }

    fn needs(&self) -> [Need; 4] {
        [
            Need::WasmC,
            Need::Rust(self.triple),
            Need::Peer(self.qemu),
            Need::Peer(self.c),
        ]
    }

    /// Where its firmware is put.
    pub(crate) fn folder(&self, workspace: &Workspace) -> PathBuf {
        workspace.target.join("firmware").join(self.name)
    }
}

/// A firmware: a package, with features or without.
#[derive(Clone, Copy)]
pub(crate) struct Firmware {
    /// Its name among what is built.
    pub(crate) name: &'static str,
    package: &'static str,
    features: &'static [&'static str],
}

impl Firmware {
    const fn of(
        name: &'static str,
        package: &'static str,
        features: &'static [&'static str],
    ) -> Self {
        Self {
            name,
            package,
            features,
        }
    }

    /// Measures the engine that runs in place.
    pub(crate) const BENCH: Self = Self::of("bench", "firmware-bench", &[]);
    /// The same without fuel.
    pub(crate) const BENCH_UNMETERED: Self =
        Self::of("bench-unmetered", "firmware-bench", &["unmetered"]);
    /// Measures wasmi.
    pub(crate) const BENCH_WASMI: Self = Self::of("bench-wasmi", "firmware-bench-wasmi", &[]);
    /// Runs the official test suite, twice.
    pub(crate) const SUITE: Self = Self::of("suite", "firmware-suite", &[]);
    /// Everything that containers need but drivers.
    pub(crate) const HOST: Self = Self::of("host", "firmware-host", &[]);
    /// What there is without an engine, and with one, to see how much flash that needs.
    pub(crate) const FLASH: [Self; 3] = [
        Self::of("flash-empty", "firmware-flash", &[]),
        Self::of("flash-inplace", "firmware-flash", &["inplace"]),
        Self::of("flash-wasmi", "firmware-flash", &["wasmi"]),
    ];

    /// Whether it is run, else only looked at.
    fn is_run(&self) -> bool {
        Self::FLASH.iter().all(|flash| flash.name != self.name)
    }
}

/// Builds firmware for a board, with the guests that it carries.
pub(crate) fn build(workspace: &Workspace, board: &Board, firmware: &[Firmware]) -> Result<()> {
    let toolbox = setup::prepare(workspace, &board.needs())?;
    let guests = guests::build(workspace, &toolbox, board)?;
    for firmware in firmware {
        let made = compile(workspace, &toolbox, board, firmware, &guests)?;
        let folder = board.folder(workspace);
        fs::create_dir_all(&folder)?;
        let to = folder.join(firmware.name);
        fs::copy(&made, &to).with_context(|| format!("cannot copy {}", made.display()))?;
        println!("{}", workspace.short(&to));
    }
    Ok(())
}

fn compile(
    workspace: &Workspace,
    toolbox: &Toolbox,
    board: &Board,
    firmware: &Firmware,
    guests: &Path,
) -> Result<PathBuf> {
    let mut command = toolbox.rust(board.triple)?.cargo(workspace, "build");
    command
        .env(guests::FOLDER, guests)
        .env(suite::STREAM, suite::stream(workspace))
        .args([
            "--release",
            "--quiet",
            "--message-format=json-render-diagnostics",
        ])
        .arg("--manifest-path")
        .arg(workspace.root.join("firmware/Cargo.toml"))
        .args(["--package", firmware.package]);
    if !firmware.features.is_empty() {
        command.args(["--features", &firmware.features.join(",")]);
    }
    let messages = process::capture(command.stderr(Stdio::inherit()))?;
    process::executable(&messages).with_context(|| format!("{} gives no program", firmware.package))
}

/// Runs firmware to its end with these words. What it says goes to our output as it comes, or into a file.
pub(crate) fn run(
    workspace: &Workspace,
    board: &Board,
    firmware: &Firmware,
    words: &[String],
) -> Result<PathBuf> {
    let program = board.folder(workspace).join(firmware.name);
    let output = program.with_extension("txt");
    let mut command = Command::new(board.qemu.name);
    command.args(["-machine", board.name]);
    if board.name == "virt" {
        command.args(["-bios", "none"]);
    }
    let semihosting: String = ["enable=on,target=native,chardev=out".to_owned()]
        .into_iter()
        .chain([format!(",arg={}", firmware.name)])
        .chain(words.iter().map(|word| format!(",arg={word}")))
        .collect();
    if firmware.name != Firmware::SUITE.name {
        // One nanosecond of the board's time for each instruction: slow, and only for what counts them.
        command.args(["-icount", "shift=0"]);
    }
    command
        .args(["-display", "none", "-monitor", "none", "-serial", "none"])
        .arg("-chardev")
        .arg(format!("file,id=out,path={}", output.display()))
        .args(["-semihosting-config", &semihosting])
        .arg("-kernel")
        .arg(&program);
    if process::run(&mut command).is_err() {
        let said = fs::read_to_string(&output).unwrap_or_default();
        bail!(
            "{} failed on {}; it said:\n{said}",
            firmware.name,
            board.name
        );
    }
    Ok(output)
}
