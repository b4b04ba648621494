//! Pointers and lengths that lie outside the guest's memory: an error, and no effect.

use thimble_abi::calls::{self, ParameterKind};
use thimble_abi::{Call, Errno, ValueType};
use thimble_runtime::engine::CallOutcome;

use crate::fixture::{DATA, Guest, MOUNT, OUT, Setup};

#[test]
fn no_pointer_or_length_does_harm() {
    let mut setup = Setup::new();
    setup.config.env = vec![("NAME".into(), "value".into())];
    let mut guest = setup.build();
    let size = guest.memory.len() as u64;
    let bad = [
        size - 1,
        size,
        size + 1,
        0x7fff_ffff,
        0x8000_0000,
        0xffff_fffc,
        0xffff_ffff,
    ];
    for spec in calls::all().filter(|spec| matches!(spec.call, Call::Wasi(_))) {
        let kinds: Vec<ParameterKind> = spec.parameters.to_vec();
        for fd in [0, 1, MOUNT, 77] {
            for len in [0, 1, 8] {
                for (position, kind) in kinds.iter().enumerate() {
                    if !matches!(kind, ParameterKind::Pointer | ParameterKind::Length) {
                        continue;
                    }
                    for value in bad {
                        let mut arguments: Vec<u64> = kinds
                            .iter()
                            .map(|kind| match kind {
                                ParameterKind::Descriptor => fd,
                                ParameterKind::Pointer => u64::from(DATA),
                                ParameterKind::Length => len,
                                _ => 0,
                            })
                            .collect();
                        arguments[position] = value;
                        check(&mut guest, spec, &arguments, size);
                    }
                }
            }
        }
    }
}

fn check(guest: &mut Guest, spec: &calls::CallSpec, arguments: &[u64], size: u64) {
    guest.memory[DATA as usize..DATA as usize + 4096].fill(0);
    let outcome = guest.attempt(spec.call, arguments);
    let position = arguments.iter().position(|value| *value >= size);
    let is_pointer =
        position.is_some_and(|position| spec.parameters[position] == ParameterKind::Pointer);
    match outcome {
        CallOutcome::Done(errno) => {
            assert!(errno <= 76, "{} gave {errno}", spec.name);
            // A pointer that is outside is only harmless when nothing is read or written there.
            let of_nothing = position.is_some_and(|position| {
                arguments.get(position + 1) == Some(&0) && arguments[position] == size
                    || spec.parameters[position].value_type() != ValueType::I32
            });
            if is_pointer && !of_nothing {
                assert_ne!(errno, 0, "{}{arguments:?} succeeded", spec.name);
            }
        }
        CallOutcome::Blocked => assert!(!is_pointer, "{}{arguments:?} waits", spec.name),
        CallOutcome::Exit(_) | CallOutcome::Trap(_) => {}
    }
}

#[test]
fn a_bad_result_pointer_has_no_effect() {
    use thimble_abi::calls::WasiCall;
    let mut guest = Guest::new();
    let outside = guest.memory.len() as u64 - 3;
    let mut arguments = guest.open_arguments(MOUNT, "new", 1, 1, 0, 0);
    arguments[8] = outside;
    guest.fails(WasiCall::PathOpen, &arguments, Errno::Fault);
    assert!(!guest.path("new").exists());
    let [list, len] = guest.list(&[(DATA, 4)]);
    guest.fails(WasiCall::FdRead, &[0, list, len, outside], Errno::Fault);
    assert_eq!(guest.read(0, 4), b"what");
    let [list, len] = guest.list(&[(DATA, 4), (0xffff_fff0, 32)]);
    guest.fails(
        WasiCall::FdWrite,
        &[2, list, len, u64::from(OUT)],
        Errno::Fault,
    );
    let [list, len] = guest.list(&[(0, 0xffff_ffff), (0, 0xffff_ffff)]);
    let errno = guest.errno(WasiCall::FdWrite, &[2, list, len, u64::from(OUT)]);
    assert!([21, 28].contains(&errno));
    assert_eq!(guest.output.text(), "");
}
