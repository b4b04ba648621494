//! The host interface: carries out what guests call, over the ports, apart from any engine.
//!
//! [`HostState`] is a container's side of it between calls. For each slice the kernel binds it to the
//! ports with [`HostState::bind`], and the engine calls the result. A call that cannot finish says
//! `Blocked`; the engine repeats it with the same arguments when the container is resumed.
//!
//! # Invariants
//!
//! Every offset and length a guest gives is checked in full before use. A refused call returns an error
//! code and tells the observer once which grant was missing. No call blocks the thread.

mod arguments;
#[cfg_attr(
    not(all(feature = "files", feature = "network")),
    allow(dead_code, unused_imports, reason = "what only paths or sockets need")
)]
mod descriptors;
mod env;
mod events;
mod messages;
mod output;
mod pins;
#[cfg(feature = "network")]
mod sock;
#[cfg(not(feature = "network"))]
#[path = "host/no_sock.rs"]
mod sock;
mod thimble;
mod update;
mod wasi;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::task::Waker;
use core::time::Duration;

use thimble_abi::Call;

use crate::config::{ContainerConfig, ContainerId};
use crate::engine::{CallOutcome, Host};
use crate::module::Interface;
use crate::port::{Directory, Ports, Socket, Stream};
use crate::record::Trace;
use crate::seldom::Seldom;
use crate::sorted::Sorted;
use crate::time::{Instant, nanos};

pub(crate) use arguments::Arguments;
use descriptors::Descriptors;
use output::Tail;
pub use update::Question;

/// What a container has open from the start.
pub struct Resources {
    /// Standard input.
    pub stdin: Box<dyn Stream>,
    /// Standard output.
    pub stdout: Box<dyn Stream>,
    /// Standard error.
    pub stderr: Box<dyn Stream>,
    /// Mounts: the path the guest sees, the directory, and whether it can be written. They become
    /// descriptors 3, 4, …
    pub mounts: Vec<Mount>,
    /// Listening sockets, the descriptors after the mounts.
    pub listeners: Vec<Box<dyn Socket>>,
}

/// A directory of the device inside a container.
pub struct Mount {
    /// The path under which the guest knows it.
    pub path: String,
    /// The directory.
    pub directory: Box<dyn Directory>,
    /// Whether it is read-only.
    pub read_only: bool,
}

/// A container's side of the host interface.
pub struct HostState {
    id: ContainerId,
    config: Arc<ContainerConfig>,
    descriptors: Descriptors,
    env: Seldom<env::State>,
    thimble: thimble::State,
    #[cfg_attr(
        not(feature = "network"),
        expect(dead_code, reason = "only calls for sockets use it")
    )]
    sock: sock::State,
    wasi: wasi::State,
    events: events::Pending,
    tail: Tail,
    /// Processor time used before this slice.
    cpu_nanos: u64,
    /// When this slice began.
    slice_began: Instant,
    /// When the call under way was first made, if it asked.
    began: Option<Instant>,
    /// Until when the call under way waits at most.
    wait_until: Option<Instant>,
    /// What was told once; few have anything to tell.
    told: Option<Box<Told>>,
    memory_refused: bool,
    hears_stop: bool,
    /// Whether the bus does not know its configuration yet.
    bus_is_behind: bool,
    /// The grace of a stop that was requested and not yet told.
    stop_requested: Option<Duration>,
    consent: update::Consent,
}

/// What was told once.
#[derive(Default)]
struct Told {
    /// Grants whose want was told.
    refused: Sorted<Box<str>>,
    /// Limits whose breaking was told.
    limits: Sorted<&'static str>,
}

impl HostState {
    /// The state of a container that has not begun.
    #[must_use]
    pub fn new(
        id: ContainerId,
        config: Arc<ContainerConfig>,
        resources: Resources,
        interface: &Interface,
    ) -> Self {
        Self {
            id,
            descriptors: Descriptors::new(resources, &config),
            env: env::State::new(interface),
            thimble: thimble::State::default(),
            sock: sock::State::default(),
            wasi: wasi::State::default(),
            events: events::Pending::default(),
            tail: Tail::new(config.limits.output_tail_bytes),
            cpu_nanos: 0,
            slice_began: Instant::default(),
            config,
            hears_stop: interface.hears_stop,
            began: None,
            wait_until: None,
            told: None,
            memory_refused: false,
            bus_is_behind: false,
            stop_requested: None,
            consent: update::Consent::default(),
        }
    }

    /// The container.
    #[must_use]
    pub const fn id(&self) -> ContainerId {
        self.id
    }

    /// The container's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.config.name
    }

    /// Binds it to the ports for one slice. `waker` makes the container runnable again.
    pub fn bind<'a>(&'a mut self, ports: &'a Ports<'a>, waker: &'a Waker) -> Context<'a> {
        if core::mem::take(&mut self.bus_is_behind) {
            let (id, config) = (self.id, &self.config);
            ports
                .bus
                .with_bus(&mut |bus| bus.set_limits(id, &config.limits, config.queue_policy));
        }
        self.slice_began = ports.clock.now();
        Context {
            state: self,
            ports,
            waker,
        }
    }

    /// Whether this is its configuration, not an older or newer one.
    #[must_use]
    pub fn has_config(&self, config: &Arc<ContainerConfig>) -> bool {
        Arc::ptr_eq(&self.config, config)
    }

    /// Replaces its configuration: limits hold from now on, for what it has from before as well as that is possible.
    /// What was told of the old limits is told of the new ones again.
    pub fn reconfigure(&mut self, config: Arc<ContainerConfig>) {
        let limits = &config.limits;
        self.descriptors.set_limits(limits);
        self.tail.set_capacity(limits.output_tail_bytes);
        if let Some(told) = &mut self.told {
            told.limits.clear();
        }
        if limits.memory_bytes > self.config.limits.memory_bytes {
            self.memory_refused = false;
        }
        self.bus_is_behind = true;
        self.config = config;
    }

    /// Tells the processor time used so far, before a slice; the guest can ask for it.
    pub fn set_cpu_used(&mut self, cpu: Duration) {
        self.cpu_nanos = nanos(cpu);
    }

    /// Processor time used until now, within a slice.
    fn cpu_used(&self, now: Instant) -> Duration {
        let nanos = self
            .cpu_nanos
            .saturating_add(now.nanos_since(self.slice_began));
        Duration::from_nanos(nanos)
    }

    /// Until when the call that blocked waits at most; without one, it waits for its waker alone.
    #[must_use]
    pub const fn wait_until(&self) -> Option<Instant> {
        self.wait_until
    }

    /// Asks the guest to stop within `grace`; it hears of it with its next event.
    pub fn request_stop(&mut self, grace: Duration) {
        self.stop_requested = Some(grace);
    }

    /// Whether the guest can hear that it should stop: it waits for events of our own module.
    #[must_use]
    pub const fn hears_stop(&self) -> bool {
        self.hears_stop
    }

    /// Whether memory was refused because of the limit.
    #[must_use]
    pub const fn memory_refused(&self) -> bool {
        self.memory_refused
    }

    /// The end of what the guest wrote to its standard output and error.
    #[must_use]
    pub fn last_output(&self) -> String {
        self.tail.text()
    }

    /// Gives back what it holds of things shared with others: pins and the bus.
    pub fn release(&mut self, ports: &Ports<'_>) {
        ports.board.release(self.id);
        ports.bus.with_bus(&mut |bus| bus.detach(self.id));
    }
}

/// A container's host interface for the length of one slice.
pub struct Context<'a> {
    state: &'a mut HostState,
    ports: &'a Ports<'a>,
    waker: &'a Waker,
}

impl Context<'_> {
    /// When the call under way was first made: now, unless it is being repeated.
    fn began(&mut self) -> Instant {
        *self
            .state
            .began
            .get_or_insert_with(|| self.ports.clock.now())
    }

    /// The call under way need not wait for longer than until `instant`.
    fn wait_until(&mut self, instant: Instant) {
        let until = self
            .state
            .wait_until
            .map_or(instant, |until| until.min(instant));
        self.state.wait_until = Some(until);
    }

    /// Tells, once for each, that a grant was missing. `grant` is written as it would be granted.
    fn refuse(&mut self, grant: &str) {
        const TOLD_MAX: usize = 64;
        let refused = &mut self.state.told.get_or_insert_default().refused;
        if refused.len() < TOLD_MAX && refused.insert(grant.into(), ()) {
            self.ports
                .observer
                .trace(self.state.id, Trace::Refused { grant });
        }
    }

    /// Tells, once for each, that a limit was reached.
    fn limit_reached(&mut self, limit: &'static str) {
        let told = self.state.told.get_or_insert_default();
        if told.limits.insert(limit, ()) {
            self.ports
                .observer
                .trace(self.state.id, Trace::LimitReached { limit });
        }
    }
}

impl Host for Context<'_> {
    fn call(&mut self, call: Call, args: &[u64], memory: &mut [u8]) -> CallOutcome {
        self.state.wait_until = None;
        let arguments = Arguments::new(args);
        let outcome = match call {
            Call::Wasi(call) => wasi::call(self, call, arguments, memory),
            Call::Sock(call) => sock::call(self, call, arguments, memory),
            Call::Env(call) => env::call(self, call, arguments, memory),
            Call::Thimble(call) => thimble::call(self, call, arguments, memory),
        };
        if !matches!(outcome, CallOutcome::Blocked) {
            self.state.began = None;
        }
        outcome
    }

    fn memory_refused(&mut self, wanted_bytes: u64) {
        if !self.state.memory_refused {
            self.state.memory_refused = true;
            let limit_bytes = self.state.config.limits.memory_bytes;
            self.ports.observer.trace(
                self.state.id,
                Trace::MemoryRefused {
                    wanted_bytes,
                    limit_bytes,
                },
            );
        }
    }
}
