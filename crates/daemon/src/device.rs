//! The device: its containers, and everything they are made of.
//!
//! What is declared is on the disk before anybody hears that it is so. Requests may come from any thread and wait for
//! the disk; nothing here is called on the thread that serves requests, but for looking.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, RwLock};
use thimble_device_api::{Container, EventKind, Problem, ProblemKind, Stats, Timestamp};
use thimble_port_linux::clock::{SystemClock, SystemRandom};
use thimble_port_linux::machine::Machine;
use thimble_port_linux::pool::Pool;
use thimble_port_linux::store::FileStore;
use thimble_runtime::Instant;
use thimble_runtime::config::ContainerId;
use thimble_runtime::engine::Engine;
use thimble_runtime::port::{Clock, Random};
use tokio::sync::mpsc;

use crate::bridge::Bridge;
use crate::container::Entry;
use crate::control::Control;
use crate::events::{Events, Subject};
use crate::fleet::{Fleet, Questions};
use crate::identity::Id;
use crate::images::Images;
use crate::logs::LogService;
use crate::state::StateStore;
use crate::volumes::Volumes;

/// Containers of a device at most.
pub(crate) const CONTAINERS_MAX: usize = 10_000;
/// Characters of an id that are enough to mean it, if no other begins so.
const ID_CHARS_MIN: usize = 4;

/// What the daemon and what hears of containers share.
pub(crate) struct Wires {
    /// The containers that run, by the number of their run.
    pub(crate) runs: RwLock<HashMap<ContainerId, Arc<Entry>>>,
    /// What the control thread is told. Bounded by the number of containers: each has one run and one state.
    pub(crate) control: mpsc::UnboundedSender<Control>,
    pub(crate) events: Events,
    /// What containers were asked about updates.
    pub(crate) questions: Questions,
}

/// The device.
pub(crate) struct Device {
    pub(crate) machine: Machine,
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) images: Arc<dyn Images>,
    pub(crate) states: StateStore,
    pub(crate) logs: LogService,
    pub(crate) log_folder: PathBuf,
    pub(crate) volumes: Volumes,
    pub(crate) key_values: Arc<FileStore>,
    pub(crate) pool: Pool,
    /// Folders that operators may mount.
    pub(crate) binds: Vec<PathBuf>,
    pub(crate) wires: Arc<Wires>,
    pub(crate) table: RwLock<Table>,
    /// Containers that wait for others.
    pub(crate) waiting: Mutex<BTreeSet<Id>>,
    /// Apps are changed one at a time.
    pub(crate) apps: Mutex<()>,
    /// Brokers that the bus is joined with.
    pub(crate) bridges: Mutex<Vec<Bridge>>,
    /// The device as one of a fleet.
    pub(crate) fleet: Fleet,
    /// Everything that is to run was started, or is being started.
    pub(crate) ready: AtomicBool,
    /// No container is started any more.
    pub(crate) closing: AtomicBool,
    pub(crate) facts: Facts,
}

/// What does not change as long as the daemon runs.
pub(crate) struct Facts {
    pub(crate) root: PathBuf,
    pub(crate) workers: u32,
    pub(crate) started_at: Timestamp,
    pub(crate) started: Instant,
    pub(crate) isolation: Vec<String>,
    pub(crate) last_failure: Option<String>,
    pub(crate) damaged: Mutex<Vec<String>>,
}

/// The containers.
#[derive(Default)]
pub(crate) struct Table {
    pub(crate) entries: BTreeMap<Id, Arc<Entry>>,
    /// Names that are taken, those of containers that are being made included.
    pub(crate) names: HashMap<String, Id>,
}

impl Device {
    /// The container of this name, of this id, or the only one whose id begins so.
    pub(crate) fn find(&self, named: &str) -> Result<Arc<Entry>, Problem> {
        let table = self.table.read();
        if let Some(entry) = table.names.get(named).and_then(|id| table.entries.get(id)) {
            return Ok(Arc::clone(entry));
        }
        if named.len() >= ID_CHARS_MIN {
            let mut found = table
                .entries
                .values()
                .filter(|entry| entry.id.to_string().starts_with(named));
            match (found.next(), found.next()) {
                (Some(entry), None) => return Ok(Arc::clone(entry)),
                (Some(_), Some(_)) => {
                    return Err(Problem::new(
                        ProblemKind::NoSuchContainer,
                        "several containers have an id that begins so; give more of it",
                    )
                    .about(named));
                }
                _ => {}
            }
        }
        Err(no_such_container(named))
    }

    /// All containers, the oldest first.
    pub(crate) fn entries(&self) -> Vec<Arc<Entry>> {
        let mut entries: Vec<_> = self.table.read().entries.values().cloned().collect();
        entries.sort_by_key(|entry| (entry.created_at, entry.id));
        entries
    }

    /// What is known of a container.
    pub(crate) fn view(&self, entry: &Entry) -> Container {
        entry.view(self.stats(entry))
    }

    /// What a container uses.
    pub(crate) fn stats(&self, entry: &Entry) -> Stats {
        let (state, runtime, last, quotas, restarts, limit) = {
            let inner = entry.inner();
            let run = inner.run.as_ref();
            (
                inner.phase.state(),
                run.map(|run| run.runtime),
                inner.usage,
                run.map(|run| run.quotas.clone()).unwrap_or_default(),
                inner.total_restarts,
                run.map_or(0, |run| run.memory_bytes_limit),
            )
        };
        let usage = runtime
            .and_then(|runtime| self.machine.usage(runtime))
            .unwrap_or(last);
        let mut stats = Stats {
            read_at: Timestamp::now(),
            id: entry.id.to_string(),
            name: entry.name.clone(),
            state: Some(state),
            cpu_ns: u64::try_from(usage.cpu.as_nanos()).unwrap_or(u64::MAX),
            memory_bytes: usage.memory_bytes,
            memory_bytes_max: usage.memory_bytes_max,
            memory_bytes_limit: limit,
            slices: usage.slices,
            storage_bytes: quotas
                .iter()
                .map(thimble_port_linux::files::Quota::used_bytes)
                .sum(),
            log_bytes: entry.log.bytes(),
            log_lines_lost: entry.log.dropped(),
            restarts,
            ..Stats::default()
        };
        if let Some(runtime) = runtime {
            self.machine.with_bus(&mut |bus| {
                let counters = bus.counters(runtime);
                stats.bus_delivered = counters.delivered;
                stats.bus_dropped = counters.dropped;
                stats.bus_refused = counters.refused;
                stats.bus_waiting = u64::try_from(bus.waiting(runtime)).unwrap_or(u64::MAX);
            });
        }
        stats
    }

    /// Writes what is kept of a container, durably.
    pub(crate) fn save(&self, entry: &Entry) -> Result<(), Problem> {
        self.states.save(&entry.saved()).map_err(|error| {
            disk_problem("writing the state of the container", &error).about(&entry.name)
        })
    }

    /// Notes an event about a container.
    pub(crate) fn tell(
        &self,
        kind: EventKind,
        entry: &Entry,
        attributes: impl IntoIterator<Item = (&'static str, String)>,
    ) {
        self.wires.events.tell(kind, entry.subject(), attributes);
    }

    /// Notes that something was found damaged.
    pub(crate) fn tell_damage(&self, what: String) {
        tracing::warn!("{what}");
        self.wires.events.tell(
            EventKind::Damaged,
            Subject::default(),
            [("what", what.clone())],
        );
        self.facts.damaged.lock().push(what);
    }

    /// Something of a container changed that others may wait for.
    pub(crate) fn changed(&self, entry: &Entry) {
        entry.changed();
        if entry.app.is_some() {
            self.fleet.news.notify_one();
        }
        self.control(Control::Look(entry.id));
        if !self.waiting.lock().is_empty() {
            self.control(Control::Changed);
        }
    }

    /// Tells the control thread. It is gone only at the very end, when nothing matters any more.
    pub(crate) fn control(&self, message: Control) {
        drop(self.wires.control.send(message));
    }

    /// Whether containers and the bus can be looked at.
    pub(crate) fn is_alive(&self) -> bool {
        self.machine.with_bus(&mut |_| ());
        self.entries().iter().all(|entry| {
            let runtime = entry.inner().run.as_ref().map(|run| run.runtime);
            runtime.is_none_or(|runtime| {
                self.machine.state(runtime).is_some() || !entry.inner().is_run(runtime)
            })
        })
    }

    /// Says no until everything that is to run was started, and when the daemon goes down.
    pub(crate) fn require_ready(&self) -> Result<(), Problem> {
        self.require_open()?;
        if !self.ready.load(Ordering::Acquire) {
            return Err(Problem::new(
                ProblemKind::NotReady,
                "the daemon is starting its containers",
            ));
        }
        Ok(())
    }

    /// Refuses to start anything while the daemon is going down.
    pub(crate) fn require_open(&self) -> Result<(), Problem> {
        if self.closing.load(Ordering::Acquire) {
            return Err(Problem::new(
                ProblemKind::NotReady,
                "the daemon is going down",
            ));
        }
        Ok(())
    }
}

/// The name under which a container's image is pinned.
pub(crate) fn pin_owner(id: Id) -> String {
    format!("{PIN_PREFIX}{id}")
}

/// What the owners of our pins begin with.
pub(crate) const PIN_PREFIX: &str = "container-";

/// The monotonic clock.
pub(crate) fn now() -> Instant {
    SystemClock.now()
}

/// Random bits; zero if the device has none to give, which harms nothing that asks here.
pub(crate) fn random_bits() -> u64 {
    let mut bytes = [0; 8];
    match SystemRandom.fill(&mut bytes) {
        Ok(()) => u64::from_le_bytes(bytes),
        Err(_) => 0,
    }
}

pub(crate) fn no_such_container(named: &str) -> Problem {
    Problem::new(
        ProblemKind::NoSuchContainer,
        "there is no such container; `thimble ps -a` lists those that are",
    )
    .about(named)
}

/// What the disk said, as a problem.
pub(crate) fn disk_problem(doing: &str, error: &std::io::Error) -> Problem {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Problem::new(
            ProblemKind::NoSpace,
            format_args!(
                "{doing}: the disk is full; `thimble prune` removes images that nobody uses"
            ),
        ),
        ErrorKind::ReadOnlyFilesystem => Problem::new(
            ProblemKind::DeviceFault,
            format_args!("{doing}: the disk cannot be written to; mount it read-write"),
        ),
        _ => Problem::new(ProblemKind::DeviceFault, format_args!("{doing}: {error}")),
    }
}
