//! `cargo xtask firmware build` and `cargo xtask qemu`: the firmware that a device runs.
//!
//! It lies in `<target>/firmware/<board>/device`; the flash of a board that QEMU plays is a file beside it.

mod emulator;
mod guest;
mod sim;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result};
use object::{Object as _, ObjectSection as _, SectionFlags, elf};
use pico_args::Arguments;

pub(crate) use self::emulator::qemu;
pub(crate) use self::guest::{run as run_guest, split as split_guest};
pub(crate) use self::sim::run as simulate;

use crate::process;
use crate::setup::{self, Need, Peer};
use crate::workspace::Workspace;

/// A board with firmware of its own.
pub(crate) struct Device {
    /// The board's name, and that of its package behind `firmware-`.
    name: &'static str,
    /// Rust's name for its processor.
    triple: &'static str,
    /// Who plays it, if anybody does.
    emulator: Option<Emulator>,
}

/// A board that QEMU plays.
struct Emulator {
    qemu: &'static Peer,
    /// QEMU's name for it.
    machine: &'static str,
    flash: FlashFile,
}

/// How a board reaches the file behind its flash.
enum FlashFile {
    /// The firmware opens it.
    Semihosting,
    /// It is a chip of QEMU's.
    Chip,
}

/// All of them; the first ones are QEMU's.
const DEVICES: [Device; 5] = [
    Device {
        name: "mps2-an386",
        triple: setup::BARE_TARGETS[0],
        emulator: Some(Emulator {
            qemu: &setup::QEMU_ARM,
            machine: "mps2-an386",
            flash: FlashFile::Semihosting,
        }),
    },
    Device {
        name: "mps2-an505",
        triple: setup::CORTEX_M33,
        emulator: Some(Emulator {
            qemu: &setup::QEMU_ARM,
            machine: "mps2-an505",
            flash: FlashFile::Semihosting,
        }),
    },
    Device {
        name: "rv32",
        triple: setup::BARE_TARGETS[1],
        emulator: Some(Emulator {
            qemu: &setup::QEMU_RISCV,
            machine: "virt",
            flash: FlashFile::Chip,
        }),
    },
    Device {
        name: "nrf52840-dk",
        triple: setup::BARE_TARGETS[0],
        emulator: None,
    },
    Device {
        name: "pico2",
        triple: setup::CORTEX_M33,
        emulator: None,
    },
];

impl Device {
    /// The device of a name.
    ///
    /// # Errors
    /// Names those that there are.
    fn named(name: &str) -> Result<&'static Self> {
        const ALL: &[Device] = &DEVICES;
        ALL.iter()
            .find(|device| device.name == name)
            .with_context(|| {
                let names: Vec<&str> = ALL.iter().map(|device| device.name).collect();
                format!("there is no board `{name}`; there are {}", names.join(", "))
            })
    }

    /// Builds the firmware of all of them.
    pub(crate) fn build_all(workspace: &Workspace) -> Result<()> {
        const ALL: &[Device] = &DEVICES;
        ALL.iter()
            .try_for_each(|device| device.build(workspace).map(drop))
    }

    /// The devices that arguments ask for with `--board NAME`, or all.
    pub(crate) fn chosen(arguments: &mut Arguments) -> Result<Vec<&'static Self>> {
        const ALL: &[Device] = &DEVICES;
        let names: Vec<String> = arguments.values_from_str("--board")?;
        if names.is_empty() {
            return Ok(ALL.iter().collect());
        }
        names.iter().map(|name| Self::named(name)).collect()
    }

    fn folder(&self, workspace: &Workspace) -> PathBuf {
        workspace.target.join("firmware").join(self.name)
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// QEMU's name for it, if QEMU plays it.
    pub(super) fn machine(&self) -> Option<&'static str> {
        Some(self.emulator.as_ref()?.machine)
    }

    /// Whether its firmware can be built in other ways than the usual one.
    pub(super) fn has_features(&self) -> bool {
        self.emulator.is_some()
    }

    /// Builds its firmware as devices run it, and says how large it is.
    pub(crate) fn build(&self, workspace: &Workspace) -> Result<PathBuf> {
        self.build_as(workspace, Variant::Usual)
    }

    /// Builds its firmware in some way.
    pub(super) fn build_as(&self, workspace: &Workspace, variant: Variant) -> Result<PathBuf> {
        let mut needs = vec![Need::Rust(self.triple)];
        needs.extend(
            self.emulator
                .as_ref()
                .map(|emulator| Need::Peer(emulator.qemu)),
        );
        let toolbox = setup::prepare(workspace, &needs)?;
        let package = format!("firmware-{}", self.name);
        let mut command = toolbox.rust(self.triple)?.cargo(workspace, "build");
        command
            .args(["--profile", "device", "--quiet"])
            .arg("--message-format=json-render-diagnostics")
            .arg("--manifest-path")
            .arg(workspace.root.join("firmware/Cargo.toml"))
            .args(["--package", &package])
            .args(variant.arguments());
        let messages = process::capture(command.stderr(Stdio::inherit()))?;
        let made = process::executable(&messages)
            .with_context(|| format!("{package} gives no program"))?;
        let folder = self.folder(workspace);
        fs::create_dir_all(&folder)?;
        let to = folder.join(variant.name());
        fs::copy(&made, &to).with_context(|| format!("cannot copy {}", made.display()))?;
        let Size { flash, ram } = Size::of(&to)?;
        println!(
            "{}: {flash} bytes of flash, {ram} of RAM before the heap",
            workspace.short(&to)
        );
        Ok(to)
    }
}

/// A way to build a device's firmware.
#[derive(Clone, Copy)]
pub(super) enum Variant {
    /// As devices run it.
    Usual,
    /// Without sockets.
    Plain,
    /// Without sockets, and it says after how many instructions things happen.
    Marks,
}

impl Variant {
    const fn name(self) -> &'static str {
        match self {
            Self::Usual => "device",
            Self::Plain => "device-plain",
            Self::Marks => "device-marks",
        }
    }

    const fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Usual => &[],
            Self::Plain => &["--no-default-features"],
            Self::Marks => &["--no-default-features", "--features", "marks"],
        }
    }
}

/// What a firmware takes.
struct Size {
    /// Code and data, as they lie in flash.
    flash: u64,
    /// Stacks and data. What is left of the RAM is the heap.
    ram: u64,
}

impl Size {
    fn of(program: &Path) -> Result<Self> {
        let bytes = fs::read(program)?;
        let file = object::File::parse(&*bytes)
            .with_context(|| format!("{} is no object file", program.display()))?;
        let (mut flash, mut ram) = (0, 0);
        for section in file.sections() {
            let SectionFlags::Elf { sh_flags, .. } = section.flags() else {
                continue;
            };
            if sh_flags & u64::from(elf::SHF_ALLOC) == 0 {
                continue;
            }
            // A section that is all zeros, or nothing yet, lies in no file.
            if section.file_range().is_some() {
                flash += section.size();
            }
            if sh_flags & u64::from(elf::SHF_WRITE) != 0 || section.file_range().is_none() {
                ram += section.size();
            }
        }
        Ok(Self { flash, ram })
    }
}
