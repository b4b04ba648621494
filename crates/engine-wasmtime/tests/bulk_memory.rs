//! A guest is stopped within one instruction that fills or copies much memory, however it is stopped.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests may stop at the first surprise"
)]

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use thimble_engine_wasmtime::{Preemption, Settings, WasmtimeEngine};
use thimble_runtime::engine::{Budget, CallOutcome, Frame, Guest, Yield};
use thimble_testkit::engine_conformance::{Answers, drive, forever, instantiate, parse};

/// With signals where the system has them, and with epochs.
fn engines() -> [WasmtimeEngine; 2] {
    [Preemption::Automatic, Preemption::Epochs].map(|preemption| {
        WasmtimeEngine::new(Settings {
            preemption,
            ..support::settings()
        })
        .unwrap()
    })
}

fn slices_of(micros: u64) -> Budget {
    Budget {
        time: Duration::from_micros(micros),
        fuel: 0,
    }
}

/// Says so before and after one instruction on 64 MiB, which takes a hundred times as long as a slice.
fn one_instruction(instruction: &str) -> String {
    format!(
        r#"(module
            (import "wasi_snapshot_preview1" "sched_yield" (func $say (result i32)))
            (memory (export "memory") 1024)
            (func (export "_start") (result i32)
                (drop (call $say)) {instruction} (drop (call $say))
                (i32.load8_u (i32.const 67108863))))"#
    )
}

#[test]
fn slices_end_within_one_instruction() {
    let fill = "(memory.fill (i32.const 0) (i32.const 7) (i32.const 67108864))";
    let copy = |to, from| {
        format!(
            "(i32.store8 (i32.const 67108862) (i32.const 7)) (i32.store8 (i32.const 67108863) (i32.const 7))
            (memory.copy (i32.const {to}) (i32.const {from}) (i32.const 67108863))"
        )
    };
    for engine in engines() {
        for instruction in [fill, &copy(1, 0), &copy(0, 1)] {
            // One slice may end just before and one just after any instruction. A machine that does something
            // else for a while may let no more end, but not every time.
            let is_divided = (0..20).any(|_| slices_within(&engine, instruction) > 4);
            assert!(is_divided, "slices do not end within {instruction}");
        }
    }
}

/// How many slices end between what the guest says before and after the instruction.
fn slices_within(engine: &WasmtimeEngine, instruction: &str) -> u32 {
    let mut guest = instantiate(engine, &one_instruction(instruction), &["_start"]);
    let mut host = Answers::new(|_, _: &[u64], _: &mut [u8]| CallOutcome::Done(0));
    let mut within = 0;
    let code = loop {
        match guest.resume(&mut host, slices_of(50)) {
            Yield::Preempted => within += u32::from(host.calls.len() == 1),
            Yield::Exited(code) => break code,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!((code, host.calls.len()), (7, 2));
    within
}

#[test]
fn a_guest_that_only_fills_and_copies_is_interrupted() {
    let text = r#"(module
        (memory 1024)
        (func (export "_start")
            (loop $more
                (memory.fill (i32.const 0) (i32.const 7) (i32.const 67108864))
                (memory.copy (i32.const 0) (i32.const 8) (i32.const 67108000))
                (memory.copy (i32.const 8) (i32.const 0) (i32.const 67108000))
                (br $more))))"#;
    for engine in engines() {
        let mut guest = instantiate(&engine, text, &["_start"]);
        let interrupt = guest.interrupter();
        let over = AtomicBool::new(false);
        let mut host = Answers::new(|_, _: &[u64], _: &mut [u8]| CallOutcome::Done(0));
        thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    interrupt.interrupt();
                    thread::yield_now();
                }
            });
            for _ in 0..200 {
                assert!(matches!(
                    guest.resume(&mut host, forever()),
                    Yield::Preempted
                ));
            }
            over.store(true, Ordering::Relaxed);
        });
    }
}

/// The backtrace of a guest, from the functions at their offsets in the module.
fn backtrace(guest: &mut dyn Guest, budget: Budget) -> Vec<Frame> {
    let mut host = Answers::new(|_, _: &[u64], _: &mut [u8]| CallOutcome::Done(0));
    let outcome = drive(guest, &mut host, budget);
    outcome.end.unwrap_err().backtrace
}

#[test]
fn backtraces_name_the_guest_s_own_instruction() {
    for (instruction, name) in [
        ([0xfc, 0x0b, 0, 0x0b], "fill"),
        ([0xfc, 0x0a, 0, 0], "copy"),
    ] {
        // The start function, the type and the counts of functions all move the code.
        let others = "(func)".repeat(124);
        let text = format!(
            r#"(module (memory 1024) (start $begin) (func $begin) {others}
                (func $inner (param $length i32)
                    (memory.{name} (i32.const 1) (i32.const 0) (local.get $length)))
                (func (export "_start") (call $inner (i32.const 67108864))))"#
        );
        let module = parse(&text);
        let bytes = module.bytes();
        let offset = bytes.windows(4).position(|at| at == instruction).unwrap();
        for engine in engines() {
            for budget in [forever(), slices_of(20)] {
                let mut guest = instantiate(&engine, &text, &["_start"]);
                let frames = backtrace(&mut *guest, budget);
                let functions: Vec<_> = frames.iter().map(|frame| frame.function).collect();
                assert_eq!(functions, [125, 126]);
                assert_eq!(frames[0].name.as_deref(), Some("inner"));
                assert_eq!(frames[0].module_offset, u32::try_from(offset).ok());
            }
        }
    }
}

#[test]
fn a_backtrace_has_as_many_frames_as_with_any_other_instruction() {
    let deep = |body: &str| {
        format!(
            r#"(module (memory 1)
                (func $down (param $n i32)
                    (if (local.get $n)
                        (then (call $down (i32.sub (local.get $n) (i32.const 1))))
                        (else {body})))
                (func (export "_start") (call $down (i32.const 100))))"#
        )
    };
    let fill =
        "(memory.fill (i32.const 65536) (local.get $n) (i32.sub (i32.const 1) (local.get $n)))";
    for engine in engines() {
        for body in ["unreachable", fill] {
            let mut guest = instantiate(&engine, &deep(body), &["_start"]);
            let frames = backtrace(&mut *guest, forever());
            assert_eq!(frames.len(), 64);
            assert!(frames.iter().all(|frame| frame.function == 0));
        }
    }
}
