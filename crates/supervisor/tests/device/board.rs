//! A device on the desk: its clock, its parts, and what an operator does to it.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use thimble_image::media_type::{WASM, WASM_CONFIG};
use thimble_image::{Descriptor, Digest, ImageConfig, Manifest};
use thimble_port_mcu::machine::Step;
use thimble_runtime::Instant;
use thimble_runtime::kernel::Schedule;
use thimble_runtime::lifecycle::BackoffSettings;
use thimble_runtime::port::NoBoard;
use thimble_serial::{
    ContainerStatus, Declaration, LogEntry, Refusal, Reply, Request, RunEnd, RunState,
};
use thimble_supervisor::{Parts, Settings, Supervisor};

use crate::parts::{Facts, Folders, Manual, NoNetwork, NoStore, Zeros};
use crate::program::Inplace;
use crate::storage::{Flash, storage};

/// The device.
pub(crate) struct Board {
    pub(crate) supervisor: Supervisor,
    pub(crate) flash: Flash,
    pub(crate) time: Arc<AtomicU64>,
    pub(crate) volumes: Kept,
    pub(crate) programs: &'static Inplace,
}

/// Names of containers that have data.
pub(crate) type Kept = Arc<Mutex<BTreeSet<String>>>;

/// How a board begins.
#[derive(Clone, Default)]
pub(crate) struct Start {
    pub(crate) flash: Flash,
    pub(crate) volumes: Kept,
    pub(crate) time: Arc<AtomicU64>,
    pub(crate) programs: Option<&'static Inplace>,
    pub(crate) failed_in: Option<&'static str>,
    pub(crate) containers_max: Option<u32>,
    pub(crate) change: Option<Change>,
}

/// Puts other parts into a board.
pub(crate) type Change = Arc<dyn Fn(&mut Parts)>;

impl Board {
    pub(crate) fn new() -> Self {
        Self::start(Start::default())
    }

    pub(crate) fn start(start: Start) -> Self {
        let programs = start
            .programs
            .unwrap_or_else(|| Box::leak(Box::new(Inplace::default())));
        let (records, images) = storage(&start.flash);
        let mut parts = Parts {
            clock: Box::new(Manual(Arc::clone(&start.time))),
            random: Box::new(Zeros),
            network: Box::new(NoNetwork),
            board: Box::new(NoBoard),
            store: Box::new(NoStore),
            records,
            images,
            programs,
            volumes: Box::new(Folders(Arc::clone(&start.volumes))),
            facts: Box::new(Facts(start.failed_in)),
        };
        if let Some(change) = &start.change {
            change(&mut parts);
        }
        let settings = Settings {
            containers_max: start.containers_max.unwrap_or(16),
            backoff: BackoffSettings {
                first: Duration::from_millis(100),
                max: Duration::from_secs(60),
                stable_after: Duration::from_secs(10),
                crash_loop_after: 3,
            },
            // A slice counts as a millisecond, however short it is.
            schedule: Schedule {
                shared_slice: Duration::from_micros(100),
                lone_slice: Duration::from_micros(200),
                alert_slice: Duration::from_micros(50),
            },
            ..Settings::default()
        };
        Self {
            supervisor: *Supervisor::new(settings, parts),
            flash: start.flash,
            time: start.time,
            volumes: start.volumes,
            programs,
        }
    }

    /// Takes power away, and gives it back.
    pub(crate) fn reset(self) -> Self {
        self.reset_with(|_| {})
    }

    pub(crate) fn reset_with(self, change: impl FnOnce(&mut Start)) -> Self {
        let Self {
            supervisor,
            flash,
            time,
            volumes,
            programs,
        } = self;
        drop(supervisor);
        flash.restore();
        let mut start = Start {
            flash,
            volumes,
            time,
            programs: Some(programs),
            ..Start::default()
        };
        change(&mut start);
        Self::start(start)
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::from_nanos(self.time.load(Ordering::Relaxed))
    }

    pub(crate) fn ask(&mut self, request: Request) -> Reply {
        let now = self.now();
        self.supervisor.handle(request, now)
    }

    /// Asks for something that must be done.
    pub(crate) fn must(&mut self, request: Request) -> Reply {
        let told = format!("{request:?}");
        match self.ask(request) {
            Reply::Refused(refusal) => panic!("{told:.200}: {refusal:?}"),
            reply => reply,
        }
    }

    /// Asks for something that must be refused.
    pub(crate) fn refused(&mut self, request: Request) -> Refusal {
        let told = format!("{request:?}");
        match self.ask(request) {
            Reply::Refused(refusal) => refusal,
            reply => panic!("{told:.200}: {reply:?}"),
        }
    }

    /// Lets this time pass: a slice takes a millisecond.
    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now() + time;
        loop {
            let now = self.now();
            let next = self.supervisor.poll(now);
            if now >= end {
                return;
            }
            match self.supervisor.step() {
                Step::Ran => self.advance(Duration::from_millis(1)),
                Step::Idle { until } => {
                    let until = [until, next.until].into_iter().flatten().min();
                    let until = until.unwrap_or(end).min(end).max(now);
                    if until == now {
                        self.advance(Duration::from_millis(1));
                    } else {
                        self.time.store(until.nanos(), Ordering::Relaxed);
                    }
                }
            }
        }
    }

    pub(crate) fn advance(&self, time: Duration) {
        self.time
            .fetch_add(time.as_nanos() as u64, Ordering::Relaxed);
    }

    pub(crate) fn install(&mut self, reference: &str, wat: &str, config: &ImageConfig) -> String {
        let image = Image::new(wat, config);
        match image.install(self, reference) {
            Reply::Installed { digest } => digest,
            reply => panic!("{reply:?}"),
        }
    }

    pub(crate) fn create(&mut self, declaration: Declaration) -> Vec<String> {
        match self.must(Request::Create {
            declaration,
            replace: false,
        }) {
            Reply::Created { refused, .. } => refused,
            reply => panic!("{reply:?}"),
        }
    }

    pub(crate) fn status(&mut self, name: &str) -> ContainerStatus {
        match self.must(Request::Inspect { name: name.into() }) {
            Reply::Container(status) => status,
            reply => panic!("{reply:?}"),
        }
    }

    pub(crate) fn state(&mut self, name: &str) -> RunState {
        self.status(name).state
    }

    pub(crate) fn ends(&mut self, name: &str) -> Vec<RunEnd> {
        match self.must(Request::Records { name: name.into() }) {
            Reply::Records(ends) => ends,
            reply => panic!("{reply:?}"),
        }
    }

    /// All of a log that is kept.
    pub(crate) fn log(&mut self, name: &str) -> Vec<LogEntry> {
        let mut all = Vec::new();
        let mut from = 0;
        loop {
            match self.must(Request::Log {
                name: name.into(),
                from,
            }) {
                Reply::Log { entries, next, .. } if !entries.is_empty() => {
                    all.extend(entries);
                    from = next;
                }
                Reply::Log { .. } => return all,
                reply => panic!("{reply:?}"),
            }
        }
    }

    /// A log as text.
    pub(crate) fn text(&mut self, name: &str) -> String {
        let bytes: Vec<u8> = self
            .log(name)
            .into_iter()
            .flat_map(|entry| entry.bytes)
            .collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The names of all containers.
    pub(crate) fn names(&mut self) -> Vec<String> {
        let mut names = Vec::new();
        let mut after = String::new();
        while let Reply::Container(status) = self.must(Request::Container {
            after: after.clone(),
        }) {
            after.clone_from(&status.declaration.name);
            names.push(after.clone());
        }
        names
    }

    pub(crate) fn recovered(&mut self) -> String {
        match self.must(Request::Device) {
            Reply::Device(device) => device.recovered,
            reply => panic!("{reply:?}"),
        }
    }
}

/// What is declared of a container that is to run.
pub(crate) fn declared(name: &str, image: &str) -> Declaration {
    Declaration {
        name: name.into(),
        image: image.into(),
        ..Declaration::default()
    }
}

/// An image, ready to be sent.
pub(crate) struct Image {
    pub(crate) manifest: Vec<u8>,
    pub(crate) config: Vec<u8>,
    pub(crate) module: Vec<u8>,
}

impl Image {
    pub(crate) fn new(wat: &str, config: &ImageConfig) -> Self {
        let module = wat::parse_str(wat).unwrap();
        let config = config.to_json();
        let manifest = Manifest::new(
            Descriptor::of(WASM_CONFIG, &config),
            vec![Descriptor::of(WASM, &module)],
        );
        Self {
            manifest: manifest.to_json(),
            config,
            module,
        }
    }

    pub(crate) fn begin(&self, reference: &str) -> Request {
        Request::InstallBegin {
            manifest_bytes: self.manifest.len() as u32,
            config_bytes: self.config.len() as u32,
            layer_bytes: self.module.len() as u32,
            digest: Digest::of(&self.manifest).to_string(),
            reference: reference.into(),
        }
    }

    /// Manifest, configuration and module as they are sent.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        [&self.manifest[..], &self.config, &self.module].concat()
    }

    /// Sends it; the last answer.
    pub(crate) fn install(&self, board: &mut Board, reference: &str) -> Reply {
        self.install_in(128, board, reference)
    }

    /// Sends it in parts of this length; the last answer.
    pub(crate) fn install_in(
        &self,
        part_bytes: usize,
        board: &mut Board,
        reference: &str,
    ) -> Reply {
        match board.ask(self.begin(reference)) {
            Reply::Done => {}
            reply => return reply,
        }
        for (index, part) in self.bytes().chunks(part_bytes).enumerate() {
            let reply = board.ask(Request::InstallPart {
                offset: (index * part_bytes) as u32,
                bytes: part.to_vec(),
            });
            if !matches!(reply, Reply::Received { .. }) {
                return reply;
            }
        }
        board.ask(Request::InstallEnd)
    }
}
