//! Containers' lives on every board: whatever a guest does, it is held, ended and started again, and others go on.

use std::time::Duration;

use thimble_image::ImageConfig;
use thimble_port_serial::SerialError;
use thimble_serial::{Declaration, HealthStatus, Policy, RefusalKind, Reply, Request, RunState};
use thimble_tests_boards::{Board, Packed, Rig, Setup, guests};

use super::conformance::on_every_board;

on_every_board! {
    busy_containers_are_held_and_ended
    failures_are_recorded_and_repeated
    containers_come_back_after_a_power_cut
    a_flood_does_not_keep_another_from_its_timer
}

fn declared(name: &str, image: &str) -> Declaration {
    let mut declaration = Declaration {
        name: name.to_owned(),
        image: image.to_owned(),
        ..Declaration::default()
    };
    declaration.limits.memory_bytes = Some(256 << 10);
    declaration
}

fn text(module: &str) -> Packed {
    Packed::assembled(&wat::parse_str(module).unwrap(), ImageConfig::default())
}

/// Computes for ever.
fn spin() -> Packed {
    text(r#"(module (func (export "_start") (loop $l (br $l))))"#)
}

/// Traps at once, after a division by zero.
fn crash() -> Packed {
    text(r#"(module (func (export "_start") (drop (i32.div_u (i32.const 1) (i32.const 0)))))"#)
}

fn name(name: &str) -> String {
    name.to_owned()
}

/// Asks until a container is in a state.
fn until(rig: &mut Rig, container: &str, state: RunState) {
    for _ in 0..400 {
        if rig.client.inspect(container).unwrap().state == state {
            return;
        }
        rig.client.idle(Duration::from_millis(25)).unwrap();
    }
    panic!(
        "{container} is not {state:?}: {:#?}",
        rig.client.inspect(container).unwrap()
    );
}

fn busy_containers_are_held_and_ended(board: Board) {
    let mut rig = Rig::start(board, Setup::default()).unwrap();
    let image = rig.install(&spin(), "spin:1").unwrap();
    for container in ["one", "two", "three"] {
        rig.client
            .create(declared(container, &image), false)
            .unwrap();
    }
    until(&mut rig, "one", RunState::Running);
    rig.client
        .done(&Request::Pause { name: name("one") })
        .unwrap();
    let held = rig.client.inspect("one").unwrap();
    assert_eq!(held.state, RunState::Paused);
    let other = rig.client.inspect("two").unwrap();
    rig.client.idle(Duration::from_millis(300)).unwrap();
    let later = rig.client.inspect("one").unwrap();
    assert_eq!(later.cpu_us, held.cpu_us, "a paused container does not run");
    assert!(rig.client.inspect("two").unwrap().cpu_us > other.cpu_us);
    rig.client
        .done(&Request::Unpause { name: name("one") })
        .unwrap();
    rig.client.idle(Duration::from_millis(300)).unwrap();
    assert!(rig.client.inspect("one").unwrap().cpu_us > held.cpu_us);
    for (container, code) in [("one", 137), ("two", 137), ("three", 143)] {
        let request = match code {
            137 => Request::Kill {
                name: name(container),
            },
            _ => Request::Stop {
                name: name(container),
                grace_ms: None,
            },
        };
        rig.client.done(&request).unwrap();
        let ended = rig.follow(container).unwrap();
        assert_eq!(ended.code(), code, "{ended:#?}");
    }
    // In use by containers that are declared; then by nobody.
    let remove = Request::RemoveImage { image };
    let refused = rig.client.done(&remove).unwrap_err();
    assert!(
        matches!(&refused, SerialError::Refused(refusal) if refusal.kind == RefusalKind::Conflict),
        "{refused}"
    );
    for container in ["one", "two", "three"] {
        let remove = Request::Remove {
            name: name(container),
            force: false,
        };
        rig.client.done(&remove).unwrap();
    }
    rig.client.done(&remove).unwrap();
    assert!(rig.client.images().unwrap().is_empty());
}

fn failures_are_recorded_and_repeated(board: Board) {
    let mut rig = Rig::start(board, Setup::default()).unwrap();
    let image = rig.install(&crash(), "crash:1").unwrap();
    let once = rig.run(declared("once", &image)).unwrap();
    assert_eq!(once.code(), 134);
    let end = once.status.end.unwrap();
    assert!(end.reason.contains("integer divide by zero"), "{end:?}");
    assert_eq!(once.status.state, RunState::Failed);

    let mut often = declared("often", &image);
    often.restart = Policy::OnFailure { tries: 2 };
    rig.client.create(often, false).unwrap();
    until(&mut rig, "often", RunState::Failed);
    let often = rig.client.inspect("often").unwrap();
    assert_eq!(often.restarts, 2);
    let records = rig
        .ask(&Request::Records {
            name: name("often"),
        })
        .unwrap();
    let Reply::Records(ends) = records else {
        panic!("{records:?}");
    };
    assert_eq!(ends.len(), 3, "{ends:#?}");
    assert!(ends.iter().all(|end| end.exit_code == 134));

    let mut slow = declared("slow", &rig.install(&spin(), "spin:1").unwrap());
    slow.timeout_ms = Some(50);
    let slow = rig.run(slow).unwrap();
    assert_eq!(slow.code(), 124);
}

fn containers_come_back_after_a_power_cut(board: Board) {
    let mut rig = Rig::start(board, Setup::default()).unwrap();
    let image = rig.install(&spin(), "spin:1").unwrap();
    let mut always = declared("always", &image);
    always.restart = Policy::UnlessStopped;
    rig.client.create(always.clone(), false).unwrap();
    let mut stopped = always.clone();
    stopped.name = name("stopped");
    rig.client.create(stopped, false).unwrap();
    let stop = Request::Stop {
        name: name("stopped"),
        grace_ms: Some(0),
    };
    rig.client.done(&stop).unwrap();
    let mut rig = rig.power_cycle().unwrap();
    until(&mut rig, "always", RunState::Running);
    let stopped = rig.client.inspect("stopped").unwrap();
    assert_ne!(stopped.state, RunState::Running, "{stopped:#?}");
    assert_eq!(rig.client.images().unwrap().len(), 1);
    assert_eq!(rig.client.inspect("always").unwrap().declaration, always);
    rig.client.done(&Request::FactoryReset).unwrap();
    let mut rig = rig.power_cycle().unwrap();
    assert!(rig.client.containers().unwrap().is_empty());
    assert!(rig.client.images().unwrap().is_empty());
}

/// Writes lines for ever.
const FLOOD: &str = r#"(module
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "\10\00\00\00\08\00\00\00")
    (data (i32.const 16) "flooded\n")
    (func (export "_start")
        (loop $l (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))) (br $l))))"#;

fn a_flood_does_not_keep_another_from_its_timer(board: Board) {
    let mut rig = Rig::start(board, Setup::default()).unwrap();
    let flood = rig.install(&text(FLOOD), "flood:1").unwrap();
    let blinky = Packed::of_file(&guests::guest("blinky-rust"), true).unwrap();
    let blinky = rig.install(&blinky, "blinky:1").unwrap();
    for container in ["one", "two"] {
        rig.client
            .create(declared(container, &flood), false)
            .unwrap();
    }
    let mut blinks = declared("blinky", &blinky);
    blinks.grants = vec![name("timer"), name("gpio:led0")];
    blinks.env = vec![name("ROUNDS=10")];
    let blinky = rig.run(blinks).unwrap();
    assert_eq!(blinky.code(), 0, "{blinky:#?}");
    assert_eq!(blinky.output.lines().count(), 10, "{blinky:#?}");
    let flooding = rig.client.inspect("one").unwrap();
    assert_eq!(flooding.state, RunState::Running);
    assert_eq!(flooding.health, HealthStatus::Unknown);
    let log = rig.log("one").unwrap();
    assert!(log.output.ends_with("flooded\n") || log.output.contains("flooded\n"));
}
