//! Whatever was acknowledged is there after power went, at whatever moment, on every board.

use std::time::Duration;

use thimble_image::ImageConfig;
use thimble_serial::{Declaration, Policy, Reply, Request, RunState};
use thimble_testkit::random::{Random, seed};
use thimble_tests_boards::sim::{cuts, guests};
use thimble_tests_boards::{Board, Rig, Setup};

use super::conformance::on_every_board;

on_every_board! {
    everything_survives_a_power_cycle
    power_that_goes_under_load_loses_nothing
    torn_flash_holds_the_old_or_the_new
}

fn declared(name: &str, image: &str, restart: Policy) -> Declaration {
    Declaration {
        name: name.to_owned(),
        image: image.to_owned(),
        grants: vec!["kv".to_owned()],
        restart,
        ..Declaration::default()
    }
}

/// Runs the writer once; what it found in its store and its file.
fn write(rig: &mut Rig) -> (u32, u32) {
    let name = "writer".to_owned();
    rig.client.done(&Request::Start { name }).unwrap();
    let outcome = rig.follow("writer").unwrap();
    assert_eq!(outcome.code(), 0, "{outcome:?}");
    let line = outcome
        .output
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("found "));
    let mut numbers = line
        .unwrap()
        .split(' ')
        .map(|number| number.parse().unwrap());
    (numbers.next().unwrap(), numbers.next().unwrap())
}

fn records(rig: &mut Rig, name: &str) -> Vec<String> {
    let name = name.to_owned();
    match rig.ask(&Request::Records { name }).unwrap() {
        Reply::Records(ends) => ends.into_iter().map(|end| end.last_output).collect(),
        other => panic!("{other:?}"),
    }
}

fn everything_survives_a_power_cycle(board: Board) {
    let mut rig = Rig::start(board, Setup::default()).unwrap();
    let writer = guests::image(guests::WRITER, guests::writer_config()).unwrap();
    let idle = guests::image(&guests::idle(1, 5000), ImageConfig::default()).unwrap();
    rig.install(&writer, "writer:1").unwrap();
    let digest = rig.install(&idle, "idle:1").unwrap();
    for (name, policy) in [
        ("always", Policy::Always),
        ("stays", Policy::UnlessStopped),
        ("once", Policy::No),
    ] {
        rig.client
            .create(declared(name, "idle:1", policy), false)
            .unwrap();
    }
    for name in ["held", "down"] {
        rig.client
            .create(declared(name, "idle:1", Policy::UnlessStopped), false)
            .unwrap();
    }
    rig.client
        .done(&Request::Pause {
            name: "held".to_owned(),
        })
        .unwrap();
    rig.client
        .done(&Request::Kill {
            name: "down".to_owned(),
        })
        .unwrap();
    let made = Declaration {
        is_stopped: true,
        ..declared("writer", "writer:1", Policy::No)
    };
    rig.client.create(made, false).unwrap();
    assert_eq!(write(&mut rig), (0, 0));
    assert_eq!(write(&mut rig), (1, 1));
    let before = rig.client.containers().unwrap();
    for _ in 0..2 {
        rig = rig.power_cycle().unwrap();
        let device = rig.device().unwrap();
        assert_eq!(
            (device.started_by.as_str(), device.has_fault),
            ("power-on", false)
        );
        let after = rig.client.containers().unwrap();
        assert_eq!(after.len(), before.len());
        for (before, after) in before.iter().zip(&after) {
            assert_eq!(after.declaration, before.declaration);
            assert_eq!(after.digest, before.digest);
        }
        let state = |name: &str| {
            after
                .iter()
                .find(|it| it.declaration.name == name)
                .unwrap()
                .state
        };
        assert_eq!(state("always"), RunState::Running);
        assert_eq!(state("stays"), RunState::Running);
        assert_eq!(state("held"), RunState::Paused);
        assert_eq!(state("down"), RunState::Failed);
        // It was not to be started again, and says why it does not run.
        assert_eq!(state("once"), RunState::Failed);
        let end = rig.client.inspect("once").unwrap().end.unwrap();
        assert_eq!(end.reason, "interrupted: the device restarted while it ran");
        let images = rig.client.images().unwrap();
        assert_eq!(images.len(), 2);
        assert!(
            images
                .iter()
                .any(|image| image.digest == digest && image.references == ["idle:1"])
        );
        assert!(
            records(&mut rig, "writer")
                .iter()
                .any(|output| output.ends_with("wrote 000002\n"))
        );
    }
    assert_eq!(write(&mut rig), (2, 2));
}

/// Power is cut from outside, while the device does as much as it can.
fn power_that_goes_under_load_loses_nothing(board: Board) {
    let mut random = Random::new(seed(7));
    let mut rig = Rig::start(board, Setup::default()).unwrap();
    let writer = guests::image(guests::WRITER, guests::writer_config()).unwrap();
    rig.install(&writer, "writer:1").unwrap();
    let idle = guests::image(&guests::idle(1, 3000), ImageConfig::default()).unwrap();
    rig.install(&idle, "idle:1").unwrap();
    rig.client
        .create(declared("idle", "idle:1", Policy::Always), false)
        .unwrap();
    // It writes, ends, and is started again at once.
    let restless = Declaration {
        is_stopped: true,
        ..declared("writer", "writer:1", Policy::No)
    };
    rig.client.create(restless, false).unwrap();
    let mut known = 0;
    for round in 0..4 {
        for _ in 0..random.below(4) {
            let (value, file) = write(&mut rig);
            assert!(
                value >= known && file >= known,
                "round {round}: {value}, {file}, {known}"
            );
            known = value + 1;
        }
        // Into the middle of something.
        let name = "writer".to_owned();
        rig.client.done(&Request::Start { name }).unwrap();
        std::thread::sleep(Duration::from_micros(random.below(20_000)));
        rig = rig.power_cycle().unwrap();
        assert_eq!(rig.client.inspect("idle").unwrap().state, RunState::Running);
        let (value, file) = write(&mut rig);
        assert!(
            (known..=known + 1).contains(&value),
            "round {round}: {value} after {known}"
        );
        assert!(
            file == value || file + 1 == value,
            "round {round}: {file} and {value}"
        );
        known = value + 1;
    }
}

fn torn_flash_holds_the_old_or_the_new(board: Board) {
    let plan = cuts::Plan {
        board,
        count: 20,
        seed: seed(3),
        evidence: None,
    };
    let tally = cuts::run(&plan, &mut |_| {}).unwrap();
    assert!(tally.cuts == 20 && tally.operations > 0, "{tally}");
}
