//! A kernel with one worker, a clock and guests that follow a script.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use thimble_abi::calls::{EnvCall, ThimbleCall};
use thimble_abi::{Call, Errno};
use thimble_runtime::Instant;
use thimble_runtime::config::{ContainerConfig, ContainerId};
use thimble_runtime::engine::{Budget, CallOutcome, Guest, Host, Interrupt, Yield};
use thimble_runtime::host::{HostState, Question, Resources};
use thimble_runtime::kernel::{
    Asked, Beginning, Body, Kernel, Lease, Next, Schedule, State, StateError,
};
use thimble_runtime::module::Module;
use thimble_runtime::port::{Clock, Interest, Readiness, Stream};
use thimble_runtime::record::End;
use thimble_testkit::ports::TestPorts;

/// What a guest does whenever it is resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Uses its whole budget.
    Busy,
    /// Works for 100 µs and sleeps for this long.
    Sleep(Duration),
    /// Waits to be woken.
    Wait,
    /// Wants to be asked before it is replaced, and waits to be woken.
    Veto,
    /// Ends.
    Exit(i32),
}

/// What a scripted guest and the test share.
#[derive(Debug)]
struct Script {
    step: Step,
    resumed: u32,
    /// When its sleep is over.
    wakes_at: Option<Instant>,
    worst: Duration,
    /// What it was told of its memory.
    memory_bytes_max: Option<u64>,
}

struct Scripted {
    script: Arc<Mutex<Script>>,
    ports: Arc<TestPorts>,
}

/// Ocre's sleep, as a guest calls it.
fn sleep(host: &mut dyn Host, time: Duration) -> CallOutcome {
    let millis = u64::try_from(time.as_millis()).unwrap();
    host.call(Call::Env(EnvCall::Sleep), &[millis], &mut [])
}

struct NoInterrupt;

impl Interrupt for NoInterrupt {
    fn interrupt(&self) {}
}

impl Guest for Scripted {
    fn resume(&mut self, host: &mut dyn Host, budget: Budget) -> Yield {
        let mut script = self.script.lock().unwrap();
        let clock = &self.ports.clock;
        script.resumed += 1;
        match script.step {
            Step::Busy => {
                clock.advance_to(clock.now() + budget.time);
                Yield::Preempted
            }
            Step::Sleep(time) => {
                let now = clock.now();
                if let Some(at) = script.wakes_at {
                    if matches!(sleep(host, time), CallOutcome::Blocked) {
                        return Yield::Blocked;
                    }
                    script.worst = script.worst.max(now.since(at));
                    clock.advance_to(now + Duration::from_micros(100).min(budget.time));
                }
                script.wakes_at = Some(clock.now() + time);
                // A sleep of less than a millisecond is over at once; the guest then only yields.
                match sleep(host, time) {
                    CallOutcome::Blocked => Yield::Blocked,
                    _ => Yield::Preempted,
                }
            }
            Step::Wait => Yield::Blocked,
            Step::Veto => {
                host.call(Call::Thimble(ThimbleCall::UpdateVeto), &[1], &mut []);
                Yield::Blocked
            }
            Step::Exit(code) => Yield::Exited(code),
        }
    }

    fn memory_bytes(&self) -> u64 {
        65_536
    }

    fn set_memory_bytes_max(&mut self, memory_bytes_max: u64) {
        self.script.lock().unwrap().memory_bytes_max = Some(memory_bytes_max);
    }

    fn interrupter(&self) -> Arc<dyn Interrupt> {
        Arc::new(NoInterrupt)
    }
}

/// The kernel and its one worker.
pub(crate) struct Bench {
    pub(crate) kernel: Kernel,
    ports: Arc<TestPorts>,
    scripts: BTreeMap<ContainerId, Arc<Mutex<Script>>>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self {
            kernel: Kernel::new(Schedule::default()),
            ports: Arc::new(TestPorts::default()),
            scripts: BTreeMap::new(),
        }
    }

    pub(crate) fn now(&self) -> Instant {
        self.ports.clock.now()
    }

    pub(crate) fn create(&mut self) -> ContainerId {
        self.kernel.create(Arc::new(ContainerConfig::new("test")))
    }

    pub(crate) fn start(&mut self, step: Step) -> ContainerId {
        self.start_with(step, |_| {})
    }

    pub(crate) fn start_with(
        &mut self,
        step: Step,
        configure: impl FnOnce(&mut ContainerConfig),
    ) -> ContainerId {
        self.start_module(step, configure, "(module)")
    }

    /// Starts a guest that imports `event_wait`, so that it can hear of a stop.
    pub(crate) fn start_hearing(
        &mut self,
        step: Step,
        configure: impl FnOnce(&mut ContainerConfig),
    ) -> ContainerId {
        let text =
            r#"(module (import "thimble" "event_wait" (func (param i64 i32 i32) (result i32))))"#;
        self.start_module(step, configure, text)
    }

    fn start_module(
        &mut self,
        step: Step,
        configure: impl FnOnce(&mut ContainerConfig),
        text: &str,
    ) -> ContainerId {
        let mut config = ContainerConfig::new("test");
        configure(&mut config);
        let id = self.kernel.create(Arc::new(config));
        let script = Arc::new(Mutex::new(Script {
            step,
            resumed: 0,
            wakes_at: None,
            worst: Duration::ZERO,
            memory_bytes_max: None,
        }));
        self.scripts.insert(id, script);
        let body = self.body(id, text);
        assert!(
            self.kernel
                .start(id, body, Beginning::Running, self.now(), 0)
                .is_ok()
        );
        id
    }

    pub(crate) fn start_again(&mut self, id: ContainerId) -> Result<(), StateError> {
        let body = self.body(id, "(module)");
        self.kernel
            .start(id, body, Beginning::Running, self.now(), 0)
            .map_err(|(error, _)| error)
    }

    fn body(&self, id: ContainerId, text: &str) -> Box<Body> {
        let config = self.kernel.config(id).unwrap().clone();
        let resources = Resources {
            stdin: Box::new(Null),
            stdout: Box::new(Null),
            stderr: Box::new(Null),
            mounts: Vec::new(),
            listeners: Vec::new(),
        };
        let module = Module::parse(wat::parse_str(text).unwrap()).unwrap();
        let guest = Scripted {
            script: self.scripts[&id].clone(),
            ports: self.ports.clone(),
        };
        Box::new(Body {
            guest: Box::new(guest),
            host: HostState::new(id, config, resources, &module.interface()),
            waker: Waker::noop().clone(),
        })
    }

    pub(crate) fn become_step(&mut self, id: ContainerId, step: Step) {
        self.scripts[&id].lock().unwrap().step = step;
    }

    pub(crate) fn resumed(&self, id: ContainerId) -> u32 {
        self.scripts[&id].lock().unwrap().resumed
    }

    pub(crate) fn worst_lateness(&self, id: ContainerId) -> Duration {
        self.scripts[&id].lock().unwrap().worst
    }

    pub(crate) fn memory_bytes_max(&self, id: ContainerId) -> Option<u64> {
        self.scripts[&id].lock().unwrap().memory_bytes_max
    }

    pub(crate) fn cpu(&self, id: ContainerId) -> Duration {
        self.kernel.usage(id).unwrap().cpu
    }

    pub(crate) fn end(&self, id: ContainerId) -> Option<End> {
        self.kernel.record(id).map(|record| record.end.clone())
    }

    pub(crate) fn kill(&mut self, id: ContainerId) -> Result<(), StateError> {
        self.kernel.kill(id, 0).map(drop)
    }

    pub(crate) fn ask_update(&mut self, id: ContainerId) -> Result<Asked, StateError> {
        let until = self.now() + Duration::from_secs(1);
        let asked = self.kernel.ask_update(id, Question { id: 1, until });
        asked.map(|(asked, _)| asked)
    }

    pub(crate) fn wake(&mut self, id: ContainerId) -> bool {
        self.kernel.wake(id)
    }

    pub(crate) fn stop(&mut self, id: ContainerId) -> Result<(), StateError> {
        let now = self.now();
        self.kernel.stop(id, None, now, 0).map(drop)
    }

    pub(crate) fn pause(&mut self, id: ContainerId) -> Result<(), StateError> {
        self.kernel.pause(id).map(drop)
    }

    pub(crate) fn unpause(&mut self, id: ContainerId) -> Result<(), StateError> {
        self.kernel.unpause(id).map(drop)
    }

    /// The next lease; there must be one.
    pub(crate) fn lease(&mut self) -> Lease {
        match self.kernel.next(self.now(), || 0) {
            Next::Run(lease) => lease,
            Next::Dispose(_) | Next::Idle { .. } => panic!("nothing to run"),
        }
    }

    /// Runs a lease as a worker would, and hands it back.
    pub(crate) fn finish(&mut self, mut lease: Lease) {
        let yielded = lease.run(&self.ports.ports());
        self.kernel.finish(lease, yielded, self.now(), || 0);
    }

    /// Lets the worker work until this much time has passed.
    pub(crate) fn run_for(&mut self, time: Duration) {
        let end = self.now() + time;
        while self.now() < end {
            match self.kernel.next(self.now(), || 0) {
                Next::Run(lease) => self.finish(lease),
                Next::Dispose(ended) => drop(ended),
                Next::Idle { until } => {
                    let until = until.unwrap_or(end).min(end);
                    self.ports
                        .clock
                        .advance_to(until.max(self.now() + Duration::from_nanos(1)));
                }
            }
        }
    }
}

/// Does random things and checks after each that a container is where its state says.
pub(crate) fn random_walk(seed: u64, steps: u32) {
    let random = Rc::new(RefCell::new(seed));
    let pick = move |below: u64| {
        let mut state = random.borrow_mut();
        // xorshift64: enough to choose from a handful.
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state % below
    };
    let mut bench = Bench::new();
    let mut ids = Vec::new();
    for _ in 0..steps {
        let id = ids
            .get(usize::try_from(pick(ids.len() as u64 + 1)).unwrap())
            .copied();
        match (pick(10), id) {
            (0, _) if ids.len() < 40 => {
                let step = match pick(4) {
                    0 => Step::Busy,
                    1 => Step::Sleep(Duration::from_micros(pick(20_000))),
                    2 => Step::Wait,
                    _ => Step::Exit(0),
                };
                let timeout = pick(3) == 0;
                let time = Duration::from_micros(pick(50_000));
                ids.push(bench.start_with(step, |config| config.timeout = timeout.then_some(time)));
            }
            (1, Some(id)) => drop(bench.kill(id)),
            (2, Some(id)) => drop(bench.stop(id)),
            (3, Some(id)) => drop(bench.pause(id)),
            (4, Some(id)) => drop(bench.unpause(id)),
            (5, Some(id)) => {
                bench.kernel.wake(id);
            }
            (6, Some(id)) => drop(bench.start_again(id)),
            (7, Some(id)) if bench.kernel.remove(id).is_ok() => ids.retain(|known| *known != id),
            _ => bench.run_for(Duration::from_micros(pick(5_000) + 1)),
        }
        let live = ids.iter().filter(|id| {
            matches!(
                bench.kernel.state(**id),
                Some(State::Running | State::Paused)
            )
        });
        assert_eq!(live.count(), bench.kernel.live());
        assert!(bench.kernel.ready() <= bench.kernel.live());
        assert!(ids.iter().all(|id| bench.kernel.state(*id).is_some()));
    }
}

/// A stream that is always at its end.
struct Null;

impl Stream for Null {
    fn poll_read(&mut self, _: &mut Context<'_>, _: &mut [u8]) -> Poll<Result<usize, Errno>> {
        Poll::Ready(Ok(0))
    }

    fn poll_write(&mut self, _: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, Errno>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_ready(&mut self, _: &mut Context<'_>, _: Interest) -> Poll<Result<Readiness, Errno>> {
        Poll::Ready(Ok(Readiness {
            bytes: 1,
            hangup: true,
        }))
    }

    fn is_terminal(&self) -> bool {
        false
    }
}
