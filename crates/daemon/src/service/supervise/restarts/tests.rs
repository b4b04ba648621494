//! Starts, ends, and what follows.

use std::time::Duration;

use super::{End, Next, Restarts};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn killed() -> End {
    End::Signal {
        signal: libc::SIGSEGV,
        asked: false,
    }
}

fn ended(code: u8) -> End {
    End::Code { code, asked: false }
}

fn start_ms(after: u64) -> Next {
    Next::Start {
        after: Duration::from_millis(after),
    }
}

#[test]
fn the_first_restart_is_at_once_and_the_others_wait_longer_and_longer() {
    let mut restarts = Restarts::default();
    let waits = [0, 100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000];
    for wait in waits {
        assert_eq!(restarts.next(&killed(), true, SECOND), start_ms(wait));
    }
    assert_eq!(restarts.next(&killed(), true, MINUTE), start_ms(0));
    assert_eq!(restarts.next(&killed(), true, SECOND), start_ms(100));
}

#[test]
fn a_failure_before_it_was_ever_ready_ends_everything() {
    let table = [
        (ended(2), Next::End(2)),
        (ended(0), Next::End(0)),
        (killed(), Next::End(128 + 11)),
    ];
    for (end, next) in table {
        assert_eq!(Restarts::default().next(&end, false, MINUTE), next);
    }
}

#[test]
fn once_ready_it_is_started_again_whatever_happens_later() {
    let mut restarts = Restarts::default();
    assert_eq!(restarts.next(&ended(1), true, SECOND), start_ms(0));
    assert_eq!(restarts.next(&ended(1), false, SECOND), start_ms(100));
    let not_started = End::NotStarted(std::io::ErrorKind::OutOfMemory.into());
    assert_eq!(restarts.next(&not_started, false, SECOND), start_ms(200));
    // A start that hangs for long is no sign of health.
    assert_eq!(restarts.next(&killed(), false, MINUTE), start_ms(400));
    assert_eq!(restarts.next(&ended(0), true, SECOND), Next::End(0));
}

#[test]
fn what_was_asked_to_end_is_not_started_again() {
    for (end, code) in [
        (
            End::Code {
                code: 3,
                asked: true,
            },
            3,
        ),
        (
            End::Signal {
                signal: 9,
                asked: true,
            },
            137,
        ),
    ] {
        let mut restarts = Restarts::default();
        assert_eq!(restarts.next(&end, true, SECOND), Next::End(code));
    }
}
