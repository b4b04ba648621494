//! Health, and what is done about it.

use std::time::Duration;

use thimble_image::ImageConfig;
use thimble_image::config::Health;
use thimble_serial::{Declaration, HealthStatus, Policy, Request, RunState};

use crate::board::{Board, declared};
use crate::guests;

fn board(wat: &str, heartbeat_ms: Option<u64>) -> Board {
    let config = ImageConfig {
        health: Some(Health {
            start_ms: 2000,
            heartbeat_ms,
        }),
        ..ImageConfig::default()
    };
    let mut board = Board::new();
    board.install("app:1", wat, &config);
    board.create(Declaration {
        restart: Policy::OnFailure { tries: 1 },
        ..declared("app", "app:1")
    });
    board
}

#[test]
fn who_never_reports_is_started_again() {
    let mut board = board(guests::IDLE, None);
    assert_eq!(board.status("app").health, HealthStatus::Starting);
    board.run(Duration::from_millis(2500));
    let status = board.status("app");
    assert_eq!(
        status.end.unwrap().reason,
        "unhealthy: it did not report that it is ready in time"
    );
    assert_eq!((status.state, status.restarts), (RunState::Running, 1));
    board.run(Duration::from_secs(5));
    assert_eq!(board.state("app"), RunState::Failed);
    assert!(board.text("app").contains("gave up after 2 failures"));
}

#[test]
fn heartbeats_keep_it_running_and_silence_ends_it() {
    let mut board = board(&guests::reports(0, 10), Some(3000));
    board.run(Duration::from_secs(9));
    let status = board.status("app");
    assert_eq!(status.health, HealthStatus::Healthy);
    assert_eq!(status.health_message, "here I am");
    board.run(Duration::from_secs(4));
    let status = board.status("app");
    assert_eq!(
        status.end.unwrap().reason,
        "unhealthy: its reports have stopped: here I am"
    );
    assert_eq!(status.restarts, 1);
}

#[test]
fn who_fails_is_ended_and_a_pause_does_not_count() {
    let mut failing = board(&guests::reports(2, 10), None);
    failing.run(Duration::from_secs(3));
    let reason = failing.status("app").end.unwrap().reason;
    assert!(
        reason.starts_with("unhealthy: it reports that it fails"),
        "{reason}"
    );
    let mut board = board(&guests::reports(0, 1000), Some(3000));
    board.run(Duration::from_secs(1));
    board.must(Request::Pause { name: "app".into() });
    board.run(Duration::from_secs(60));
    assert_eq!(board.state("app"), RunState::Paused);
    board.must(Request::Unpause { name: "app".into() });
    board.run(Duration::from_secs(10));
    let status = board.status("app");
    assert_eq!((status.state, status.restarts), (RunState::Running, 0));
}

#[test]
fn who_is_about_to_stop_is_left_alone_and_lets_the_device_sleep() {
    let mut board = board(guests::DEAF, None);
    board.run(Duration::from_millis(100));
    board.must(Request::Stop {
        name: "app".into(),
        grace_ms: Some(5000),
    });
    board.run(Duration::from_millis(3000));
    assert_eq!(board.state("app"), RunState::Running);
    let now = board.now();
    assert_eq!(board.supervisor.poll(now).until, None);
    board.run(Duration::from_millis(3000));
    assert_eq!(board.status("app").end.unwrap().reason, "killed");
}
