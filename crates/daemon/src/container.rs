//! One container of the device: what was declared, where it is in its life, and what is known of it.
//!
//! Order of locks: `operation`, then `inner`. `operation` is held while something is done to the container, the disk
//! included, so that conflicting requests come one after the other; `inner` for moments only, never while waiting.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use thimble_device_api::{
    Container, ContainerSpec, DependencyCondition, ExitRecord, Health, HealthAction, HealthStatus,
    ImageIdentity, State, Stats, Timestamp,
};
use thimble_port_linux::files::Quota;
use thimble_port_linux::store::Claim;
use thimble_runtime::Instant;
use thimble_runtime::config::ContainerId;
use thimble_runtime::engine::LoadedModule;
use thimble_runtime::kernel::Usage;
use thimble_runtime::lifecycle::{HealthMonitor, HealthState, Restarts};
use thimble_runtime::port::Stream;
use tokio::sync::watch;

use crate::events::Subject;
use crate::identity::Id;
use crate::logs::ContainerLog;
use crate::state::{Desired, ENDS_MAX, Saved};

/// Grants whose want is told of a container.
const REFUSED_MAX: usize = 64;
/// Bytes of a health message that are kept.
const MESSAGE_BYTES_MAX: usize = 256;

/// A container of the device.
pub(crate) struct Entry {
    pub(crate) id: Id,
    pub(crate) name: String,
    pub(crate) app: Option<String>,
    pub(crate) image: ImageIdentity,
    pub(crate) created_at: Timestamp,
    pub(crate) log: ContainerLog,
    operation: Mutex<()>,
    inner: Mutex<Inner>,
    /// Changes with everything that somebody may wait for.
    version: watch::Sender<u32>,
}

/// What changes of a container.
pub(crate) struct Inner {
    pub(crate) spec: Arc<ContainerSpec>,
    pub(crate) desired: Desired,
    pub(crate) phase: Phase,
    /// More about the phase, for people.
    pub(crate) reason: Option<String>,
    pub(crate) run: Option<Run>,
    pub(crate) restarts: Restarts,
    pub(crate) total_restarts: u32,
    pub(crate) host_failures: u32,
    pub(crate) health: HealthMonitor,
    pub(crate) health_action: HealthAction,
    pub(crate) health_seen: Health,
    pub(crate) health_message: String,
    pub(crate) health_at: Option<Timestamp>,
    /// The health that was told last, and when: a container that changes its mind all the time is told once a second.
    pub(crate) health_told: (Health, Instant),
    /// The control thread has been asked to look at it and has not yet.
    pub(crate) look_asked: bool,
    pub(crate) started_at: Option<Timestamp>,
    /// The latest first.
    pub(crate) ends: Vec<ExitRecord>,
    /// How many runs have ended in this life of the daemon.
    pub(crate) ended: u64,
    pub(crate) usage: Usage,
    pub(crate) grants: Vec<String>,
    pub(crate) unmet: Vec<String>,
    pub(crate) refused: BTreeSet<String>,
    pub(crate) removed: bool,
}

/// Where a container is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Created,
    /// Waits for others.
    Waiting,
    Starting,
    Running,
    Paused,
    Stopping,
    /// Will be started again.
    Restarting {
        at: Instant,
        shown: Timestamp,
    },
    Exited,
    Failed,
}

/// A run that has not ended.
pub(crate) struct Run {
    pub(crate) runtime: ContainerId,
    /// Kept so that the next run, and other containers of the image, find it mapped.
    pub(crate) _loaded: Arc<dyn LoadedModule>,
    pub(crate) stdin: Option<Arc<Mutex<Box<dyn Stream>>>>,
    pub(crate) quotas: Vec<Quota>,
    pub(crate) memory_bytes_limit: u64,
    pub(crate) listening: Vec<String>,
    /// Its key-value data are its own as long as it runs.
    pub(crate) _claim: Option<Claim>,
    /// It is being killed because it is unhealthy: why.
    pub(crate) unhealthy: Option<String>,
}

impl Phase {
    pub(crate) const fn state(self) -> State {
        match self {
            Self::Created => State::Created,
            Self::Waiting => State::Waiting,
            Self::Starting => State::Starting,
            Self::Running => State::Running,
            Self::Paused => State::Paused,
            Self::Stopping => State::Stopping,
            Self::Restarting { .. } => State::Restarting,
            Self::Exited => State::Exited,
            Self::Failed => State::Failed,
        }
    }

    pub(crate) const fn is_live(self) -> bool {
        self.state().is_live()
    }

    /// Whether nothing will happen by itself any more.
    pub(crate) const fn is_at_rest(self) -> bool {
        matches!(self, Self::Created | Self::Exited | Self::Failed)
    }
}

impl Entry {
    /// A container as it was kept, not running.
    pub(crate) fn new(saved: Saved, log: ContainerLog, restarts: Restarts) -> Self {
        let phase = match saved.ends.first() {
            None => Phase::Created,
            Some(end) if is_success(end) => Phase::Exited,
            Some(_) => Phase::Failed,
        };
        Self {
            id: saved.id,
            name: saved.name,
            app: saved.spec.app.clone(),
            image: saved.image,
            created_at: saved.created_at,
            log,
            operation: Mutex::new(()),
            inner: Mutex::new(Inner {
                spec: Arc::new(saved.spec),
                desired: saved.desired,
                phase,
                reason: None,
                run: None,
                restarts,
                total_restarts: saved.restarts,
                host_failures: saved.host_failures,
                health: HealthMonitor::new(None),
                health_action: HealthAction::default(),
                health_seen: Health::None,
                health_message: String::new(),
                health_at: None,
                health_told: (Health::None, Instant::default()),
                look_asked: false,
                started_at: saved.started_at,
                ends: saved.ends,
                ended: 0,
                usage: Usage::default(),
                grants: Vec::new(),
                unmet: Vec::new(),
                refused: BTreeSet::new(),
                removed: false,
            }),
            version: watch::Sender::new(0),
        }
    }

    /// Waits for whatever is being done to the container, and keeps others from doing something.
    pub(crate) fn operate(&self) -> MutexGuard<'_, ()> {
        self.operation.lock()
    }

    /// Looks at it, or changes it, for a moment.
    pub(crate) fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock()
    }

    /// Tells whoever waits that something changed.
    pub(crate) fn changed(&self) {
        self.version
            .send_modify(|version| *version = version.wrapping_add(1));
    }

    /// A way to wait for changes.
    pub(crate) fn watch(&self) -> watch::Receiver<u32> {
        self.version.subscribe()
    }

    /// Whom events are about.
    pub(crate) fn subject(&self) -> Subject {
        Subject {
            container: Some(self.name.clone()),
            id: Some(self.id.to_string()),
            app: self.app.clone(),
        }
    }

    /// What is kept of it.
    pub(crate) fn saved(&self) -> Saved {
        let inner = self.inner.lock();
        Saved {
            id: self.id,
            name: self.name.clone(),
            spec: (*inner.spec).clone(),
            image: self.image.clone(),
            created_at: self.created_at,
            desired: inner.desired,
            started_at: inner.started_at,
            ends: inner.ends.clone(),
            restarts: inner.total_restarts,
            host_failures: inner.host_failures,
        }
    }

    /// Everything that is known of it, but for what it uses now.
    pub(crate) fn view(&self, stats: Stats) -> Container {
        let inner = self.inner.lock();
        Container {
            id: self.id.to_string(),
            name: self.name.clone(),
            app: self.app.clone(),
            image: self.image.clone(),
            state: inner.phase.state(),
            reason: inner.reason.clone(),
            health: HealthStatus {
                status: inner.health_seen,
                message: inner.health_message.clone(),
                reported_at: inner.health_at,
            },
            created_at: self.created_at,
            started_at: inner.started_at,
            next_start_at: match inner.phase {
                Phase::Restarting { shown, .. } => Some(shown),
                _ => None,
            },
            restarts: inner.total_restarts,
            failures: inner.restarts.failures(),
            crash_loop: inner.restarts.is_crash_loop(),
            ends: inner.ends.clone(),
            stats,
            grants: inner.grants.clone(),
            refused: inner.refused.iter().cloned().collect(),
            unmet: inner.unmet.clone(),
            listening: inner
                .run
                .as_ref()
                .map(|run| run.listening.clone())
                .unwrap_or_default(),
            spec: (*inner.spec).clone(),
        }
    }
}

impl Inner {
    /// Puts an end in front of the others.
    pub(crate) fn add_end(&mut self, end: ExitRecord) {
        self.ends.insert(0, end);
        self.ends.truncate(ENDS_MAX);
        self.ended += 1;
    }

    /// The run of this number, if that is the one that has not ended.
    pub(crate) fn is_run(&self, runtime: ContainerId) -> bool {
        self.run.as_ref().is_some_and(|run| run.runtime == runtime)
    }

    /// Notes a grant that it wanted; whether that is new.
    pub(crate) fn refuse(&mut self, grant: &str) -> bool {
        self.refused.len() < REFUSED_MAX && self.refused.insert(grant.to_owned())
    }

    /// Looks how it is at this moment; whether that is news.
    pub(crate) fn look_at_health(&mut self, now: Instant) -> bool {
        let state = self.health.check(now);
        let seen = match &state {
            HealthState::None => Health::None,
            HealthState::Starting => Health::Starting,
            HealthState::Healthy => Health::Healthy,
            HealthState::Degraded => Health::Degraded,
            HealthState::Unhealthy(_) => Health::Unhealthy,
        };
        if let HealthState::Unhealthy(illness) = &state
            && self.health_message.is_empty()
        {
            self.health_message = illness.to_string();
        }
        std::mem::replace(&mut self.health_seen, seen) != seen
    }

    /// Keeps what the guest said of its health.
    pub(crate) fn set_health_message(&mut self, message: &str) {
        let mut end = message.len().min(MESSAGE_BYTES_MAX);
        while !message.is_char_boundary(end) {
            end -= 1;
        }
        self.health_message.clear();
        self.health_message
            .push_str(message.get(..end).unwrap_or_default());
        self.health_at = Some(Timestamp::now());
    }

    /// Whether it is as far as another one waits for.
    pub(crate) fn satisfies(&self, condition: DependencyCondition) -> bool {
        match condition {
            DependencyCondition::Started => matches!(self.phase, Phase::Running | Phase::Paused),
            DependencyCondition::Healthy => {
                self.phase == Phase::Running && self.health_seen == Health::Healthy
            }
            DependencyCondition::Completed => {
                self.phase == Phase::Exited && self.ends.first().is_some_and(is_success)
            }
        }
    }
}

/// Whether a run did what it should.
pub(crate) fn is_success(end: &ExitRecord) -> bool {
    use thimble_device_api::EndReason;
    match end.reason {
        EndReason::Exited => end.exit_code == 0,
        EndReason::Stopped => true,
        _ => false,
    }
}
