//! Arguments, environment, clocks, randomness, yielding and the end.

use thimble_abi::calls::WasiCall;
use thimble_abi::{Call, Errno};
use thimble_runtime::engine::CallOutcome;

use crate::fixture::{DATA, Guest, OUT, Setup};

#[test]
fn arguments_and_environment() {
    let mut setup = Setup::new();
    setup.config.args = vec!["program".into(), String::new(), "größer".into()];
    setup.config.env = vec![("A".into(), "1".into()), ("EMPTY".into(), String::new())];
    let mut guest = setup.build();
    guest.ok(
        WasiCall::ArgsSizesGet,
        &[u64::from(OUT), u64::from(OUT + 4)],
    );
    assert_eq!((guest.u32(OUT), guest.u32(OUT + 4)), (3, 18));
    guest.ok(WasiCall::ArgsGet, &[u64::from(OUT), u64::from(DATA)]);
    assert_eq!(guest.bytes(DATA, 18), "program\0\0größer\0".as_bytes());
    assert_eq!(guest.u32(OUT + 8), u64::from(DATA) + 9);
    guest.ok(
        WasiCall::EnvironSizesGet,
        &[u64::from(OUT), u64::from(OUT + 4)],
    );
    assert_eq!((guest.u32(OUT), guest.u32(OUT + 4)), (2, 11));
    guest.ok(WasiCall::EnvironGet, &[u64::from(OUT), u64::from(DATA)]);
    assert_eq!(guest.bytes(DATA, 11), b"A=1\0EMPTY=\0");
}

#[test]
fn clocks() {
    let mut guest = Guest::new();
    for (id, nanos) in [
        (0, 1_700_000_001_000_000_000),
        (1, 1_000_000_000),
        (2, 0),
        (3, 0),
    ] {
        guest.ok(WasiCall::ClockTimeGet, &[id, 0, u64::from(OUT)]);
        assert_eq!(guest.u64(OUT), nanos);
        guest.ok(WasiCall::ClockResGet, &[id, u64::from(OUT)]);
        assert_eq!(guest.u64(OUT), 1);
    }
    guest.fails(
        WasiCall::ClockTimeGet,
        &[4, 0, u64::from(OUT)],
        Errno::Invalid,
    );
    guest.fails(WasiCall::ClockResGet, &[4, u64::from(OUT)], Errno::Invalid);
}

#[test]
fn randomness_of_any_size() {
    let mut guest = Guest::new();
    let len = guest.memory.len() as u64 - u64::from(DATA);
    guest.ok(WasiCall::RandomGet, &[u64::from(DATA), len]);
    assert!(
        guest.memory[guest.memory.len() - 64..]
            .iter()
            .any(|byte| *byte != 0)
    );
    guest.fails(
        WasiCall::RandomGet,
        &[u64::from(DATA), len + 1],
        Errno::Fault,
    );
}

#[test]
fn a_yield_gives_one_turn() {
    let mut guest = Guest::new();
    let call = Call::Wasi(WasiCall::SchedYield);
    for _ in 0..3 {
        assert!(matches!(guest.attempt(call, &[]), CallOutcome::Blocked));
        assert!(guest.rung());
        assert!(matches!(guest.attempt(call, &[]), CallOutcome::Done(0)));
    }
}

#[test]
fn the_end() {
    let mut guest = Guest::new();
    let exit = guest.attempt(Call::Wasi(WasiCall::ProcExit), &[0xffff_ff85]);
    assert!(matches!(exit, CallOutcome::Exit(-123)));
    guest.ok(WasiCall::ProcRaise, &[0]);
    guest.fails(WasiCall::ProcRaise, &[31], Errno::Invalid);
    assert!(matches!(
        guest.attempt(Call::Wasi(WasiCall::ProcRaise), &[6]),
        CallOutcome::Trap(_)
    ));
}
