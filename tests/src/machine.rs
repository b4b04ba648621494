//! The machine as a library: many containers, pause and kill, one worker and several, on every engine.

use std::sync::Arc;

use thimble_engine_inplace::InplaceEngine;
use thimble_engine_wasmi::WasmiEngine;
use thimble_engine_wasmtime::{Settings, WasmtimeEngine};
use thimble_port_linux::machine::{Devices, Machine};
use thimble_port_linux::network::LinuxNetwork;
use thimble_port_linux::reactor::Reactor;
use thimble_port_linux::store::MemoryStore;
use thimble_port_linux::streams;
use thimble_runtime::config::{ContainerConfig, ContainerId, CpuShare};
use thimble_runtime::engine::{Engine, LoadedModule};
use thimble_runtime::host::Resources;
use thimble_runtime::kernel::{Schedule, State};
use thimble_runtime::module::Module;
use thimble_runtime::port::{NoBoard, Observer};
use thimble_runtime::record::{End, Trace};

use crate::command::Place;

const SPIN: &str = r#"(module (func (export "_start") (loop $l (br $l))))"#;
const SLEEP: &str = r#"(module (import "env" "ocre_sleep" (func $s (param i32) (result i32))) (memory (export "memory") 1)
    (func (export "_start") (drop (call $s (i32.const -1)))))"#;
const EXIT: &str = r#"(module (func (export "_start")))"#;

struct Silent;

impl Observer for Silent {
    fn trace(&self, _: ContainerId, _: Trace<'_>) {}
}

fn machine() -> Machine {
    let reactor = Reactor::new().unwrap();
    let devices = Devices {
        network: Box::new(LinuxNetwork::new(reactor.clone())),
        board: Box::new(NoBoard),
        store: Box::new(MemoryStore::default()),
        observer: Box::new(Silent),
        reactor,
    };
    Machine::new(devices, Schedule::default())
}

/// Every engine, with room for many guests. The command compiles for the one that needs it.
fn engines(place: &Place) -> Vec<Arc<dyn Engine>> {
    let mut settings = Settings {
        slots: 2000,
        ..Settings::default()
    };
    settings.compiler.program = place.command().get_program().into();
    vec![
        Arc::new(WasmtimeEngine::new(settings).unwrap()),
        Arc::new(WasmiEngine::new(thimble_engine_wasmi::Settings::linux())),
        Arc::new(InplaceEngine::new(thimble_engine_inplace::Settings::linux())),
    ]
}

struct Program {
    module: Module,
    loaded: Arc<dyn LoadedModule>,
}

fn load(engine: &dyn Engine, text: &str) -> Program {
    let module = Module::parse(wat::parse_str(text).unwrap()).unwrap();
    let loaded = engine.load(&module).unwrap();
    Program { module, loaded }
}

fn start(machine: &Machine, program: &Program, share: u32) -> ContainerId {
    let mut config = ContainerConfig::new("test");
    config.cpu_share = CpuShare::from_thousandths(share).unwrap();
    let id = machine.create(Arc::new(config));
    let resources = Resources {
        stdin: streams::null(),
        stdout: streams::null(),
        stderr: streams::null(),
        mounts: Vec::new(),
        listeners: Vec::new(),
    };
    machine
        .start(id, &program.module, &*program.loaded, resources)
        .unwrap();
    id
}

#[test]
fn a_thousand_sleepers_wait_on_one_thread_and_are_killed() {
    let place = Place::new();
    for engine in engines(&place) {
        let machine = machine();
        let sleep = load(&*engine, SLEEP);
        let ids: Vec<_> = (0..1000).map(|_| start(&machine, &sleep, 1000)).collect();
        let mut rounds = 0;
        machine.run_until(|machine| {
            rounds += 1;
            rounds > 1000
                || ids
                    .iter()
                    .all(|id| machine.usage(*id).is_some_and(|usage| usage.slices > 0))
        });
        for id in &ids {
            assert_eq!(machine.state(*id), Some(State::Running));
            machine.kill(*id).unwrap();
            assert_eq!(machine.record(*id).unwrap().end, End::Killed);
            machine.remove(*id).unwrap();
        }
    }
}

#[test]
fn workers_run_busy_containers_that_are_paused_resumed_and_killed() {
    let place = Place::new();
    for engine in engines(&place) {
        for count in [1, 3] {
            let machine = machine();
            let workers = machine.spawn_workers(count).unwrap();
            let spin = load(&*engine, SPIN);
            let ids: Vec<_> = (0..4).map(|_| start(&machine, &spin, 1000)).collect();
            let slices = |id| machine.usage(id).unwrap().slices;
            let wait_for_more = |id| {
                let before = slices(id);
                while slices(id) <= before + 1 {
                    std::thread::yield_now();
                }
            };
            ids.iter().for_each(|id| wait_for_more(*id));
            machine.pause(ids[0]).unwrap();
            assert_eq!(machine.state(ids[0]), Some(State::Paused));
            // The slice that was under way may still be counted, whenever its thread comes to it.
            let paused = slices(ids[0]);
            for _ in 0..5 {
                wait_for_more(ids[1]);
                assert!(slices(ids[0]) <= paused + 1);
            }
            machine.unpause(ids[0]).unwrap();
            wait_for_more(ids[0]);
            for id in ids {
                machine.kill(id).unwrap();
                assert_eq!(machine.wait(id).unwrap().end, End::Killed);
            }
            drop(workers);
        }
    }
}

#[test]
fn workers_end_whatever_they_are_about_to_do() {
    let engine = WasmiEngine::new(thimble_engine_wasmi::Settings::linux());
    let spin = load(&engine, SPIN);
    for _ in 0..1000 {
        let machine = machine();
        let workers = machine.spawn_workers(3).unwrap();
        let ids: Vec<_> = (0..2).map(|_| start(&machine, &spin, 1000)).collect();
        for id in ids {
            machine.kill(id).unwrap();
            assert_eq!(machine.wait(id).unwrap().end, End::Killed);
        }
        // Some run, some look for something to do, some are about to sleep.
        drop(workers);
    }
}

#[test]
fn containers_come_and_go_thousands_of_times() {
    let place = Place::new();
    for engine in engines(&place) {
        let machine = machine();
        let exit = load(&*engine, EXIT);
        for _ in 0..3000 {
            let id = start(&machine, &exit, 1000);
            machine.run_until(|machine| machine.state(id) != Some(State::Running));
            assert_eq!(machine.record(id).unwrap().end, End::Exited(0));
            machine.remove(id).unwrap();
        }
    }
}

#[test]
fn shares_of_one_and_three_on_one_worker() {
    let place = Place::new();
    for engine in engines(&place) {
        let machine = machine();
        let spin = load(&*engine, SPIN);
        let (one, three) = (start(&machine, &spin, 1000), start(&machine, &spin, 3000));
        let cpu = |machine: &Machine, id| machine.usage(id).unwrap().cpu.as_secs_f64();
        // A slice takes longer than it should where the machine does something else meanwhile.
        let (mut before, mut longest) = ([0.0; 2], 0.0_f64);
        machine.run_until(|machine| {
            let used = [cpu(machine, one), cpu(machine, three)];
            for (used, before) in used.into_iter().zip(before) {
                longest = longest.max(used - before);
            }
            before = used;
            used.iter().sum::<f64>() > 1.0
        });
        // Neither is ever ahead by more than the slice that it has just had, and what waking may advance it by.
        let ahead = (cpu(&machine, three) / 3.0 - cpu(&machine, one)).abs();
        assert!(
            ahead <= longest + 0.001,
            "{}: {ahead} s, after slices of {longest} s at most",
            engine.name()
        );
    }
}
