//! Every pointer of every call of `env` and `thimble`, at and past the end of memory.

use thimble_abi::calls::{self, CallSpec, ParameterKind};
use thimble_runtime::engine::CallOutcome;

use super::fixture::{ALL, Device, Guest, SCRATCH, failed};

fn specs() -> impl Iterator<Item = &'static CallSpec> {
    calls::all().filter(|spec| matches!(spec.module, "env" | "thimble"))
}

/// Arguments that mean something: texts are `led0`, buffers have eight bytes, numbers are 1.
fn arguments(spec: &CallSpec) -> Vec<u64> {
    let argument = |kind| match kind {
        ParameterKind::Pointer | ParameterKind::String => u64::from(SCRATCH),
        ParameterKind::Length => 8,
        _ => 1,
    };
    spec.parameters
        .iter()
        .map(|parameter| argument(*parameter))
        .collect()
}

/// A guest for which there is something to take, so that outputs are written.
fn ready<'d>(device: &'d Device) -> Guest<'d> {
    let mut guest = device.guest(ALL);
    guest.thimble("timer_create", &[0, 1]);
    guest.env("ocre_timer_create", &[1]);
    guest.env("ocre_timer_start", &[1, 1, 1]);
    device.pass_ms(5);
    guest.text(SCRATCH, "led0led0");
    guest
}

fn check(spec: &CallSpec, arguments: &[u64], must_fail: bool) {
    let device = Device::new();
    let mut guest = ready(&device);
    let before = guest.memory.clone();
    let CallOutcome::Done(slot) = guest.outcome(spec, arguments) else {
        assert!(!must_fail, "{} {arguments:?} did not fail", spec.name);
        return;
    };
    if must_fail {
        assert!(
            failed(spec, slot),
            "{} {arguments:?} gave {slot}",
            spec.name
        );
        assert_eq!(guest.memory, before, "{} {arguments:?} wrote", spec.name);
    }
}

#[test]
fn pointers_at_and_past_the_end_fail_and_change_nothing() {
    let end: u64 = 2 * 65536;
    for spec in specs() {
        for (position, parameter) in spec.parameters.iter().enumerate() {
            let is_text = *parameter == ParameterKind::String;
            if !is_text && *parameter != ParameterKind::Pointer {
                continue;
            }
            // Freeing takes offsets as tokens and reads nothing; they must still be refused.
            for offset in [
                end,
                end + 1,
                u64::from(u32::MAX),
                u64::from(u32::MAX) - 7,
                end - 1,
                end - 3,
            ] {
                let mut arguments = arguments(spec);
                arguments[position] = offset;
                // Near the end a text is the empty one, since memory is zero there: any error will do.
                check(spec, &arguments, !is_text || offset >= end);
            }
        }
    }
}

#[test]
fn lengths_past_the_end_fail_and_change_nothing() {
    for spec in specs() {
        for (position, parameter) in spec.parameters.iter().enumerate() {
            if *parameter == ParameterKind::Length {
                for len in [
                    2 * 65536,
                    u64::from(u32::MAX),
                    u64::from(i32::MAX.unsigned_abs()),
                ] {
                    let mut arguments = arguments(spec);
                    arguments[position] = len;
                    check(spec, &arguments, true);
                }
            }
        }
    }
}

#[test]
fn texts_without_an_end_fail() {
    for spec in specs() {
        for (position, parameter) in spec.parameters.iter().enumerate() {
            if *parameter == ParameterKind::String {
                let device = Device::new();
                let mut guest = ready(&device);
                guest.memory.fill(b'x');
                let mut arguments = arguments(spec);
                arguments[position] = 0x1_0000;
                let CallOutcome::Done(slot) = guest.outcome(spec, &arguments) else {
                    panic!("{}", spec.name)
                };
                assert!(failed(spec, slot), "{}", spec.name);
            }
        }
    }
}

#[test]
fn no_arguments_at_all_make_it_panic() {
    let mut seed: u64 = std::env::var("SEED").map_or(0xF00D, |seed| seed.parse().unwrap());
    eprintln!("SEED={seed}");
    let mut random = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let device = Device::new();
    let mut guest = ready(&device);
    let specs: Vec<&CallSpec> = specs().collect();
    for _ in 0..20_000 {
        let spec = specs[usize::try_from(random()).unwrap() % specs.len()];
        let arguments: Vec<u64> = spec
            .parameters
            .iter()
            .map(|parameter| {
                let wild = match random() % 4 {
                    0 => random() % 40,
                    1 => random() % 140_000,
                    2 => u64::from(SCRATCH),
                    _ => random(),
                };
                match *parameter {
                    ParameterKind::I64 | ParameterKind::F64 => wild,
                    _ => wild & u64::from(u32::MAX),
                }
            })
            .collect();
        let outcome = guest.outcome(spec, &arguments);
        assert!(
            !matches!(outcome, CallOutcome::Trap(_) | CallOutcome::Exit(_)),
            "{} {arguments:?}",
            spec.name
        );
        if matches!(outcome, CallOutcome::Blocked) {
            // As after a kill: the next call is another one.
            device.pass_ms(1);
            guest = ready(&device);
        }
    }
}
