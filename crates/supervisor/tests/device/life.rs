//! Whole lives of containers.

use std::time::Duration;

use thimble_image::ImageConfig;
use thimble_serial::{Declaration, LogStream, Policy, RefusalKind, Request, RunState};

use crate::board::{Board, declared};
use crate::guests;
use crate::parts::TOLD;

const SECOND: Duration = Duration::from_secs(1);

fn board(wat: &str) -> Board {
    let mut board = Board::new();
    board.install("app:1", wat, &ImageConfig::default());
    board
}

fn named(name: &str) -> String {
    name.to_owned()
}

#[test]
fn a_container_runs_to_its_end_and_its_end_is_kept() {
    let mut board = board(&guests::ends("hello", 3));
    board.create(declared("app", "app:1"));
    assert_eq!(board.state("app"), RunState::Running);
    board.run(SECOND);
    let status = board.status("app");
    assert_eq!(status.state, RunState::Failed);
    let end = status.end.unwrap();
    assert_eq!((end.reason.as_str(), end.exit_code), ("exited", 3));
    assert_eq!(end.last_output, "hello\n");
    assert_eq!(board.ends("app"), std::slice::from_ref(&end));
    let log = board.log("app");
    assert_eq!(
        (log[0].stream, log[0].bytes.as_slice()),
        (LogStream::Output, b"hello\n".as_slice())
    );
    assert_eq!(log[1].stream, LogStream::Device);
    let mut board = board.reset();
    assert_eq!(board.ends("app"), [end]);
    assert_eq!(board.state("app"), RunState::Failed);
}

#[test]
fn a_trap_has_a_reason_and_is_never_zero() {
    let mut board = board(guests::TRAP);
    board.create(declared("app", "app:1"));
    board.run(SECOND);
    let end = board.status("app").end.unwrap();
    assert!(
        end.reason
            .starts_with("trapped: unreachable instruction executed"),
        "{}",
        end.reason
    );
    assert_eq!(end.exit_code, 134);
    assert_eq!(board.state("app"), RunState::Failed);
}

#[test]
fn busy_containers_are_stopped_killed_and_paused() {
    let mut board = board(guests::SPIN);
    board.create(declared("one", "app:1"));
    board.create(declared("two", "app:1"));
    board.run(SECOND);
    assert!(board.status("one").cpu_us > 100);
    board.must(Request::Pause { name: named("one") });
    let slices = board.status("one").slices;
    board.run(SECOND);
    assert_eq!(board.status("one").slices, slices);
    assert_eq!(board.state("one"), RunState::Paused);
    board.must(Request::Unpause { name: named("one") });
    board.run(SECOND);
    assert!(board.status("one").slices > slices);
    board.must(Request::Kill { name: named("one") });
    board.must(Request::Stop {
        name: named("two"),
        grace_ms: None,
    });
    assert_eq!(board.status("one").end.unwrap().reason, "killed");
    assert_eq!(board.status("two").end.unwrap().reason, "stopped");
    assert_eq!(board.state("one"), RunState::Failed);
    assert_eq!(board.state("two"), RunState::Exited);
    let refusal = board.refused(Request::Kill { name: named("one") });
    assert_eq!(refusal.kind, RefusalKind::Conflict);
    assert_eq!(
        refusal.message,
        "the container is failed; only what runs can be killed"
    );
}

#[test]
fn who_listens_is_asked_to_stop_and_killed_after_its_grace() {
    let mut board = board(guests::IDLE);
    board.install("deaf:1", guests::DEAF, &ImageConfig::default());
    board.create(declared("polite", "app:1"));
    board.create(declared("deaf", "deaf:1"));
    board.run(SECOND);
    for name in ["polite", "deaf"] {
        board.must(Request::Stop {
            name: named(name),
            grace_ms: Some(500),
        });
    }
    board.run(Duration::from_millis(100));
    assert_eq!(board.state("polite"), RunState::Exited);
    assert_eq!(board.status("polite").end.unwrap().reason, "exited");
    assert_eq!(board.state("deaf"), RunState::Running);
    board.run(SECOND);
    assert_eq!(board.status("deaf").end.unwrap().reason, "killed");
}

#[test]
fn a_paused_container_can_be_stopped() {
    let mut board = board(guests::IDLE);
    board.create(declared("app", "app:1"));
    board.run(SECOND);
    board.must(Request::Pause { name: named("app") });
    board.must(Request::Stop {
        name: named("app"),
        grace_ms: None,
    });
    board.run(SECOND);
    assert_eq!(board.status("app").end.unwrap().reason, "exited");
}

#[test]
fn restart_begins_anew() {
    let mut board = board(guests::IDLE);
    board.create(declared("app", "app:1"));
    board.run(SECOND);
    board.must(Request::Restart { name: named("app") });
    board.run(SECOND);
    let status = board.status("app");
    assert_eq!(status.state, RunState::Running);
    assert_eq!(board.ends("app").len(), 1);
    // While it is about to stop, it can be wanted again.
    board.must(Request::Stop {
        name: named("app"),
        grace_ms: None,
    });
    board.must(Request::Start { name: named("app") });
    board.run(SECOND);
    assert_eq!(board.state("app"), RunState::Running);
    assert_eq!(board.ends("app").len(), 2);
}

#[test]
fn policies_decide_and_backoff_grows() {
    let cases = [
        (Policy::No, 1, RunState::Failed),
        (Policy::OnFailure { tries: 2 }, 1, RunState::Failed),
        (Policy::OnFailure { tries: 0 }, 1, RunState::Restarting),
        (Policy::OnFailure { tries: 0 }, 0, RunState::Exited),
        (Policy::Always, 0, RunState::Restarting),
        (Policy::UnlessStopped, 1, RunState::Restarting),
    ];
    for (restart, code, state) in cases {
        let mut board = board(&guests::ends("x", code));
        board.create(Declaration {
            restart,
            ..declared("app", "app:1")
        });
        board.run(Duration::from_secs(60));
        let status = board.status("app");
        assert_eq!(status.state, state, "{restart:?} {code}");
        match (restart, state) {
            (Policy::OnFailure { tries: 2 }, _) => assert_eq!(status.restarts, 2),
            // 100 ms, doubled: about nine in a minute.
            (_, RunState::Restarting) => {
                assert!((8..12).contains(&status.restarts), "{}", status.restarts);
                assert!(status.restart_in_ms.unwrap() > 5000);
            }
            _ => assert_eq!(status.restarts, 0),
        }
    }
}

#[test]
fn a_waiting_restart_is_stopped() {
    let mut board = board(&guests::ends("x", 1));
    board.create(Declaration {
        restart: Policy::Always,
        ..declared("app", "app:1")
    });
    board.run(Duration::from_secs(5));
    assert_eq!(board.state("app"), RunState::Restarting);
    board.must(Request::Stop {
        name: named("app"),
        grace_ms: None,
    });
    assert_eq!(board.state("app"), RunState::Failed);
    board.run(Duration::from_secs(300));
    assert_eq!(board.state("app"), RunState::Failed);
}

#[test]
fn a_crash_loop_does_not_wear_out_flash() {
    let mut board = board(&guests::ends("x", 1));
    board.create(Declaration {
        restart: Policy::Always,
        ..declared("app", "app:1")
    });
    board.flash.take_changes();
    board.run(Duration::from_secs(24 * 3600));
    // 4 at once, and one in ten minutes.
    let changes = board.flash.take_changes();
    assert!((100..=4 + 144).contains(&changes), "{changes}");
    let restarts = board.status("app").restarts;
    assert!(restarts > 1000, "{restarts}");
    assert_eq!(board.ends("app").len(), 4);
}

#[test]
fn timeouts_and_removal_after_the_end() {
    let mut board = board(guests::SPIN);
    board.create(Declaration {
        timeout_ms: Some(500),
        ..declared("app", "app:1")
    });
    board.create(Declaration {
        timeout_ms: Some(500),
        is_removed_after: true,
        ..declared("once", "app:1")
    });
    board.run(SECOND);
    let end = board.status("app").end.unwrap();
    assert_eq!((end.reason.as_str(), end.exit_code), ("timed out", 124));
    assert_eq!(board.names(), ["app"]);
    assert_eq!(board.reset().names(), ["app"]);
}

#[test]
fn everything_comes_back_after_a_reset_as_it_was_declared() {
    let mut board = board(guests::IDLE);
    let with = |name: &str, restart| Declaration {
        restart,
        ..declared(name, "app:1")
    };
    for name in ["running", "paused", "stopped"] {
        board.create(with(name, Policy::UnlessStopped));
    }
    board.create(with("always", Policy::Always));
    board.create(with("job", Policy::No));
    board.create(Declaration {
        is_stopped: true,
        ..with("declared", Policy::Always)
    });
    board.run(SECOND);
    board.must(Request::Pause {
        name: named("paused"),
    });
    for name in ["stopped", "always"] {
        board.must(Request::Stop {
            name: named(name),
            grace_ms: None,
        });
    }
    board.run(SECOND);
    let mut board = board.reset();
    board.run(SECOND);
    let states: Vec<_> = board
        .names()
        .into_iter()
        .map(|name| (name.clone(), board.state(&name)))
        .collect();
    let expected = [
        ("always", RunState::Running),
        ("declared", RunState::Created),
        ("job", RunState::Failed),
        ("paused", RunState::Paused),
        ("running", RunState::Running),
        ("stopped", RunState::Exited),
    ];
    assert_eq!(
        states,
        expected.map(|(name, state)| (name.to_owned(), state))
    );
    let end = board.status("job").end.unwrap();
    assert_eq!(end.reason, "interrupted: the device restarted while it ran");
    assert_ne!(end.exit_code, 0);
    // It does nothing until it is let go on.
    assert_eq!(board.status("paused").slices, 0);
    board.must(Request::Unpause {
        name: named("paused"),
    });
    board.run(SECOND);
    assert!(board.status("paused").slices > 0);
}

#[test]
fn whoever_handles_faults_knows_who_runs() {
    let mut board = board(guests::IDLE);
    TOLD.set(Some(Vec::new()));
    for name in ["one", "two"] {
        board.create(declared(name, "app:1"));
    }
    board.run(Duration::from_millis(20));
    let told = TOLD.take().unwrap();
    assert_eq!(told[..2], ["began one", "began two"]);
    for name in ["runs one", "runs two"] {
        assert!(told.iter().any(|told| told == name), "{told:?}");
    }
    // A slice is over before anything else happens.
    for pair in told[2..].chunks(2) {
        assert!(
            pair[0].starts_with("runs ") && pair[1] == "over",
            "{told:?}"
        );
    }
}

#[test]
fn who_takes_the_firmware_down_is_left_alone_in_the_end() {
    let mut board = board(guests::IDLE);
    for name in ["bad", "good"] {
        board.create(Declaration {
            restart: Policy::Always,
            ..declared(name, "app:1")
        });
    }
    for failures in 1..=4 {
        board = board.reset_with(|start| start.failed_in = Some("bad"));
        board.run(Duration::from_secs(2));
        assert_eq!(board.state("good"), RunState::Running);
        let expected = if failures < 3 {
            RunState::Running
        } else {
            RunState::Failed
        };
        assert_eq!(board.state("bad"), expected, "after {failures}");
    }
    assert!(
        board.ends("bad")[0]
            .reason
            .contains("3 times in a row while it ran; left alone")
    );
    // Whoever starts it anew thinks that what was wrong is right now.
    board.must(Request::Start { name: named("bad") });
    let mut board = board.reset();
    board.run(SECOND);
    assert_eq!(board.state("bad"), RunState::Running);
}

#[test]
fn hundreds_of_containers_come_and_go_without_a_trace() {
    let mut board = board(guests::IDLE);
    let before = board.flash.dump();
    for round in 0..300 {
        board.create(declared("app", "app:1"));
        board.run(Duration::from_millis(5));
        if round % 2 == 0 {
            board.must(Request::Stop {
                name: named("app"),
                grace_ms: None,
            });
            board.run(Duration::from_millis(5));
        }
        board.must(Request::Remove {
            name: named("app"),
            force: round % 2 == 1,
        });
        assert_eq!(board.flash.dump(), before, "round {round}");
        assert!(board.supervisor.machine().ids().is_empty());
    }
}

#[test]
fn reset_to_the_factory_removes_everything() {
    let config = ImageConfig {
        volumes: vec!["/data".into()],
        ..ImageConfig::default()
    };
    let mut board = Board::new();
    board.install("app:1", guests::IDLE, &config);
    board.create(declared("app", "app:1"));
    board.run(SECOND);
    assert!(board.volumes.lock().unwrap().contains("app"));
    board.must(Request::FactoryReset);
    let now = board.now();
    assert!(board.supervisor.poll(now).is_reboot_due);
    assert!(board.flash.dump().is_empty());
    assert!(board.volumes.lock().unwrap().is_empty());
    let mut board = board.reset();
    assert!(board.names().is_empty());
    board.install("app:1", guests::IDLE, &config);
    board.create(declared("app", "app:1"));
}
