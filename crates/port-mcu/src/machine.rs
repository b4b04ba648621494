//! Runs containers on the one processor of a microcontroller.
//!
//! Whoever owns the processor calls [`Machine::step`] again and again: it runs one slice, or says until when there is
//! nothing to do. Between steps it may look after other things. [`Alarm`] tells when to step again earlier; interrupt
//! handlers may ring it.

mod alarm;
mod lock;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use thimble_runtime::bus::{Bus, BusAccess};
use thimble_runtime::config::{ContainerConfig, ContainerId, ContainerUpdate};
use thimble_runtime::engine::{Guest, InstanceSpec, InstantiateError, LoadedModule};
use thimble_runtime::host::{HostState, Resources};
use thimble_runtime::kernel::{
    Beginning, Body, Effect, Ended, Kernel, Next, Schedule, State, StateError, Usage,
};
use thimble_runtime::module::{Interface, NoEntry};
use thimble_runtime::port::{Board, Clock, KeyValue, Network, Observer, Ports, Random};
use thimble_runtime::record::ExitRecord;
use thimble_runtime::time::Instant;

pub use alarm::Alarm;
pub use lock::{Lock, Taken};

use alarm::Bells;

/// The device's parts that a machine uses.
pub struct Devices {
    /// Clocks.
    pub clock: Box<dyn Clock + Send>,
    /// Randomness.
    pub random: Box<dyn Random + Send>,
    /// Sockets.
    pub network: Box<dyn Network + Send>,
    /// Pins and sensors.
    pub board: Box<dyn Board + Send>,
    /// Key-value data.
    pub store: Box<dyn KeyValue + Send>,
    /// Where traces go, and who hears of ends.
    pub observer: Box<dyn Observer + Send>,
}

/// Hears which container's slice begins, and that it is over. It is called twice for every slice: whoever handles faults
/// has noted then what ran.
pub type Watch = fn(Option<(ContainerId, &str)>);

/// Runs containers.
pub struct Machine {
    kernel: Lock<Kernel>,
    bus: SharedBus,
    devices: Devices,
    bells: Lock<Bells>,
    alarm: Arc<Alarm>,
    watch: Watch,
}

struct SharedBus(Lock<Bus>);

impl BusAccess for SharedBus {
    fn with_bus(&self, use_bus: &mut dyn FnMut(&mut Bus)) {
        // It is never used from inside itself.
        if let Ok(mut bus) = self.0.take() {
            use_bus(&mut bus);
        }
    }
}

/// What a step did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// It ran a slice, or ended something: there may be more to do.
    Ran,
    /// There is nothing to do until then, or until the alarm rings.
    Idle {
        /// The next deadline.
        until: Option<Instant>,
    },
}

/// Why a container could not be started.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartError {
    /// Its state does not allow it.
    State(StateError),
    /// Its module has nothing that could be run.
    NoEntry,
    /// The engine could not make a guest.
    Instantiate(InstantiateError),
    /// The machine is at work: it was called from within a host call.
    Busy,
}

impl fmt::Display for StartError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::State(error) => error.fmt(formatter),
            Self::NoEntry => formatter
                .write_str("the module exports neither `_start` nor `_initialize`; name one of its functions as entry"),
            Self::Instantiate(error) => error.fmt(formatter),
            Self::Busy => formatter.write_str("the device is at work; try again"),
        }
    }
}

impl core::error::Error for StartError {}

impl From<StateError> for StartError {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

impl From<Taken> for StartError {
    fn from(_: Taken) -> Self {
        Self::Busy
    }
}

impl Machine {
    /// A machine without containers.
    #[must_use]
    pub fn new(devices: Devices, schedule: Schedule) -> Self {
        let alarm = Arc::new(Alarm::new());
        Self {
            kernel: Lock::new(Kernel::new(schedule)),
            bus: SharedBus(Lock::new(Bus::default())),
            devices,
            bells: Lock::new(Bells::default()),
            alarm,
            watch: |_| {},
        }
    }

    /// Rings when there may be something to do.
    #[must_use]
    pub fn alarm(&self) -> &Arc<Alarm> {
        &self.alarm
    }

    /// The device's clock.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        &*self.devices.clock
    }

    /// Has every slice told.
    pub const fn set_watch(&mut self, watch: Watch) {
        self.watch = watch;
    }

    fn ports(&self) -> Ports<'_> {
        let devices = &self.devices;
        Ports {
            clock: &*devices.clock,
            random: &*devices.random,
            network: &*devices.network,
            board: &*devices.board,
            store: &*devices.store,
            bus: &self.bus,
            observer: &*devices.observer,
        }
    }

    fn now(&self) -> Instant {
        self.devices.clock.now()
    }

    fn realtime_nanos(&self) -> u64 {
        self.devices.clock.realtime_nanos()
    }

    fn kernel(&self) -> Result<spin::MutexGuard<'_, Kernel>, Taken> {
        self.kernel.take()
    }

    /// Runs one slice, or does what else is due.
    #[inline(never)]
    pub fn step(&self) -> Step {
        self.hear_bells();
        let now = self.now();
        let next = {
            let Ok(mut kernel) = self.kernel() else {
                return Step::Ran;
            };
            kernel.next(now, || self.realtime_nanos())
        };
        match next {
            Next::Run(mut lease) => {
                (self.watch)(Some((lease.id, lease.name())));
                let yielded = lease.run(&self.ports());
                (self.watch)(None);
                let now = self.now();
                if let Ok(mut kernel) = self.kernel() {
                    kernel.finish(lease, yielded, now, || self.realtime_nanos());
                }
                Step::Ran
            }
            Next::Dispose(ended) => {
                self.dispose(ended);
                Step::Ran
            }
            Next::Idle { until } => Step::Idle { until },
        }
    }

    /// Wakes the containers whose wakers were called since the last time.
    fn hear_bells(&self) {
        if !self.alarm.answer() {
            return;
        }
        let (Ok(bells), Ok(mut kernel)) = (self.bells.take(), self.kernel()) else {
            return;
        };
        for id in bells.rung() {
            kernel.wake(id);
        }
    }

    /// Uses the bus; short, and never from inside itself. Whoever publishes wakes the receivers afterwards.
    pub fn with_bus(&self, use_bus: &mut dyn FnMut(&mut Bus)) {
        self.bus.with_bus(use_bus);
    }

    /// Adds a container in the state created.
    ///
    /// # Errors
    /// [`Taken`] from within a host call.
    pub fn create(&self, config: Arc<ContainerConfig>) -> Result<ContainerId, Taken> {
        Ok(self.kernel()?.create(config))
    }

    /// Changes a container's configuration, in whatever state it is.
    ///
    /// # Errors
    /// [`StartError::State`] if there is none.
    pub fn update(&self, id: ContainerId, update: &ContainerUpdate) -> Result<(), StartError> {
        let config = {
            let mut kernel = self.kernel()?;
            kernel.update(id, update)?;
            kernel.config(id).cloned().ok_or(StateError::Unknown)?
        };
        self.with_bus(&mut |bus| bus.set_limits(id, &config.limits, config.queue_policy));
        Ok(())
    }

    /// Starts a container.
    ///
    /// # Errors
    /// [`StartError`]; the container stays as it was.
    #[inline(never)]
    pub fn start(
        &self,
        id: ContainerId,
        module: &dyn LoadedModule,
        interface: &Interface,
        resources: Resources,
        beginning: Beginning,
    ) -> Result<(), StartError> {
        self.give_back(id)?;
        let config = self
            .kernel()?
            .config(id)
            .cloned()
            .ok_or(StateError::Unknown)?;
        let spec = InstanceSpec {
            memory_bytes_max: config.limits.memory_bytes,
            table_elements_max: config.limits.table_elements,
            stack_bytes: config.limits.stack_bytes,
            entries: interface
                .entries(config.entry.as_deref())
                .map_err(|NoEntry| StartError::NoEntry)?,
        };
        let guest = module.instantiate(&spec).map_err(StartError::Instantiate)?;
        let body = self.body(id, guest, config, resources, interface)?;
        let (now, realtime_nanos) = (self.now(), self.realtime_nanos());
        let started = self
            .kernel()?
            .start(id, body, beginning, now, realtime_nanos);
        if let Err((error, body)) = started {
            self.dispose(Ended {
                body,
                outcome: None,
            });
            return Err(error.into());
        }
        self.alarm.ring();
        Ok(())
    }

    /// A guest and its host. Apart, so that these are off the stack while the engine makes a guest.
    #[inline(never)]
    fn body(
        &self,
        id: ContainerId,
        guest: Box<dyn Guest>,
        config: Arc<ContainerConfig>,
        resources: Resources,
        interface: &Interface,
    ) -> Result<Box<Body>, Taken> {
        Ok(Box::new(Body {
            guest,
            host: HostState::new(id, config, resources, interface),
            waker: self.bells.take()?.add(id, &self.alarm),
        }))
    }

    /// Sees to it that nothing is left of a container's last run.
    #[inline(never)]
    fn give_back(&self, id: ContainerId) -> Result<(), Taken> {
        let ended = self.kernel()?.take_ended(id);
        if let Some(ended) = ended {
            self.dispose(ended);
        }
        Ok(())
    }

    /// Kills a container.
    ///
    /// # Errors
    /// [`StateError`] when it is neither running nor paused.
    pub fn kill(&self, id: ContainerId) -> Result<(), StartError> {
        let effect = self.kernel()?.kill(id, self.realtime_nanos())?;
        self.carry_out(effect);
        Ok(())
    }

    /// Asks a container to stop, and kills it after its grace, or after `grace`.
    ///
    /// # Errors
    /// [`StateError`] when it is neither running nor paused.
    pub fn stop(&self, id: ContainerId, grace: Option<Duration>) -> Result<(), StartError> {
        let (now, realtime_nanos) = (self.now(), self.realtime_nanos());
        let effect = self.kernel()?.stop(id, grace, now, realtime_nanos)?;
        self.carry_out(effect);
        Ok(())
    }

    /// Keeps a container from running.
    ///
    /// # Errors
    /// [`StateError`] when it is not running.
    pub fn pause(&self, id: ContainerId) -> Result<(), StartError> {
        let effect = self.kernel()?.pause(id)?;
        self.carry_out(effect);
        Ok(())
    }

    /// Lets a paused container go on.
    ///
    /// # Errors
    /// [`StateError`] when it is not paused.
    pub fn unpause(&self, id: ContainerId) -> Result<(), StartError> {
        let effect = self.kernel()?.unpause(id)?;
        self.carry_out(effect);
        self.alarm.ring();
        Ok(())
    }

    /// Forgets a container that is not running.
    ///
    /// # Errors
    /// [`StateError`] when it is running, paused or unknown.
    pub fn remove(&self, id: ContainerId) -> Result<(), StartError> {
        self.give_back(id)?;
        Ok(self.kernel()?.remove(id)?)
    }

    /// A container's state.
    #[must_use]
    pub fn state(&self, id: ContainerId) -> Option<State> {
        self.kernel().ok()?.state(id)
    }

    /// How a container's last run ended.
    #[must_use]
    pub fn record(&self, id: ContainerId) -> Option<ExitRecord> {
        self.kernel().ok()?.record(id).cloned()
    }

    /// What a container's current or last run has used.
    #[must_use]
    pub fn usage(&self, id: ContainerId) -> Option<Usage> {
        self.kernel().ok()?.usage(id)
    }

    /// All containers, in the order of their creation.
    #[must_use]
    pub fn ids(&self) -> Vec<ContainerId> {
        self.kernel()
            .map(|kernel| kernel.ids().collect())
            .unwrap_or_default()
    }

    #[inline(never)]
    fn carry_out(&self, effect: Effect) {
        if let Some(interrupt) = effect.interrupt {
            interrupt.interrupt();
        }
        if let Some(ended) = effect.dispose {
            self.dispose(ended);
        }
        if effect.notify {
            self.alarm.ring();
        }
    }

    /// Drops a container that has ended, and tells of it.
    #[inline(never)]
    fn dispose(&self, ended: Ended) {
        let Ended { mut body, outcome } = ended;
        let id = body.host.id();
        body.host.release(&self.ports());
        drop(body);
        if let Ok(mut bells) = self.bells.take() {
            bells.remove(id);
        }
        if let Some((record, usage)) = outcome {
            self.devices.observer.ended(id, &record, usage);
            if let Ok(mut kernel) = self.kernel() {
                kernel.released(id);
            }
        }
        self.alarm.ring();
    }
}
