//! A device in this process: the machine with its real ports, an engine, and the board of the suite.

use std::io::PipeReader;
use std::ops::Range;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use thimble_abi::env::APP_HEAP_BYTES;
use thimble_builder::pack::{MemoryOutcome, PackOptions, PackReport, StackOutcome, pack};
use thimble_engine_inplace::InplaceEngine;
use thimble_engine_wasmi::WasmiEngine;
use thimble_engine_wasmtime::{Settings, WasmtimeEngine};
use thimble_port_linux::board::Simulated;
use thimble_port_linux::files;
use thimble_port_linux::machine::{Devices, Machine};
use thimble_port_linux::network::{self, LinuxNetwork};
use thimble_port_linux::pool::{IDLE_MAX, Pool, THREADS_MAX};
use thimble_port_linux::reactor::Reactor;
use thimble_port_linux::store::FileStore;
use thimble_port_linux::streams::{self, Captured};
use thimble_runtime::config::{ContainerConfig, ContainerId};
use thimble_runtime::engine::{Engine, LoadedModule};
use thimble_runtime::grant::Grants;
use thimble_runtime::host::{Mount, Resources};
use thimble_runtime::kernel::{Schedule, State};
use thimble_runtime::module::Module;
use thimble_runtime::port::{Observer, Socket, Stream};
use thimble_runtime::record::{End, Trace};

use crate::command::{Place, guest, repository};

use super::recorder::{Heard, Succeeded};

/// Longer than any guest of the suite runs, and shorter than anyone waits.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Bytes of output that are looked at.
const OUTPUT_BYTES: usize = 1 << 20;

/// Bytes of stack that the suite's guests are linked with.
const STACK_BYTES: u32 = 65_536;

/// A device with one engine.
pub(super) struct Device {
    pub(super) place: Place,
    pub(super) machine: Machine,
    engine: Box<dyn Engine>,
    pool: Pool,
    told: Told,
    pub(super) succeeded: Succeeded,
    packs: bool,
}

/// What a container of the suite is given.
pub(super) struct Setup {
    /// The guest's name in `tests/guests/guests.toml`, without `conform-`.
    pub(super) guest: &'static str,
    pub(super) config: ContainerConfig,
    /// Folders: where the guest sees them, where they are, and whether they are read-only.
    pub(super) mounts: Vec<(&'static str, PathBuf, bool)>,
    pub(super) listener: Option<Box<dyn Socket>>,
    pub(super) stdin: Option<Box<dyn Stream>>,
}

/// A container that runs, and what it writes.
pub(super) struct Started {
    pub(super) id: ContainerId,
    pub(super) output: Captured,
}

/// What the operator was told.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Observer for Told {
    fn trace(&self, _: ContainerId, trace: Trace<'_>) {
        let text = match trace {
            Trace::Refused { grant } => format!("refused {grant}"),
            Trace::Log { level, message } => format!("log {level} {message}"),
            Trace::Health { status, message } => format!("health {status:?} {message}"),
            Trace::LimitReached { limit } => format!("limit {limit}"),
            Trace::MemoryRefused { .. } => "limit memory".to_owned(),
            Trace::UpdateAnswered {
                question,
                is_allowed,
                reason,
            } => format!("update {question} {is_allowed} {reason}"),
            other => format!("{other:?}"),
        };
        self.0.lock().unwrap().push(text);
    }
}

impl Setup {
    /// A container that runs a guest of the suite and is granted this.
    pub(super) fn new(guest: &'static str, grants: &[&str]) -> Self {
        let mut config = ContainerConfig::new(guest);
        config.grants = Grants::parse(grants.iter().copied()).unwrap();
        config.timeout = Some(TIMEOUT);
        Self {
            guest,
            config,
            mounts: Vec::new(),
            listener: None,
            stdin: None,
        }
    }
}

impl Device {
    /// A device with the engine of this name.
    pub(super) fn new(engine: &str) -> Self {
        let place = Place::new();
        let reactor = Reactor::new().unwrap();
        let pool = Pool::new(THREADS_MAX, IDLE_MAX);
        let told = Told::default();
        let board = repository().join("tests/guests/board.toml");
        let devices = Devices {
            network: Box::new(LinuxNetwork::new(reactor.clone())),
            board: Box::new(Simulated::load(&board).unwrap()),
            store: Box::new(FileStore::new(place.path().join("store"), pool.clone())),
            observer: Box::new(told.clone()),
            reactor,
        };
        Self {
            machine: Machine::new(devices, Schedule::default()),
            engine: self::engine(engine, &place),
            place,
            pool,
            told,
            succeeded: Succeeded::default(),
            packs: false,
        }
    }

    /// The same device, which packs its guests before it runs them.
    pub(super) fn packing(self) -> Self {
        Self {
            packs: true,
            ..self
        }
    }

    /// An empty folder of the host.
    pub(super) fn folder(&self, name: &str) -> PathBuf {
        let path = self.place.path().join(name);
        std::fs::create_dir(&path).unwrap();
        path
    }

    /// A listener on a port of the loopback address.
    pub(super) fn listener(&self) -> Box<dyn Socket> {
        network::listen("tcp/127.0.0.1:0", self.machine.reactor()).unwrap()
    }

    /// Standard input from a pipe.
    pub(super) fn input(&self, reader: &PipeReader) -> Box<dyn Stream> {
        streams::shared(reader.as_fd(), &self.pool, self.machine.reactor()).unwrap()
    }

    /// The name of its engine.
    pub(super) fn engine_name(&self) -> &'static str {
        self.engine.name()
    }

    /// Starts a container.
    pub(super) fn start(&self, setup: Setup) -> Started {
        let bytes = std::fs::read(guest(&format!("conform-{}", setup.guest))).unwrap();
        let options = PackOptions {
            stack_bytes: Some(STACK_BYTES),
            message_bytes: Some(APP_HEAP_BYTES),
            ..PackOptions::default()
        };
        let packed = pack(&bytes, &options).unwrap();
        let (bytes, untouched) = match self.packs {
            true => (packed.tidied.bytes, Vec::new()),
            // What packing would take away is watched, so that no run needs it.
            false => (bytes, cut_away(&packed.report)),
        };
        let module = Module::parse(bytes).unwrap();
        let heard = Heard {
            module: self.engine.load(&module).unwrap(),
            succeeded: self.succeeded.clone(),
            untouched,
        };
        let (stdout, output) = streams::captured(OUTPUT_BYTES);
        let resources = Resources {
            stdin: setup.stdin.unwrap_or_else(streams::null),
            stdout,
            stderr: streams::null(),
            mounts: setup
                .mounts
                .iter()
                .map(|(path, folder, read_only)| self.mount(path, folder, *read_only))
                .collect(),
            listeners: setup.listener.into_iter().collect(),
        };
        let id = self.machine.create(Arc::new(setup.config));
        let heard: &dyn LoadedModule = &heard;
        self.machine.start(id, &module, heard, resources).unwrap();
        Started { id, output }
    }

    fn mount(&self, path: &str, folder: &Path, read_only: bool) -> Mount {
        Mount {
            path: path.to_owned(),
            directory: files::open_mount(folder, &self.pool, self.machine.reactor()).unwrap(),
            read_only,
        }
    }

    /// Runs a container on this thread to its end.
    pub(super) fn run(&self, setup: Setup) -> (End, String) {
        let Started { id, output } = self.start(setup);
        self.machine
            .run_until(|machine| machine.state(id) != Some(State::Running));
        (self.machine.record(id).unwrap().end, output.text())
    }

    /// Runs a guest, which must pass all checks that its source has; what the operator was told.
    pub(super) fn passes(&self, setup: Setup) -> Vec<String> {
        let name = setup.guest;
        let (end, output) = self.run(setup);
        assert_eq!(end, End::Exited(0), "{name}:\n{output}");
        assert!(output.ends_with(&last_line(name)), "{name}:\n{output}");
        self.told()
    }

    /// What the operator was told until now.
    pub(super) fn told(&self) -> Vec<String> {
        self.told.0.lock().unwrap().clone()
    }
}

/// What a guest prints last when it has passed all checks that its source has.
pub(crate) fn last_line(guest: &str) -> String {
    thimble_testkit::guests::last_line(&repository(), guest)
}

fn engine(name: &str, place: &Place) -> Box<dyn Engine> {
    match name {
        "wasmi" => return Box::new(WasmiEngine::new(thimble_engine_wasmi::Settings::linux())),
        "inplace" => {
            return Box::new(InplaceEngine::new(thimble_engine_inplace::Settings::linux()));
        }
        _ => {}
    }
    let mut settings = Settings {
        slots: 4,
        ..Settings::default()
    };
    settings.compiler.program = place.command().get_program().into();
    Box::new(WasmtimeEngine::new(settings).unwrap())
}

/// What a guest has and its packed form has not.
fn cut_away(report: &PackReport) -> Vec<Range<usize>> {
    let place = |address: u64| usize::try_from(address).unwrap();
    let mut cut = Vec::new();
    let mut lower = 0;
    if let StackOutcome::Bounded {
        data_end,
        bytes_before,
        bytes,
        ..
    } = report.stack
    {
        lower = u64::from(bytes_before - bytes);
        cut.push(place(data_end.into())..place(u64::from(data_end) + lower));
    }
    if report.memory == MemoryOutcome::Exact {
        cut.push(place(report.memory_bytes + lower)..place(report.memory_bytes_before));
    }
    cut
}
