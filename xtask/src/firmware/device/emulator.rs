//! Runs a board's firmware in QEMU, with this terminal as its console.

use std::convert::Infallible;
use std::fs::{self, OpenOptions};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use pico_args::Arguments;

use super::{Device, FlashFile};
use crate::process;
use crate::workspace::Workspace;

/// Bytes of the flash chip of QEMU's `virt`, which its file must have.
const CHIP_BYTES: u64 = 32 * 1024 * 1024;

/// How a board is to run.
struct Wish {
    device: &'static Device,
    flash: Option<PathBuf>,
    serial: Option<String>,
    is_counting: bool,
    /// For the firmware: `name=value`.
    words: Vec<String>,
}

/// Builds the firmware of the board that the arguments name, and becomes QEMU that runs it.
pub(crate) fn qemu(workspace: &Workspace, mut arguments: Arguments) -> Result<Infallible> {
    let wish = parse(&mut arguments)?;
    let program = wish.device.build(workspace)?;
    let flash = match &wish.flash {
        Some(path) => std::path::absolute(path)?,
        None => wish.device.folder(workspace).join("flash.img"),
    };
    let mut command = command(&wish, &program, &flash)?;
    match &wish.serial {
        None => println!("leave with Ctrl-A x"),
        Some(serial) => println!("the console is at {serial}"),
    }
    // QEMU takes our place, and with it the terminal, signals, and how it ends.
    let error = command.exec();
    Err(error).with_context(|| format!("cannot start `{}`", process::line(&command)))
}

fn parse(arguments: &mut Arguments) -> Result<Wish> {
    let flash = arguments
        .opt_value_from_os_str("--flash", |path| Ok::<_, Infallible>(PathBuf::from(path)))?;
    let ram: Option<String> = arguments.opt_value_from_str("--ram")?;
    let serial: Option<String> = arguments.opt_value_from_str("--serial")?;
    let is_counting = arguments.contains("--icount");
    let mut words: Vec<String> = ram.iter().map(|ram| format!("ram={ram}")).collect();
    let Some(name) = arguments.subcommand()? else {
        bail!("`qemu` needs a board: `cargo xtask qemu mps2-an386`");
    };
    while let Some(word) = arguments.subcommand()? {
        words.push(word);
    }
    if let Some(wrong) = words
        .iter()
        .find(|word| word.contains(char::is_whitespace) || !word.contains('='))
    {
        bail!("`{wrong}` is no word for the firmware; they are `name=value`, without spaces");
    }
    if let Some(serial) = serial.as_ref().filter(|text| !text.starts_with("unix:")) {
        bail!("`--serial {serial}` is nothing that others connect to; give `unix:PATH`");
    }
    Ok(Wish {
        device: Device::named(&name)?,
        flash,
        serial,
        is_counting,
        words,
    })
}

fn command(wish: &Wish, program: &Path, flash: &Path) -> Result<Command> {
    let device = wish.device;
    let Some(emulator) = &device.emulator else {
        bail!("nobody plays {}; it needs the real board", device.name);
    };
    let mut command = Command::new(emulator.qemu.name);
    command.args(["-machine", emulator.machine, "-display", "none"]);
    let mut words = wish.words.clone();
    match emulator.flash {
        FlashFile::Semihosting => {
            let folder = flash.parent().context("the flash's file is a folder")?;
            let name = flash
                .file_name()
                .and_then(|name| name.to_str())
                .filter(|name| !name.contains(char::is_whitespace))
                .context("the name of the flash's file must be without spaces")?;
            fs::create_dir_all(folder)?;
            // The firmware opens it from where QEMU is.
            command.current_dir(folder);
            words.insert(0, format!("flash={name}"));
            command.arg("-kernel").arg(program);
        }
        FlashFile::Chip => {
            extend(flash)?;
            command
                .arg("-drive")
                .arg(format!(
                    "if=pflash,unit=1,format=raw,file={}",
                    option(&flash.display().to_string())
                ))
                // With that chip in use, QEMU takes a kernel for something that firmware starts.
                .arg("-bios")
                .arg(program);
        }
    }
    let semihosting: String = ["enable=on,target=native,arg=thimble".to_owned()]
        .into_iter()
        .chain(words.iter().map(|word| format!(",arg={}", option(word))))
        .collect();
    command.args(["-semihosting-config", &semihosting]);
    if wish.is_counting {
        command.args(["-icount", "shift=0"]);
    }
    match &wish.serial {
        None => command.args([
            "-chardev",
            "stdio,id=console,mux=on,signal=off",
            "-serial",
            "chardev:console",
            "-monitor",
            "chardev:console",
        ]),
        Some(serial) => command
            .stdin(Stdio::null())
            .args(["-monitor", "none", "-serial"])
            .arg(format!("{},server=on,wait=off", option(serial))),
    };
    Ok(command)
}

/// Makes the file of a flash chip as long as QEMU wants it. Zeros are what the firmware erases at its first start.
fn extend(flash: &Path) -> Result<()> {
    if let Some(folder) = flash.parent() {
        fs::create_dir_all(folder)?;
    }
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(flash)
        .with_context(|| format!("cannot open {}", flash.display()))?;
    if file.metadata()?.len() < CHIP_BYTES {
        file.set_len(CHIP_BYTES)?;
    }
    Ok(())
}

/// A value within one of QEMU's options, where a comma is written twice.
fn option(value: &str) -> String {
    value.replace(',', ",,")
}
