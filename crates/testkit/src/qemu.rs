//! A microcontroller that QEMU plays: the real firmware, with its console as a socket and its flash as a file.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use std::{fs, io};

use tempfile::TempDir;

/// A board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Board {
    /// `mps2-an386`: Cortex-M4F.
    M4f,
    /// `mps2-an505`: Cortex-M33.
    M33,
    /// `virt`: RV32IMAC.
    Rv32,
}

impl Board {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::M4f, Self::M33, Self::Rv32];

    /// The name by which `cargo xtask` knows it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::M4f => "mps2-an386",
            Self::M33 => "mps2-an505",
            Self::Rv32 => "rv32",
        }
    }

    const fn program(self) -> &'static str {
        match self {
            Self::M4f | Self::M33 => "qemu-system-arm",
            Self::Rv32 => "qemu-system-riscv32",
        }
    }

    const fn machine(self) -> &'static str {
        match self {
            Self::Rv32 => "virt",
            _ => self.name(),
        }
    }
}

/// How a board is started.
#[derive(Clone, Debug)]
pub struct Start {
    /// The firmware.
    pub firmware: PathBuf,
    /// The file behind its flash; made if there is none.
    pub flash: PathBuf,
    /// What the firmware is told: `name=value`.
    pub words: Vec<String>,
    /// How its time passes.
    pub time: Time,
}

/// How a board's time passes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Time {
    /// As ours does.
    #[default]
    Ours,
    /// A nanosecond for each instruction; while it sleeps, as ours does.
    Counted,
    /// A nanosecond for each instruction; while it sleeps, on to what wakes it next. Between two bytes of its console a
    /// board that waits for nothing else may so lose any time.
    Hurried,
}

/// The file with what QEMU says of itself.
const SAYS: &str = "says";

/// Bytes of the flash of `virt`'s second bank.
const RV32_FLASH_BYTES: u64 = 32 << 20;

/// A board that runs until it is dropped.
#[derive(Debug)]
pub struct Qemu {
    process: Child,
    socket: PathBuf,
    folder: TempDir,
}

impl Qemu {
    /// Starts a board. It begins when somebody connects to its console.
    #[must_use]
    pub fn start(board: Board, start: &Start) -> Self {
        let folder = TempDir::new().unwrap();
        let socket = folder.path().join("console");
        let mut command = Command::new(board.program());
        command
            .args(["-machine", board.machine()])
            .args(["-display", "none", "-monitor", "none"])
            // Beside a flash of its own, `virt` starts nothing but its firmware.
            .arg(if board == Board::Rv32 {
                "-bios"
            } else {
                "-kernel"
            })
            .arg(&start.firmware)
            .arg("-serial")
            .arg(format!("unix:{},server=on,wait=on", socket.display()));
        let mut words = start.words.clone();
        if board == Board::Rv32 {
            lengthen(&start.flash).unwrap();
            command.arg("-drive").arg(format!(
                "if=pflash,unit=1,format=raw,file={}",
                start.flash.display()
            ));
        } else {
            words.push(format!("flash={}", start.flash.display()));
        }
        match start.time {
            Time::Ours => {}
            Time::Counted => drop(command.args(["-icount", "shift=0"])),
            Time::Hurried => drop(command.args(["-icount", "shift=0,sleep=off"])),
        }
        let arguments: String = words.iter().map(|word| format!(",arg={word}")).collect();
        command
            .arg("-semihosting-config")
            .arg(format!("enable=on,target=native,arg=thimble{arguments}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            // It says that it waits for a connection, each time.
            .stderr(fs::File::create(folder.path().join(SAYS)).unwrap());
        let process = command.spawn().unwrap_or_else(|error| {
            panic!(
                "{} does not start: {error}; `cargo xtask setup` installs it",
                board.program()
            )
        });
        Self {
            process,
            socket,
            folder,
        }
    }

    /// Where its console is: a socket.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Waits until its console is there to be connected to.
    pub fn await_console(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !self.socket.exists() {
            let ended = self.process.try_wait().unwrap();
            assert!(
                Instant::now() < deadline && ended.is_none(),
                "QEMU gives no console: {ended:?}, {}",
                fs::read_to_string(self.folder.path().join(SAYS)).unwrap_or_default()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until the firmware has ended QEMU, for so long at most.
    #[must_use]
    pub fn ended_within(&mut self, time: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + time;
        while Instant::now() < deadline {
            if let Some(status) = self.process.try_wait().unwrap() {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        None
    }

    /// Cuts the power.
    pub fn kill(mut self) {
        self.end();
    }

    /// Cuts the power of a board that is kept.
    pub fn end(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        self.end();
    }
}

/// Makes the file as long as QEMU wants it, erased.
fn lengthen(flash: &Path) -> io::Result<()> {
    let missing = match fs::metadata(flash) {
        Ok(metadata) => RV32_FLASH_BYTES.saturating_sub(metadata.len()),
        Err(_) => RV32_FLASH_BYTES,
    };
    if missing == 0 {
        return Ok(());
    }
    let mut bytes = fs::read(flash).unwrap_or_default();
    bytes.resize(usize::try_from(RV32_FLASH_BYTES).unwrap_or(0), 0xff);
    fs::write(flash, bytes)
}
