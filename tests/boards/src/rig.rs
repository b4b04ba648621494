//! One board with its flash, and whoever operates it.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tempfile::TempDir;
use thimble_port_serial::{Address, Client, SerialError, Settings, Watcher, Wish};
use thimble_serial::link::Timing;
use thimble_serial::{
    ContainerStatus, Declaration, DeviceStatus, LogEntry, LogStream, Reply, Request,
};
use thimble_testkit::qemu::{Board, Qemu, Start, Time};

use crate::guests;
use crate::image::Packed;

/// The time that QEMU takes to end when its console is gone.
const ENDING_TIME: Duration = Duration::from_secs(2);

/// How often its console is tried, and the time between.
const CONNECTIONS_MAX: u32 = 200;
const CONNECTION_TIME: Duration = Duration::from_millis(10);

/// A board that was started and does not answer.
#[derive(Debug)]
pub struct NotUp {
    /// What the operator knows of it.
    pub error: SerialError,
    /// With what status QEMU has ended, if it has.
    pub status: Option<i32>,
    /// What its console said.
    pub heard: String,
}

/// How a board is set up.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The firmware; none for the one that was built.
    pub firmware: Option<PathBuf>,
    /// RAM in all, such as `256K`.
    pub ram: String,
    /// More words for the firmware.
    pub words: Vec<String>,
    /// How its time passes.
    pub time: Time,
    /// When a request is repeated and given up.
    pub timing: Timing,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            firmware: None,
            ram: "4M".to_owned(),
            words: Vec::new(),
            time: Time::Ours,
            timing: Timing::default(),
        }
    }
}

/// What the console said, as text.
#[derive(Clone, Debug, Default)]
pub struct Heard(Arc<Mutex<Vec<u8>>>);

impl Heard {
    /// All of it so far.
    #[must_use]
    pub fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// A board that runs.
pub struct Rig {
    /// Which board.
    pub board: Board,
    /// Its operator's end of the line.
    pub client: Client,
    /// What its console said.
    pub heard: Heard,
    qemu: Qemu,
    setup: Setup,
    flash: PathBuf,
    folder: Option<TempDir>,
}

/// What became of a container's run.
#[derive(Debug)]
pub struct Outcome {
    /// How it is after it.
    pub status: ContainerStatus,
    /// What it wrote to standard output.
    pub output: String,
    /// What it wrote to standard error.
    pub errors: String,
    /// What the device and the guest's own log told the operator.
    pub told: Vec<String>,
}

impl Outcome {
    /// The exit code.
    #[must_use]
    pub fn code(&self) -> i32 {
        self.status.end.as_ref().map_or(-1, |end| end.exit_code)
    }
}

#[derive(Default)]
struct Gathered {
    output: Vec<u8>,
    errors: Vec<u8>,
    told: Vec<u8>,
}

impl Watcher for Gathered {
    fn wrote(&mut self, entries: &[LogEntry], _: u64) -> ControlFlow<()> {
        for entry in entries {
            let to = match entry.stream {
                LogStream::Output => &mut self.output,
                LogStream::Error => &mut self.errors,
                _ => &mut self.told,
            };
            to.extend_from_slice(&entry.bytes);
        }
        ControlFlow::Continue(())
    }

    fn wish(&mut self) -> Option<Wish> {
        None
    }
}

impl Rig {
    /// Starts a board with flash that is blank.
    ///
    /// # Errors
    /// No device answers.
    ///
    /// # Panics
    /// QEMU or the firmware is missing.
    #[expect(
        clippy::expect_used,
        reason = "without a folder there is nothing to be done"
    )]
    pub fn start(board: Board, setup: Setup) -> Result<Self, SerialError> {
        let folder = TempDir::new().expect("a folder for the flash");
        let flash = folder.path().join("flash.img");
        let mut rig = Self::start_with_flash(board, setup, &flash)?;
        rig.folder = Some(folder);
        Ok(rig)
    }

    /// Starts a board with the flash of this file.
    ///
    /// # Errors
    /// No device answers.
    pub fn start_with_flash(board: Board, setup: Setup, flash: &Path) -> Result<Self, SerialError> {
        Self::begin(board, setup, flash).map_err(|failed| {
            let (name, error) = (board.name(), &failed.error);
            eprintln!("{name}: {error}; its console said: {}", failed.heard);
            failed.error
        })
    }

    /// Starts a board with the flash of this file.
    ///
    /// # Errors
    /// No device answers.
    pub fn begin(board: Board, setup: Setup, flash: &Path) -> Result<Self, NotUp> {
        let (mut qemu, heard, client) = switch_on(board, &setup, flash);
        match client {
            Ok(client) => Ok(Self {
                board,
                client,
                heard,
                qemu,
                setup,
                flash: flash.to_owned(),
                folder: None,
            }),
            Err(error) => Err(NotUp {
                status: qemu
                    .ended_within(ENDING_TIME)
                    .and_then(|status| status.code()),
                heard: heard.text(),
                error,
            }),
        }
    }

    /// Cuts the power and starts it again.
    ///
    /// # Errors
    /// No device answers.
    pub fn power_cycle(self) -> Result<Self, SerialError> {
        let time = self.setup.time;
        self.power_cycle_in(time)
    }

    /// Cuts the power and starts it again; its time passes so from then on.
    ///
    /// # Errors
    /// No device answers.
    pub fn power_cycle_in(mut self, time: Time) -> Result<Self, SerialError> {
        let folder = self.folder.take();
        self.setup.time = time;
        let (board, setup, flash) = (self.board, self.setup.clone(), self.flash.clone());
        drop(self.client);
        self.qemu.kill();
        let mut rig = Self::start_with_flash(board, setup, &flash)?;
        rig.folder = folder;
        Ok(rig)
    }

    /// Cuts the power.
    pub fn power_off(&mut self) {
        self.qemu.end();
    }

    /// The file behind its flash.
    #[must_use]
    pub fn flash(&self) -> &Path {
        &self.flash
    }

    /// How QEMU ended, if the firmware ends it within this time.
    #[must_use]
    pub fn exit_status(&mut self, time: Duration) -> Option<i32> {
        self.qemu.ended_within(time)?.code()
    }

    /// Installs an image; its digest.
    ///
    /// # Errors
    /// The device refuses it.
    pub fn install(&mut self, packed: &Packed, reference: &str) -> Result<String, SerialError> {
        self.client
            .install(&packed.package(reference), &mut |_, _| {})
    }

    /// Makes a container and follows it to its end.
    ///
    /// # Errors
    /// The device refuses it.
    pub fn run(&mut self, declaration: Declaration) -> Result<Outcome, SerialError> {
        let (name, _) = self.client.create(declaration, true)?;
        self.follow(&name)
    }

    /// Follows a container to its end.
    ///
    /// # Errors
    /// There is none.
    pub fn follow(&mut self, name: &str) -> Result<Outcome, SerialError> {
        let mut gathered = Gathered::default();
        let status = self.client.follow_to_end(name, &mut gathered)?;
        let status = match status {
            Some(status) => status,
            None => self.client.inspect(name)?,
        };
        Ok(outcome(status, &gathered))
    }

    /// What a container has written so far.
    ///
    /// # Errors
    /// There is none.
    pub fn log(&mut self, name: &str) -> Result<Outcome, SerialError> {
        let mut gathered = Gathered::default();
        self.client.log(name, false, &mut gathered)?;
        let status = self.client.inspect(name)?;
        Ok(outcome(status, &gathered))
    }

    /// How the device is.
    ///
    /// # Errors
    /// It does not answer.
    pub fn device(&mut self) -> Result<DeviceStatus, SerialError> {
        self.client.ask_device()
    }

    /// Asks for something.
    ///
    /// # Errors
    /// The device refuses it.
    pub fn ask(&mut self, request: &Request) -> Result<Reply, SerialError> {
        self.client.request(request)
    }
}

fn outcome(status: ContainerStatus, gathered: &Gathered) -> Outcome {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Outcome {
        status,
        output: text(&gathered.output),
        errors: text(&gathered.errors),
        told: text(&gathered.told).lines().map(str::to_owned).collect(),
    }
}

fn switch_on(
    board: Board,
    setup: &Setup,
    flash: &Path,
) -> (Qemu, Heard, Result<Client, SerialError>) {
    let firmware = setup
        .firmware
        .clone()
        .unwrap_or_else(|| guests::firmware(board));
    let mut words = setup.words.clone();
    words.push(format!("ram={}", setup.ram));
    let start = Start {
        firmware,
        flash: flash.to_owned(),
        words,
        time: setup.time,
    };
    let mut qemu = Qemu::start(board, &start);
    qemu.await_console();
    let heard = Heard::default();
    let mut client = connect(&qemu, setup, &heard);
    // The socket is there a moment before somebody listens at it.
    for _ in 0..CONNECTIONS_MAX {
        if !matches!(client, Err(SerialError::Open { .. })) {
            break;
        }
        std::thread::sleep(CONNECTION_TIME);
        client = connect(&qemu, setup, &heard);
    }
    (qemu, heard, client)
}

fn connect(qemu: &Qemu, setup: &Setup, heard: &Heard) -> Result<Client, SerialError> {
    let ear = heard.clone();
    let sink = move |bytes: &[u8]| {
        let mut heard = ear.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard.extend_from_slice(bytes);
    };
    let address = Address::Unix(qemu.socket().to_owned());
    let settings = Settings {
        timing: setup.timing,
        ..Settings::default()
    };
    Client::open(&address, settings, Some(Box::new(sink)))
}
