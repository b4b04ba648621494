//! Ends are read as they were written, and no trap counts as success.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use thimble_runtime::engine::{Trap, TrapKind};
use thimble_runtime::record::{End, ExitRecord};

use super::{Damaged, NumberedEnd, OUTPUT_BYTES_MAX, of_run};

fn record(end: End) -> ExitRecord {
    ExitRecord {
        end,
        started_nanos: 1_000_000,
        ended_nanos: 5_000_000,
        cpu: Duration::from_micros(7),
        memory_bytes_max: 65_536,
        memory_refused: true,
        last_output: "é".repeat(100),
    }
}

#[test]
fn reasons_are_words_and_traps_are_never_zero() {
    let trap = End::Trapped(Trap::new(TrapKind::Unreachable));
    let cases = [
        (End::Exited(0), None, "exited", 0, true),
        (End::Exited(3), None, "exited", 3, false),
        (
            trap,
            None,
            "trapped: unreachable instruction executed",
            134,
            false,
        ),
        (End::Stopped, None, "stopped", 143, true),
        (End::Killed, None, "killed", 137, false),
        (End::Killed, Some("silent"), "unhealthy: silent", 137, false),
        (End::TimedOut, None, "timed out", 124, false),
    ];
    for (end, unhealthy, reason, code, success) in cases {
        let (told, is_success) = of_run(&record(end), unhealthy);
        assert_eq!(
            (told.reason.as_str(), told.exit_code, is_success),
            (reason, code, success)
        );
        assert!(told.last_output.len() <= OUTPUT_BYTES_MAX);
        assert!(told.last_output.chars().all(|c| c == 'é'));
    }
}

#[test]
fn what_is_written_is_read_and_nothing_else() {
    let (end, is_success) = of_run(&record(End::Exited(3)), None);
    let end = NumberedEnd {
        number: 9,
        is_success,
        end,
    };
    let bytes: Vec<u8> = end.encode();
    assert_eq!(NumberedEnd::decode(&bytes), Ok(end));
    for length in 0..bytes.len() {
        assert_eq!(NumberedEnd::decode(&bytes[..length]), Err(Damaged));
    }
    for place in 0..bytes.len() {
        for value in (0..=255).step_by(5) {
            let mut bytes = bytes.clone();
            bytes[place] = value;
            let _ = NumberedEnd::decode(&bytes);
        }
    }
}

#[test]
fn cuts_fall_between_characters() {
    assert_eq!(super::beginning("aé", 2), "a");
    assert_eq!(super::ending("éa", 2), "a");
    assert_eq!(super::beginning("", 2), String::new());
    assert_eq!(super::ending("abc", 5), "abc".to_string());
}
