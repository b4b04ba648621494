//! The machine with scripted guests: what it tells of ends, updates, the bus for others, and waking its workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Waker;

use parking_lot::Mutex;
use thimble_abi::Call;
use thimble_abi::calls::ThimbleCall;
use thimble_runtime::bus::{Draft, QueuePolicy, Subscription, Wakers};
use thimble_runtime::engine::{Budget, CallOutcome, Guest, Host, Interrupt, Yield};
use thimble_runtime::grant::{Grants, TopicFilter};
use thimble_runtime::port::NoBoard;
use thimble_runtime::record::{End, Trace};
use thimble_runtime::{Instant, Limits};

use super::*;
use crate::network::LinuxNetwork;
use crate::store::MemoryStore;
use crate::streams;

/// What a guest does in a slice, given how many it has had.
type Script = dyn Fn(&mut dyn Host, u64) -> Yield + Send + Sync;

struct Scripted {
    script: Arc<Script>,
    memory_bytes_max: Arc<AtomicU64>,
}

struct Running {
    scripted: Scripted,
    slices: u64,
}

struct NoInterrupt;

impl Interrupt for NoInterrupt {
    fn interrupt(&self) {}
}

impl LoadedModule for Scripted {
    fn instantiate(&self, spec: &InstanceSpec) -> Result<Box<dyn Guest>, InstantiateError> {
        self.memory_bytes_max
            .store(spec.memory_bytes_max, Ordering::Relaxed);
        Ok(Box::new(Running {
            scripted: Self {
                script: Arc::clone(&self.script),
                memory_bytes_max: Arc::clone(&self.memory_bytes_max),
            },
            slices: 0,
        }))
    }
}

impl Guest for Running {
    fn resume(&mut self, host: &mut dyn Host, _: Budget) -> Yield {
        self.slices += 1;
        (self.scripted.script)(host, self.slices)
    }

    fn memory_bytes(&self) -> u64 {
        65_536
    }

    fn set_memory_bytes_max(&mut self, memory_bytes_max: u64) {
        self.scripted
            .memory_bytes_max
            .store(memory_bytes_max, Ordering::Relaxed);
    }

    fn interrupter(&self) -> Arc<dyn Interrupt> {
        Arc::new(NoInterrupt)
    }
}

#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<(ContainerId, End, u64)>>>);

impl Observer for Told {
    fn trace(&self, _: ContainerId, _: Trace<'_>) {}

    fn ended(&self, container: ContainerId, record: &ExitRecord, usage: Usage) {
        self.0
            .lock()
            .push((container, record.end.clone(), usage.slices));
    }
}

struct Bench {
    machine: Machine,
    told: Told,
    module: Module,
}

impl Bench {
    fn new() -> Self {
        let reactor = Reactor::new().unwrap();
        let told = Told::default();
        let devices = Devices {
            network: Box::new(LinuxNetwork::new(reactor.clone())),
            board: Box::new(NoBoard),
            store: Box::new(MemoryStore::default()),
            observer: Box::new(told.clone()),
            reactor,
        };
        Self {
            machine: Machine::new(devices, Schedule::default()),
            told,
            module: Module::parse(wat::parse_str(r#"(module (func (export "_start")))"#).unwrap())
                .unwrap(),
        }
    }

    fn create(&self) -> ContainerId {
        let mut config = ContainerConfig::new("test");
        config.grants = Grants::parse(["bus.sub:#"]).unwrap();
        config.limits.queue_messages = 2;
        config.queue_policy = QueuePolicy::RefuseNewest;
        self.machine.create(Arc::new(config))
    }

    /// Starts a script; its memory limit.
    fn start(
        &self,
        id: ContainerId,
        script: impl Fn(&mut dyn Host, u64) -> Yield + Send + Sync + 'static,
    ) -> Arc<AtomicU64> {
        let loaded = Scripted {
            script: Arc::new(script),
            memory_bytes_max: Arc::default(),
        };
        let resources = Resources {
            stdin: streams::null(),
            stdout: streams::null(),
            stderr: streams::null(),
            mounts: Vec::new(),
            listeners: Vec::new(),
        };
        self.machine
            .start(id, &self.module, &loaded, resources)
            .unwrap();
        loaded.memory_bytes_max
    }

    fn publish(&self, publisher: ContainerId, payload: &str) -> u32 {
        let mut wakers = Wakers::default();
        let mut refused = 0;
        self.machine.with_bus(&mut |bus| {
            let draft = Draft::new("t", "", payload.as_bytes(), Instant::from_nanos(1));
            let published = bus.publish(publisher, draft, false, &mut wakers).unwrap();
            refused = published.refused;
        });
        wakers.wake();
        refused
    }
}

/// Subscribes to everything, as a guest does.
fn subscribe(host: &mut dyn Host) {
    let outcome = host.call(
        Call::Thimble(ThimbleCall::BusSubscribe),
        &[0, 1],
        &mut b"#".to_vec(),
    );
    assert!(matches!(outcome, CallOutcome::Done(1)), "{outcome:?}");
}

#[test]
fn every_end_is_told_once_with_its_record() {
    let bench = Bench::new();
    let exits = bench.create();
    bench.start(exits, |_, slices| match slices {
        1 => Yield::Preempted,
        _ => Yield::Exited(3),
    });
    let killed = bench.create();
    bench.start(killed, |_, _| Yield::Blocked);
    bench.machine.run_until(|_| !bench.told.0.lock().is_empty());
    bench.machine.kill(killed).unwrap();
    let told = bench.told.0.lock().clone();
    assert_eq!(told, [(exits, End::Exited(3), 2), (killed, End::Killed, 1)]);
}

#[test]
fn a_container_is_started_again_only_after_its_last_run_is_over() {
    let bench = Bench::new();
    let id = bench.create();
    bench.start(id, |_, _| Yield::Exited(0));
    // Leaves before what has ended is disposed of.
    bench
        .machine
        .run_until(|machine| machine.state(id) == Some(State::Exited));
    assert!(bench.told.0.lock().is_empty());
    bench.start(id, |host, slices| {
        if slices == 1 {
            subscribe(host);
        }
        Yield::Blocked
    });
    assert_eq!(bench.told.0.lock().len(), 1, "the end comes first");
    let is_member = |machine: &Machine| {
        let mut is_member = false;
        machine.with_bus(&mut |bus| is_member = bus.has_member(id));
        is_member
    };
    bench.machine.run_until(is_member);
    // Whatever is left to be done does not take its subscription away.
    let other = bench.create();
    bench.start(other, |_, _| Yield::Exited(0));
    bench.machine.run_until(|_| bench.told.0.lock().len() == 2);
    assert!(is_member(&bench.machine));
}

#[test]
fn an_update_reaches_the_guest_and_its_queue() {
    let bench = Bench::new();
    let id = bench.create();
    let memory_bytes_max = bench.start(id, |host, slices| {
        if slices == 1 {
            subscribe(host);
        }
        Yield::Blocked
    });
    bench
        .machine
        .run_until(|machine| machine.usage(id).is_some_and(|usage| usage.slices > 0));
    let publisher = bench.machine.new_id();
    let refused: Vec<_> = ["1", "2", "3"]
        .map(|payload| bench.publish(publisher, payload))
        .into();
    assert_eq!(refused, [0, 0, 1], "the policy is the container's");
    let update = ContainerUpdate {
        limits: Some(Limits {
            memory_bytes: 77,
            queue_messages: 3,
            ..Limits::default()
        }),
        ..ContainerUpdate::default()
    };
    bench.machine.update(id, update.clone()).unwrap();
    assert_eq!(memory_bytes_max.load(Ordering::Relaxed), 77);
    assert_eq!(bench.publish(publisher, "3"), 0);
    assert_eq!(bench.publish(publisher, "4"), 1);
    assert_eq!(
        bench.machine.update(publisher, update),
        Err(StateError::Unknown)
    );
}

#[test]
fn somebody_else_is_on_the_bus_with_an_id_of_its_own() {
    let bench = Bench::new();
    let bridge = bench.machine.new_id();
    assert_ne!(bridge, bench.create());
    bench.machine.with_bus(&mut |bus| {
        let everything = Subscription::Filter(TopicFilter::parse("#").unwrap());
        bus.subscribe(bridge, &Limits::default(), everything)
            .unwrap();
    });
    bench.publish(bridge, "x");
    let mut taken = None;
    bench
        .machine
        .with_bus(&mut |bus| taken = bus.take(bridge, Waker::noop()));
    assert_eq!(taken.unwrap().message.payload(), b"x");
}

#[test]
fn the_running_container_is_known_on_its_thread_alone() {
    let bench = Bench::new();
    let id = bench.create();
    assert_eq!(running_container(), None);
    bench.start(id, move |_, _| {
        let seen = running_container() == Some(id);
        let elsewhere = std::thread::spawn(running_container).join().unwrap();
        Yield::Exited(i32::from(seen && elsewhere.is_none()))
    });
    bench
        .machine
        .run_until(|machine| machine.record(id).is_some());
    assert_eq!(bench.machine.record(id).unwrap().end, End::Exited(1));
    assert_eq!(running_container(), None);
}

#[test]
fn an_interrupt_makes_sleeping_threads_ask_again() {
    let bench = Bench::new();
    let done = Arc::new(AtomicBool::new(false));
    for _ in 0..20 {
        done.store(false, Ordering::SeqCst);
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let (machine, done) = (bench.machine.clone(), Arc::clone(&done));
                std::thread::spawn(move || machine.run_until(|_| done.load(Ordering::SeqCst)))
            })
            .collect();
        // At whatever moment it comes: before they sleep, in the reactor, on the condition.
        std::thread::yield_now();
        done.store(true, Ordering::SeqCst);
        bench.machine.interrupt();
        for thread in threads {
            thread.join().unwrap();
        }
    }
    let workers = bench.machine.spawn_workers(2).unwrap();
    let id = bench.create();
    bench.start(id, |_, _| Yield::Exited(0));
    assert_eq!(bench.machine.wait(id).unwrap().end, End::Exited(0));
    drop(workers);
}
