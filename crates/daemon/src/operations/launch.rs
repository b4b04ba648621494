//! Starts runs.

use std::sync::Arc;

use parking_lot::Mutex;
use thimble_device_api::{EventKind, Health, Problem, ProblemKind, Timestamp};
use thimble_port_linux::{files, network, streams};
use thimble_runtime::engine::LoadError;
use thimble_runtime::host::{Mount, Resources};
use thimble_runtime::lifecycle::HealthMonitor;
use thimble_runtime::port::Stream;

use crate::container::{Entry, Phase, Run};
use crate::device::{Device, disk_problem, now};
use crate::images::OpenedImage;
use crate::logs::Source;
use crate::settle::{self, Place, Settled};
use crate::state::Desired;

/// Bytes that wait in a container's standard input at most.
const INPUT_BYTES_MAX: usize = 64 << 10;

impl Device {
    /// Begins a run, or waits for the containers that this one depends on. The caller holds the operation, and the state
    /// says that it is to run.
    pub(crate) fn begin(
        &self,
        entry: &Arc<Entry>,
        image: Option<&OpenedImage>,
    ) -> Result<(), Problem> {
        // In this order: whoever becomes ready in between looks at those that wait.
        self.waiting.lock().insert(entry.id);
        if let Some(reason) = self.blocked_by(entry) {
            let mut inner = entry.inner();
            inner.phase = Phase::Waiting;
            inner.reason = Some(reason);
            drop(inner);
            // One that waits is what nobody else waits for, so only those who watch it are told.
            entry.changed();
            return Ok(());
        }
        self.waiting.lock().remove(&entry.id);
        let before = {
            let mut inner = entry.inner();
            inner.reason = None;
            std::mem::replace(&mut inner.phase, Phase::Starting)
        };
        entry.changed();
        let launched = self.launch(entry, image);
        if let Err(problem) = &launched {
            let mut inner = entry.inner();
            inner.phase = before;
            inner.reason = Some(problem.detail.clone());
        }
        self.changed(entry);
        launched
    }

    /// What this container waits for, in words.
    pub(crate) fn blocked_by(&self, entry: &Entry) -> Option<String> {
        let spec = Arc::clone(&entry.inner().spec);
        let table = self.table.read();
        spec.depends_on.iter().find_map(|dependency| {
            let condition = settle::condition(dependency.condition);
            let other = table
                .names
                .get(&dependency.name)
                .and_then(|id| table.entries.get(id));
            match other {
                None => Some(format!(
                    "waits for {}, which does not exist",
                    dependency.name
                )),
                Some(other) => {
                    let inner = other.inner();
                    (!inner.satisfies(dependency.condition)).then(|| {
                        format!(
                            "waits for {} to be {condition}; it is {}",
                            dependency.name,
                            inner.phase.state().name()
                        )
                    })
                }
            }
        })
    }

    fn launch(&self, entry: &Arc<Entry>, image: Option<&OpenedImage>) -> Result<(), Problem> {
        let opened;
        let image = if let Some(image) = image {
            image
        } else {
            opened = self.images.open_again(&entry.image)?;
            &opened
        };
        let spec = Arc::clone(&entry.inner().spec);
        let mut settled =
            settle::settle(&entry.name, &spec, &image.stem, &image.config, &self.binds)?;
        self.fleet
            .secrets
            .inject(&spec.labels, &mut settled.config.env);
        let loaded = self
            .engine
            .load(&image.module)
            .map_err(|error| match error {
                LoadError::Module(_) | LoadError::Invalid { .. } => {
                    Problem::new(ProblemKind::ImageUnfit, error)
                }
                error => Problem::new(
                    ProblemKind::DeviceFault,
                    format_args!("preparing the module: {error}"),
                ),
            })?;
        let prepared = self.prepare(entry, &settled)?;
        let runtime = self.machine.create(Arc::new(settled.config.clone()));
        let holds = {
            let mut inner = entry.inner();
            let check = settled.health.map(|health| health.check);
            inner.health = HealthMonitor::new(check);
            inner.health_action = settled
                .health
                .map(|health| health.action)
                .unwrap_or_default();
            inner.health_message.clear();
            inner.health_at = None;
            inner.health_seen = Health::None;
            inner.usage = thimble_runtime::kernel::Usage::default();
            inner.refused.clear();
            inner.unmet = settled.unmet;
            inner.grants = settled.granted;
            inner.started_at = Some(Timestamp::now());
            inner.restarts.started(now());
            inner.health.started(now());
            inner.look_at_health(now());
            inner.run = Some(Run {
                runtime,
                _loaded: Arc::clone(&loaded),
                stdin: prepared.stdin,
                quotas: prepared.quotas,
                memory_bytes_limit: settled.config.limits.memory_bytes,
                listening: prepared.listening,
                _claim: prepared.claim,
                unhealthy: None,
            });
            inner.desired == Desired::Paused
        };
        crate::suspects::note(runtime, entry.id);
        // Before it runs, so that whatever happens to it finds it.
        self.wires.runs.write().insert(runtime, Arc::clone(entry));
        let started = if holds {
            self.machine
                .start_paused(runtime, &image.module, &*loaded, prepared.resources)
        } else {
            self.machine
                .start(runtime, &image.module, &*loaded, prepared.resources)
        };
        if let Err(error) = started {
            self.wires.runs.write().remove(&runtime);
            let _ = self.machine.remove(runtime);
            entry.inner().run = None;
            return Err(Problem::new(ProblemKind::CannotStart, error).about(&entry.name));
        }
        entry.inner().phase = if holds { Phase::Paused } else { Phase::Running };
        self.tell(EventKind::Start, entry, []);
        Ok(())
    }

    fn prepare(&self, entry: &Entry, settled: &Settled) -> Result<Prepared, Problem> {
        let (stdin, writer): (Box<dyn Stream>, _) = if settled.interactive {
            let (writer, reader) = streams::pipe(INPUT_BYTES_MAX);
            let writer: Box<dyn Stream> = Box::new(writer);
            (Box::new(reader), Some(Arc::new(Mutex::new(writer))))
        } else {
            (streams::null(), None)
        };
        let mut prepared = Prepared {
            resources: Resources {
                stdin,
                stdout: entry.log.stream(Source::Stdout),
                stderr: entry.log.stream(Source::Stderr),
                mounts: Vec::new(),
                listeners: Vec::new(),
            },
            stdin: writer,
            quotas: Vec::new(),
            listening: Vec::new(),
            claim: None,
        };
        self.mount(settled, &mut prepared)?;
        for text in &settled.listen {
            let listener = network::listen(text, self.machine.reactor()).map_err(|error| {
                Problem::new(
                    ProblemKind::CannotStart,
                    format_args!("listening on {text}: {error}"),
                )
                .about(&entry.name)
            })?;
            if let Ok(address) = listener.local_address() {
                prepared.listening.push(format!("tcp/{address}"));
            }
            prepared.resources.listeners.push(listener);
        }
        if settled.config.grants.key_value() {
            prepared.claim = Some(self.claim(entry)?);
        }
        Ok(prepared)
    }

    fn mount(&self, settled: &Settled, prepared: &mut Prepared) -> Result<(), Problem> {
        let limits = &settled.config.limits;
        for folder in &settled.mounts {
            let failed = |error: &std::io::Error| {
                disk_problem(&format!("mounting {}", folder.target), error)
            };
            let reactor = self.machine.reactor();
            let directory = match &folder.place {
                Place::Bind(path) => files::open_mount(path, &self.pool, reactor),
                Place::Volume(name) => self
                    .volumes
                    .open(name, limits.storage_bytes, limits.storage_files)
                    .and_then(|(path, quota)| {
                        let directory =
                            files::open_mount_limited(&path, &self.pool, reactor, &quota);
                        prepared.quotas.push(quota);
                        directory
                    }),
            };
            prepared.resources.mounts.push(Mount {
                path: folder.target.clone(),
                directory: directory.map_err(|error| failed(&error))?,
                read_only: folder.read_only,
            });
        }
        Ok(())
    }

    fn claim(&self, entry: &Entry) -> Result<thimble_port_linux::store::Claim, Problem> {
        self.key_values.claim(&entry.name).map_err(|error| {
            if error.kind() == std::io::ErrorKind::WouldBlock {
                Problem::new(
                    ProblemKind::InUse,
                    "another process runs a container of this name and uses its stored values; stop it",
                )
                .about(&entry.name)
            } else {
                disk_problem("opening the container's stored values", &error).about(&entry.name)
            }
        })
    }
}

/// What a run has from the start.
struct Prepared {
    resources: Resources,
    stdin: Option<Arc<Mutex<Box<dyn Stream>>>>,
    quotas: Vec<files::Quota>,
    listening: Vec<String>,
    claim: Option<thimble_port_linux::store::Claim>,
}
