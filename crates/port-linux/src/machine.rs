//! Runs containers on threads of a Linux device.
//!
//! A [`Machine`] joins the kernel with the ports. Workers take leases from it: the calling thread with
//! [`Machine::run_until`], or any number of threads with [`Machine::spawn_workers`]. One idle worker waits
//! in the reactor, the others on a condition; whatever becomes ready wakes one of them.

#[cfg(test)]
mod tests;
mod waker;
mod worker;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};
use thimble_runtime::bus::{Bus, BusAccess};
use thimble_runtime::config::{ContainerConfig, ContainerId, ContainerUpdate};
use thimble_runtime::engine::{InstanceSpec, InstantiateError, LoadedModule};
use thimble_runtime::host::{HostState, Question, Resources};
use thimble_runtime::kernel::{
    Asked, Beginning, Body, Effect, Ended, Kernel, Schedule, State, StateError, Usage,
};
use thimble_runtime::module::{ExportKind, Interface, Module, NoEntry};
use thimble_runtime::port::{Board, Clock, KeyValue, Network, Observer, Ports};
use thimble_runtime::record::ExitRecord;

use crate::clock::{SystemClock, SystemRandom};
use crate::reactor::Reactor;

pub use worker::running_container;

/// The device's parts that a machine uses.
pub struct Devices {
    /// Sockets and name look-up.
    pub network: Box<dyn Network + Send>,
    /// Pins and sensors.
    pub board: Box<dyn Board + Send>,
    /// Key-value data.
    pub store: Box<dyn KeyValue + Send>,
    /// Where traces go.
    pub observer: Box<dyn Observer + Send>,
    /// Readiness of descriptors: the one that the other parts were made with.
    pub reactor: Reactor,
}

/// Runs containers. Clones are the same machine.
#[derive(Clone)]
pub struct Machine(Arc<Shared>);

struct Shared {
    kernel: Mutex<Kernel>,
    /// Told when there may be work, and when workers should end.
    work: Condvar,
    /// Told when a container has ended.
    ended: Condvar,
    devices: Devices,
    bus: SharedBus,
    /// Whether a worker is waiting in the reactor.
    turning: AtomicBool,
    /// How often workers were asked to look whether they are done.
    interrupts: AtomicU64,
    ending: AtomicBool,
}

#[derive(Default)]
struct SharedBus(Mutex<Bus>);

impl BusAccess for SharedBus {
    fn with_bus(&self, use_bus: &mut dyn FnMut(&mut Bus)) {
        use_bus(&mut self.0.lock());
    }
}

/// Threads that run containers; they end when this is dropped.
pub struct Workers {
    machine: Machine,
    threads: Vec<JoinHandle<()>>,
}

/// Why a container could not be started.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// Its state does not allow it.
    State(StateError),
    /// Its module has nothing that could be run.
    NoEntry {
        /// The functions it exports.
        exports: Vec<String>,
    },
    /// The engine could not make a guest.
    Instantiate(InstantiateError),
}

impl std::fmt::Display for StartError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::State(error) => error.fmt(formatter),
            Self::NoEntry { exports } if exports.is_empty() => formatter.write_str(
                "the module exports no function, so there is nothing to run; it needs `_start`",
            ),
            Self::NoEntry { exports } => write!(
                formatter,
                "the module exports neither `_start` nor `_initialize`; choose one of its functions with --entry: {}",
                exports.join(", ")
            ),
            Self::Instantiate(error) => error.fmt(formatter),
        }
    }
}

impl std::error::Error for StartError {}

impl From<StateError> for StartError {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

impl Machine {
    /// A machine without containers.
    #[must_use]
    pub fn new(devices: Devices, schedule: Schedule) -> Self {
        Self(Arc::new(Shared {
            kernel: Mutex::new(Kernel::new(schedule)),
            work: Condvar::new(),
            ended: Condvar::new(),
            devices,
            bus: SharedBus::default(),
            turning: AtomicBool::new(false),
            interrupts: AtomicU64::new(0),
            ending: AtomicBool::new(false),
        }))
    }

    /// The ports as host calls see them.
    fn ports(&self) -> Ports<'_> {
        let Shared { devices, bus, .. } = &*self.0;
        Ports {
            clock: &SystemClock,
            random: &SystemRandom,
            network: &*devices.network,
            board: &*devices.board,
            store: &*devices.store,
            bus,
            observer: &*devices.observer,
        }
    }

    /// The reactor that serves this machine.
    #[must_use]
    pub fn reactor(&self) -> &Reactor {
        &self.0.devices.reactor
    }

    /// Adds a container in the state created.
    #[must_use]
    pub fn create(&self, config: Arc<ContainerConfig>) -> ContainerId {
        self.0.kernel.lock().create(config)
    }

    /// An id that no container has or will have, for somebody else on the bus.
    #[must_use]
    pub fn new_id(&self) -> ContainerId {
        self.0.kernel.lock().new_id()
    }

    /// Uses the bus; short, and never from inside itself. Whoever publishes wakes the receivers afterwards.
    pub fn with_bus(&self, use_bus: &mut dyn FnMut(&mut Bus)) {
        self.0.bus.with_bus(use_bus);
    }

    /// Changes a container's configuration, in whatever state it is.
    ///
    /// # Errors
    /// [`StateError::Unknown`].
    pub fn update(&self, id: ContainerId, update: ContainerUpdate) -> Result<(), StateError> {
        let config = {
            let mut kernel = self.0.kernel.lock();
            kernel.update(id, &update)?;
            kernel.config(id).cloned().ok_or(StateError::Unknown)?
        };
        // One that runs now would say so itself before its next slice; one that waits may do so for long.
        self.with_bus(&mut |bus| bus.set_limits(id, &config.limits, config.queue_policy));
        Ok(())
    }

    /// Starts a container. If its last run has ended but not yet given back what it held, that comes first.
    ///
    /// # Errors
    /// [`StartError`]; the container stays as it was.
    pub fn start(
        &self,
        id: ContainerId,
        module: &Module,
        loaded: &dyn LoadedModule,
        resources: Resources,
    ) -> Result<(), StartError> {
        self.begin(id, module, loaded, resources, Beginning::Running)
    }

    /// Starts a container that is paused before it has done anything.
    ///
    /// # Errors
    /// [`StartError`]; the container stays as it was.
    pub fn start_paused(
        &self,
        id: ContainerId,
        module: &Module,
        loaded: &dyn LoadedModule,
        resources: Resources,
    ) -> Result<(), StartError> {
        self.begin(id, module, loaded, resources, Beginning::Paused)
    }

    fn begin(
        &self,
        id: ContainerId,
        module: &Module,
        loaded: &dyn LoadedModule,
        resources: Resources,
        beginning: Beginning,
    ) -> Result<(), StartError> {
        let config = self.await_release(id)?;
        let interface = module.interface();
        let spec = InstanceSpec {
            memory_bytes_max: config.limits.memory_bytes,
            table_elements_max: config.limits.table_elements,
            stack_bytes: config.limits.stack_bytes,
            entries: entries(module, &interface, config.entry.as_deref())?,
        };
        let guest = loaded.instantiate(&spec).map_err(StartError::Instantiate)?;
        let host = HostState::new(id, config, resources, &interface);
        let body = Box::new(Body {
            guest,
            host,
            waker: waker::container(self, id),
        });
        let started = self.0.kernel.lock().start(
            id,
            body,
            beginning,
            SystemClock.now(),
            SystemClock.realtime_nanos(),
        );
        match started {
            Ok(()) => {
                self.notify();
                Ok(())
            }
            Err((error, body)) => {
                self.dispose(Ended {
                    body,
                    outcome: None,
                });
                Err(error.into())
            }
        }
    }

    /// Sees to it that nothing of a container's last run can harm the next, and gives its configuration.
    fn await_release(&self, id: ContainerId) -> Result<Arc<ContainerConfig>, StateError> {
        let mut kernel = self.0.kernel.lock();
        while kernel.is_releasing(id) {
            let Some(ended) = kernel.take_ended(id) else {
                // Another thread is at it.
                self.0.ended.wait(&mut kernel);
                continue;
            };
            drop(kernel);
            self.dispose(ended);
            kernel = self.0.kernel.lock();
        }
        kernel.config(id).cloned().ok_or(StateError::Unknown)
    }

    /// Kills a container.
    ///
    /// # Errors
    /// [`StateError`] when it is neither running nor paused.
    pub fn kill(&self, id: ContainerId) -> Result<(), StateError> {
        let effect = self
            .0
            .kernel
            .lock()
            .kill(id, SystemClock.realtime_nanos())?;
        self.carry_out(effect);
        Ok(())
    }

    /// Asks a container to stop, and kills it after its grace.
    ///
    /// # Errors
    /// [`StateError`] when it is neither running nor paused.
    pub fn stop(&self, id: ContainerId) -> Result<(), StateError> {
        self.stop_within(id, None)
    }

    /// Asks a container to stop, and kills it after `grace` instead of its own.
    ///
    /// # Errors
    /// [`StateError`] when it is neither running nor paused.
    pub fn stop_within(&self, id: ContainerId, grace: Option<Duration>) -> Result<(), StateError> {
        let effect = self.0.kernel.lock().stop(
            id,
            grace,
            SystemClock.now(),
            SystemClock.realtime_nanos(),
        )?;
        self.carry_out(effect);
        Ok(())
    }

    /// Asks a container whether it may be replaced now; the observer hears its answer.
    ///
    /// # Errors
    /// [`StateError`] when it is neither running nor paused.
    pub fn ask_update(
        &self,
        id: ContainerId,
        question: u32,
        time: Duration,
    ) -> Result<Asked, StateError> {
        let question = Question {
            id: question,
            until: SystemClock.now() + time,
        };
        let (asked, effect) = self.0.kernel.lock().ask_update(id, question)?;
        self.carry_out(effect);
        Ok(asked)
    }

    /// A container's configuration as it is now.
    #[must_use]
    pub fn config(&self, id: ContainerId) -> Option<Arc<ContainerConfig>> {
        self.0.kernel.lock().config(id).cloned()
    }

    /// Keeps a container from running.
    ///
    /// # Errors
    /// [`StateError`] when it is not running.
    pub fn pause(&self, id: ContainerId) -> Result<(), StateError> {
        let effect = self.0.kernel.lock().pause(id)?;
        self.carry_out(effect);
        Ok(())
    }

    /// Lets a paused container run again.
    ///
    /// # Errors
    /// [`StateError`] when it is not paused.
    pub fn unpause(&self, id: ContainerId) -> Result<(), StateError> {
        let effect = self.0.kernel.lock().unpause(id)?;
        self.carry_out(effect);
        Ok(())
    }

    /// Forgets a container that is not running.
    ///
    /// # Errors
    /// [`StateError`] when it is running, paused or unknown.
    pub fn remove(&self, id: ContainerId) -> Result<(), StateError> {
        self.0.kernel.lock().remove(id)
    }

    /// A container's state.
    #[must_use]
    pub fn state(&self, id: ContainerId) -> Option<State> {
        self.0.kernel.lock().state(id)
    }

    /// How a container's last run ended.
    #[must_use]
    pub fn record(&self, id: ContainerId) -> Option<ExitRecord> {
        self.0.kernel.lock().record(id).cloned()
    }

    /// What a container's current or last run has used.
    #[must_use]
    pub fn usage(&self, id: ContainerId) -> Option<Usage> {
        self.0.kernel.lock().usage(id)
    }

    /// Waits on this thread, without running anything, until a container has ended; workers run it.
    /// `None` if there is no such container or it has not been started.
    #[must_use]
    pub fn wait(&self, id: ContainerId) -> Option<ExitRecord> {
        let mut kernel = self.0.kernel.lock();
        loop {
            match kernel.state(id)? {
                State::Running | State::Paused => self.0.ended.wait(&mut kernel),
                _ => return kernel.record(id).cloned(),
            }
        }
    }

    /// Runs containers on this thread until `done` says so; it is asked between any two slices and after
    /// every event of the reactor. When something else makes it true, [`Machine::interrupt`] has it asked.
    pub fn run_until(&self, mut done: impl FnMut(&Self) -> bool) {
        worker::run(self, &mut done);
    }

    /// Makes every thread that is in [`Machine::run_until`] ask `done` again soon.
    pub fn interrupt(&self) {
        self.0.interrupts.fetch_add(1, Ordering::SeqCst);
        // Whoever is about to wait looks under the lock; holding it here closes the gap.
        drop(self.0.kernel.lock());
        self.0.work.notify_all();
        self.0.devices.reactor.interrupt();
    }

    /// Runs containers on threads of their own until the result is dropped.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn spawn_workers(&self, count: usize) -> std::io::Result<Workers> {
        let mut workers = Workers {
            machine: self.clone(),
            threads: Vec::with_capacity(count),
        };
        for number in 0..count {
            let machine = self.clone();
            let thread = std::thread::Builder::new()
                .name(format!("worker-{number}"))
                .spawn(move || {
                    machine.run_until(|machine| machine.0.ending.load(Ordering::Acquire));
                })?;
            workers.threads.push(thread);
        }
        Ok(workers)
    }

    fn carry_out(&self, effect: Effect) {
        if let Some(interrupt) = effect.interrupt {
            interrupt.interrupt();
        }
        if let Some(ended) = effect.dispose {
            self.dispose(ended);
        }
        if effect.notify {
            self.notify();
        }
    }

    /// Drops a container that has ended, and tells whoever waits for that.
    fn dispose(&self, ended: Ended) {
        let Ended { mut body, outcome } = ended;
        let id = body.host.id();
        body.host.release(&self.ports());
        drop(body);
        if let Some((record, usage)) = outcome {
            self.0.devices.observer.ended(id, &record, usage);
            // Waiters check under the lock.
            self.0.kernel.lock().released(id);
        }
        self.0.ended.notify_all();
        self.notify();
    }

    /// Something became ready: an idle worker should look.
    fn notify(&self) {
        self.0.work.notify_one();
        // Whoever turns the reactor looks by itself when its turn is over.
        if self.0.turning.load(Ordering::SeqCst) && !worker::turns_reactor() {
            self.0.devices.reactor.interrupt();
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.machine.0.ending.store(true, Ordering::Release);
        self.machine.interrupt();
        for thread in self.threads.drain(..) {
            // A worker that panicked has said so on standard error already.
            let _ = thread.join();
        }
    }
}

/// The functions to call; without one, those that there are.
fn entries(
    module: &Module,
    interface: &Interface,
    entry: Option<&str>,
) -> Result<Vec<String>, StartError> {
    interface.entries(entry).map_err(|NoEntry| {
        let functions = module
            .exports()
            .iter()
            .filter(|export| matches!(export.kind, ExportKind::Function { .. }));
        StartError::NoEntry {
            exports: functions.map(|export| export.name.clone()).collect(),
        }
    })
}
