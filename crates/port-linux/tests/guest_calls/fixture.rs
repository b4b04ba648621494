//! A device and guests on it, without an engine: calls are made directly, on bytes that stand for memory.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};
use std::time::Duration;

use thimble_abi::calls::{self, CallSpec};
use thimble_abi::{Errno, ValueType};
use thimble_port_linux::board::Simulated;
use thimble_port_linux::clock::SystemRandom;
use thimble_port_linux::store::MemoryStore;
use thimble_runtime::bus::{Bus, BusAccess};
use thimble_runtime::engine::{CallOutcome, Host};
use thimble_runtime::grant::Grants;
use thimble_runtime::host::{HostState, Resources};
use thimble_runtime::module::Module;
use thimble_runtime::port::{
    Clock, Interest, Lookup, Network, Observer, Ports, Protocol, Readiness, Socket, Stream,
};
use thimble_runtime::record::Trace;
use thimble_runtime::{ContainerConfig, ContainerId, Instant, Limits};

/// Everything that can be granted here.
pub(crate) const ALL: &[&str] = &["timer", "gpio", "sensor", "bus.pub", "bus.sub", "kv"];

/// Where tests put their own bytes; the app heap begins at 65536.
pub(crate) const SCRATCH: u32 = 1024;

pub(crate) const BOARD: &str = r#"
[[gpio]]
name = "led0"
port = 0
pin = 13
direction = "output"
[[gpio]]
name = "led1"
port = 0
pin = 14
direction = "output"
[[gpio]]
name = "sw0"
port = 1
pin = 11
direction = "input"
pulses_ms = [100, 200, 300]
[[sensor]]
name = "secret"
id = 7
channels = [{ type = 1, values = [99.0] }]
[[sensor]]
name = "temp"
id = 9
channels = [{ type = 13, values = [21.0, 21.5] }, { type = 16, values = [40.0] }]
"#;

const MODULE: &str = r#"(module
  (import "env" "ocre_get_event" (func (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "env" "ocre_register_dispatcher" (func (param i32 i32) (result i32)))
  (import "env" "ocre_subscribe_message" (func (param i32) (result i32)))
  (import "env" "ocre_messaging_free_module_event_data" (func (param i32 i32 i32) (result i32)))
  (import "thimble" "event_wait" (func (param i64 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (global (export "not_a_function") i32 (i32.const 0))
  (func (export "timer_callback") (param i32)))"#;

/// A device whose clock stands still.
pub(crate) struct Device {
    clock: StillClock,
    bus: SharedBus,
    pub(crate) board: Simulated,
    store: MemoryStore,
    traces: Traces,
    last_id: AtomicU64,
}

#[derive(Default)]
struct StillClock(AtomicU64);

#[derive(Default)]
pub(crate) struct SharedBus(pub(crate) Mutex<Bus>);

#[derive(Default)]
struct Traces(Mutex<Vec<String>>);

struct NoNetwork;
struct NoStream;

/// Counts how often it was woken.
#[derive(Default)]
pub(crate) struct Bell(AtomicU32);

/// A container on a device.
pub(crate) struct Guest<'d> {
    device: &'d Device,
    pub(crate) state: HostState,
    pub(crate) memory: Vec<u8>,
    pub(crate) bell: Arc<Bell>,
}

impl Device {
    pub(crate) fn new() -> Self {
        Self {
            clock: StillClock(AtomicU64::new(1_000_000_000)),
            bus: SharedBus::default(),
            board: Simulated::parse(BOARD).unwrap(),
            store: MemoryStore::default(),
            traces: Traces::default(),
            last_id: AtomicU64::new(0),
        }
    }

    pub(crate) fn ports(&self) -> Ports<'_> {
        Ports {
            clock: &self.clock,
            random: &SystemRandom,
            network: &NoNetwork,
            board: &self.board,
            store: &self.store,
            bus: &self.bus,
            observer: &self.traces,
        }
    }

    pub(crate) fn guest(&self, grants: &[&str]) -> Guest<'_> {
        self.guest_with(grants, Limits::default())
    }

    pub(crate) fn guest_with(&self, grants: &[&str], limits: Limits) -> Guest<'_> {
        let id = ContainerId::new(self.last_id.fetch_add(1, Ordering::Relaxed) + 1);
        let mut config = ContainerConfig::new(format!("guest-{id}"));
        config.grants = Grants::parse(grants.iter().copied()).unwrap();
        config.limits = limits;
        let resources = Resources {
            stdin: Box::new(NoStream),
            stdout: Box::new(NoStream),
            stderr: Box::new(NoStream),
            mounts: Vec::new(),
            listeners: Vec::new(),
        };
        let module = Module::parse(wat::parse_str(MODULE).unwrap()).unwrap();
        let state = HostState::new(id, Arc::new(config), resources, &module.interface());
        Guest {
            device: self,
            state,
            memory: vec![0; 2 * 65536],
            bell: Arc::default(),
        }
    }

    pub(crate) fn pass_ms(&self, milliseconds: u64) {
        self.clock
            .0
            .fetch_add(milliseconds * 1_000_000, Ordering::Relaxed);
    }

    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// What was traced since the last time.
    pub(crate) fn traces(&self) -> Vec<String> {
        std::mem::take(&mut *self.traces.0.lock().unwrap())
    }
}

impl Guest<'_> {
    pub(crate) fn outcome(&mut self, spec: &CallSpec, arguments: &[u64]) -> CallOutcome {
        let ports = self.device.ports();
        let waker = Waker::from(Arc::clone(&self.bell));
        self.state
            .bind(&ports, &waker)
            .call(spec.call, arguments, &mut self.memory)
    }

    pub(crate) fn call(&mut self, module: &str, name: &str, arguments: &[u64]) -> CallOutcome {
        self.outcome(calls::named(module, name).next().unwrap(), arguments)
    }

    /// A call of `env` that does not wait.
    pub(crate) fn env(&mut self, name: &str, arguments: &[u32]) -> i32 {
        let arguments: Vec<u64> = arguments.iter().copied().map(u64::from).collect();
        done(&self.call("env", name, &arguments))
    }

    /// A call of `thimble` that does not wait.
    pub(crate) fn thimble(&mut self, name: &str, arguments: &[u64]) -> i32 {
        done(&self.call("thimble", name, arguments))
    }

    /// Puts a NUL-terminated text at an offset and gives the offset.
    pub(crate) fn text(&mut self, offset: u32, text: &str) -> u32 {
        let start = usize::try_from(offset).unwrap();
        self.memory[start..start + text.len()].copy_from_slice(text.as_bytes());
        self.memory[start + text.len()] = 0;
        offset
    }

    pub(crate) fn u32_at(&self, offset: u32) -> u32 {
        u32::from_le_bytes(self.bytes_at(offset, 4).try_into().unwrap())
    }

    pub(crate) fn u64_at(&self, offset: u32) -> u64 {
        u64::from_le_bytes(self.bytes_at(offset, 8).try_into().unwrap())
    }

    pub(crate) fn bytes_at(&self, offset: u32, len: u32) -> &[u8] {
        let start = usize::try_from(offset).unwrap();
        &self.memory[start..start + usize::try_from(len).unwrap()]
    }

    /// `ocre_get_event`: the six numbers, or the error.
    pub(crate) fn event(&mut self) -> Result<[u32; 6], i32> {
        let outputs: [u32; 6] = std::array::from_fn(|index| 16 + 4 * u32::try_from(index).unwrap());
        match self.env("ocre_get_event", &outputs) {
            0 => Ok(outputs.map(|output| self.u32_at(output))),
            error => Err(error),
        }
    }

    pub(crate) fn publish(&mut self, topic: &str, payload: &str) -> i32 {
        let topic = self.text(SCRATCH, topic);
        let content_type = self.text(SCRATCH + 1100, "text/plain");
        let len = u32::try_from(payload.len()).unwrap();
        let payload = self.text(SCRATCH + 1200, payload);
        self.env("ocre_publish_message", &[topic, content_type, payload, len])
    }

    pub(crate) fn subscribe(&mut self, prefix: &str) -> i32 {
        let prefix = self.text(SCRATCH, prefix);
        self.env("ocre_subscribe_message", &[prefix])
    }

    /// `thimble.event_wait` with room for anything, at 4096.
    pub(crate) fn wait(&mut self, timeout_ms: i64) -> CallOutcome {
        self.call(
            "thimble",
            "event_wait",
            &[timeout_ms.cast_unsigned(), 4096, 8192],
        )
    }

    /// `thimble.bus_subscribe`.
    pub(crate) fn filter(&mut self, filter: &str) -> i32 {
        let offset = self.text(SCRATCH, filter);
        self.thimble(
            "bus_subscribe",
            &[offset.into(), u64::try_from(filter.len()).unwrap()],
        )
    }

    /// `thimble.bus_publish`.
    pub(crate) fn send(&mut self, topic: &str, payload: &str, flags: u64) -> i32 {
        let len = |text: &str| u64::try_from(text.len()).unwrap();
        let topic_at = self.text(SCRATCH, topic);
        let payload_at = self.text(SCRATCH + 1200, payload);
        let arguments = [
            topic_at.into(),
            len(topic),
            0,
            0,
            payload_at.into(),
            len(payload),
            flags,
        ];
        self.thimble("bus_publish", &arguments)
    }

    pub(crate) fn rings(&self) -> u32 {
        self.bell.0.load(Ordering::Relaxed)
    }
}

/// The result of a call that is done.
pub(crate) fn done(outcome: &CallOutcome) -> i32 {
    match outcome {
        CallOutcome::Done(slot) => u32::try_from(*slot).unwrap().cast_signed(),
        other => panic!("not done: {other:?}"),
    }
}

pub(crate) fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Whether a call's result says that it failed.
pub(crate) fn failed(spec: &CallSpec, slot: u64) -> bool {
    match spec.returns.value_type() {
        Some(ValueType::F64) => f64::from_bits(slot) < 0.0,
        _ => u32::try_from(slot).unwrap().cast_signed() < 0,
    }
}

impl Clock for StillClock {
    fn now(&self) -> Instant {
        Instant::from_nanos(self.0.load(Ordering::Relaxed))
    }

    fn realtime_nanos(&self) -> u64 {
        0
    }

    fn resolution_nanos(&self) -> u64 {
        1
    }
}

impl BusAccess for SharedBus {
    fn with_bus(&self, use_bus: &mut dyn FnMut(&mut Bus)) {
        use_bus(&mut self.0.lock().unwrap());
    }
}

impl Observer for Traces {
    fn trace(&self, container: ContainerId, trace: Trace<'_>) {
        self.0.lock().unwrap().push(match trace {
            Trace::Refused { grant } => format!("{container} refused {grant}"),
            Trace::LimitReached { limit } => format!("{container} limit {limit}"),
            Trace::Log { level, message } => format!("{container} log {level} {message}"),
            Trace::Health { status, message } => format!("{container} health {status:?} {message}"),
            Trace::UpdateAnswered {
                question,
                is_allowed,
                reason,
            } => format!("{container} answered {question} {is_allowed} {reason}"),
            other => format!("{container} {other:?}"),
        });
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Network for NoNetwork {
    fn socket(&self, _: Protocol, _: bool) -> Result<Box<dyn Socket>, Errno> {
        Err(Errno::NetworkDown)
    }

    fn lookup(&self, _: &str) -> Result<Box<dyn Lookup>, Errno> {
        Err(Errno::NetworkDown)
    }
}

type Task<'a, 'b> = &'a mut std::task::Context<'b>;
type Ready<T> = std::task::Poll<Result<T, Errno>>;

impl Stream for NoStream {
    fn poll_read(&mut self, _: Task<'_, '_>, _: &mut [u8]) -> Ready<usize> {
        Ready::Ready(Ok(0))
    }

    fn poll_write(&mut self, _: Task<'_, '_>, bytes: &[u8]) -> Ready<usize> {
        Ready::Ready(Ok(bytes.len()))
    }

    fn poll_ready(&mut self, _: Task<'_, '_>, _: Interest) -> Ready<Readiness> {
        Ready::Ready(Err(Errno::NotSupported))
    }

    fn is_terminal(&self) -> bool {
        false
    }
}
