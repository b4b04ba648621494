//! Guests are stopped at any instruction and notice nothing.

#![expect(clippy::unwrap_used, reason = "tests may stop at the first surprise")]

mod support;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use thimble_engine_wasmtime::{Settings, WasmtimeEngine};
use thimble_runtime::engine::{
    Budget, CallOutcome, Guest, InstanceSpec, LoadedModule, TrapKind, Yield,
};
use thimble_testkit::engine_conformance::{Answers, drive, forever, load};

/// Integers, floats, vectors, memory, direct, indirect and recursive calls; the result depends on each step.
const EVERYTHING: &str = r#"(module
    (type $unary (func (param i64) (result i64)))
    (memory (export "memory") 2)
    (table funcref (elem $twist $fold $rotate $down))
    (func $twist (type $unary) (i64.mul (local.get 0) (i64.const 6364136223846793005)))
    (func $fold (type $unary) (i64.xor (local.get 0) (i64.shr_u (local.get 0) (i64.const 29))))
    (func $rotate (type $unary) (i64.rotl (local.get 0) (i64.popcnt (local.get 0))))
    (func $down (type $unary)
        (if (result i64) (i64.eqz (i64.and (local.get 0) (i64.const 15)))
            (then (local.get 0))
            (else (i64.add (i64.const 3) (call $down (i64.sub (local.get 0) (i64.const 1)))))))
    (func $collatz (param $n i64) (result i64) (local $steps i64)
        (loop $more
            (local.set $n (if (result i64) (i64.eqz (i64.and (local.get $n) (i64.const 1)))
                (then (i64.shr_u (local.get $n) (i64.const 1)))
                (else (i64.add (i64.mul (local.get $n) (i64.const 3)) (i64.const 1)))))
            (local.set $steps (i64.add (local.get $steps) (i64.const 1)))
            (br_if $more (i64.ne (local.get $n) (i64.const 1))))
        (local.get $steps))
    (func (export "_start") (result i32)
        (local $i i32) (local $at i32) (local $x i64) (local $y i64)
        (local $a f64) (local $b f64) (local $c f32) (local $v v128) (local $w v128)
        (local.set $x (i64.const 88172645463325252))
        (local.set $a (f64.const 1)) (local.set $b (f64.const 2)) (local.set $c (f32.const 3))
        (loop $more
            (local.set $x (call_indirect (type $unary) (local.get $x) (i32.and (local.get $i) (i32.const 3))))
            (local.set $x (i64.add (local.get $x) (i64.const 1442695040888963407)))
            (local.set $y (i64.add (local.get $y)
                (call $collatz (i64.add (i64.const 27) (i64.and (local.get $x) (i64.const 1023))))))
            (local.set $a (f64.add (f64.mul (local.get $a) (f64.const 0.999)) (f64.sqrt (local.get $b))))
            (local.set $b (f64.sub (f64.const 100) (f64.div (local.get $a) (f64.const 7))))
            (local.set $c (f32.add (local.get $c) (f32.demote_f64 (local.get $a))))
            (local.set $v (i32x4.add (local.get $v) (i32x4.splat (i32.wrap_i64 (local.get $x)))))
            (local.set $w (f64x2.add (local.get $w) (f64x2.splat (local.get $b))))
            (local.set $at (i32.and (i32.wrap_i64 (local.get $x)) (i32.const 0xfff0)))
            (v128.store (local.get $at) (v128.xor (v128.load (local.get $at)) (local.get $v)))
            (local.set $y (i64.add (local.get $y) (i64.load (i32.and (local.get $at) (i32.const 0x7ff0)))))
            (if (i32.eqz (i32.and (local.get $i) (i32.const 63)))
                (then (memory.copy (i32.const 65536) (i32.const 0) (i32.const 4096))))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $more (i32.lt_u (local.get $i) (i32.const 20000))))
        (local.set $y (i64.xor (local.get $y) (i64.xor
            (i64.reinterpret_f64 (f64.add (local.get $a) (f64x2.extract_lane 1 (local.get $w))))
            (i64.add (i64x2.extract_lane 0 (local.get $v)) (i64.load (i32.const 65600))))))
        (i32.xor (i32.reinterpret_f32 (local.get $c))
            (i32.xor (i32.wrap_i64 (local.get $y)) (i32.wrap_i64 (i64.shr_u (local.get $y) (i64.const 32)))))))"#;

/// Calls the host again and again, with more arguments than there are registers for them.
const MANY_ARGUMENTS: &str = r#"(module
    (import "wasi_snapshot_preview1" "path_open"
        (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "_start") (result i32) (local $i i32) (local $sum i32)
        (loop $more
            (local.set $sum (i32.add (i32.mul (local.get $sum) (i32.const 31)) (call $open
                (local.get $i) (i32.const 2) (i32.const 3) (i32.const 4) (i32.const 5)
                (i64.const 6) (i64.const 7) (i32.const 8) (local.get $sum))))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $more (i32.lt_u (local.get $i) (i32.const 500))))
        (local.get $sum)))"#;

/// Asks the host that may wait, computes a little, and asks again.
const ASKING: &str = r#"(module
    (import "env" "ocre_sleep" (func $sleep (param i32) (result i32)))
    (memory (export "memory") 1)
    (func (export "_start") (result i32) (local $i i32) (local $sum i32)
        (loop $more
            (local.set $sum (i32.add (i32.rotl (local.get $sum) (i32.const 3)) (call $sleep (local.get $i))))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $more (i32.lt_u (local.get $i) (i32.const 400))))
        (local.get $sum)))"#;

fn engine(slots: u32) -> WasmtimeEngine {
    WasmtimeEngine::new(Settings {
        slots,
        ..support::settings()
    })
    .unwrap()
}

fn guest(module: &dyn LoadedModule) -> Box<dyn Guest> {
    let spec = InstanceSpec {
        memory_bytes_max: 1 << 20,
        table_elements_max: 100,
        stack_bytes: None,
        entries: vec!["_start".into()],
    };
    module.instantiate(&spec).unwrap()
}

fn slices_of(micros: u64) -> Budget {
    Budget {
        time: Duration::from_micros(micros),
        fuel: 0,
    }
}

/// Keeps the host busy.
fn spin(time: Duration) {
    let begin = Instant::now();
    while begin.elapsed() < time {
        std::hint::spin_loop();
    }
}

#[test]
fn results_do_not_depend_on_where_a_guest_is_stopped() {
    let module = load(&engine(8), EVERYTHING);
    let silent = || Answers::new(|_, _, _| CallOutcome::Done(0));
    let expected = drive(&mut *guest(&*module), &mut silent(), forever()).exit();
    let mut preempted = 0;
    // Again until it was stopped in many places; where timers are coarse a round brings few.
    for _ in 0..100 {
        for micros in [1, 7, 15, 40, 100] {
            // In turn, so that every switch changes the guest.
            let mut guests: Vec<_> = (0..4).map(|_| guest(&*module)).collect();
            while !guests.is_empty() {
                guests.retain_mut(
                    |guest| match guest.resume(&mut silent(), slices_of(micros)) {
                        Yield::Preempted => {
                            preempted += 1;
                            true
                        }
                        Yield::Exited(code) => {
                            assert_eq!(code, expected, "slices of {micros} microseconds");
                            false
                        }
                        other => panic!("{other:?}"),
                    },
                );
            }
        }
        if preempted > 100 {
            return;
        }
    }
    panic!("only {preempted} preemptions");
}

#[test]
fn guests_change_threads_between_their_slices() {
    let module = load(&engine(8), EVERYTHING);
    let silent = || Answers::new(|_, _, _| CallOutcome::Done(0));
    let expected = drive(&mut *guest(&*module), &mut silent(), forever()).exit();
    let guests = Mutex::new((0..8).map(|_| guest(&*module)).collect::<Vec<_>>());
    let ended = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while ended.load(Ordering::Relaxed) < 8 {
                    let Some(mut guest) = guests.lock().unwrap().pop() else {
                        std::thread::yield_now();
                        continue;
                    };
                    match guest.resume(&mut silent(), slices_of(50)) {
                        Yield::Preempted => guests.lock().unwrap().insert(0, guest),
                        Yield::Exited(code) => {
                            assert_eq!(code, expected);
                            ended.fetch_add(1, Ordering::Relaxed);
                        }
                        other => panic!("{other:?}"),
                    }
                }
            });
        }
    });
}

#[test]
fn a_guest_is_stopped_on_its_return_from_the_host() {
    let module = load(&engine(1), MANY_ARGUMENTS);
    let run = |budget, time| {
        let mut calls = 0;
        let mut host = Answers::new(move |_, arguments: &[u64], _: &mut [u8]| {
            assert_eq!(arguments[0], calls);
            assert_eq!(arguments[1..8], [2, 3, 4, 5, 6, 7, 8]);
            calls += 1;
            spin(time);
            CallOutcome::Done(arguments[8] & 0xffff ^ calls)
        });
        drive(&mut *guest(&*module), &mut host, budget)
    };
    let expected = run(forever(), Duration::ZERO).exit();
    let outcome = run(slices_of(20), Duration::from_micros(60));
    assert_eq!(outcome.exit(), expected);
    assert!(outcome.preempted >= 40, "{outcome:?}");
}

#[test]
fn a_slice_may_end_during_a_call_that_then_waits() {
    let module = load(&engine(1), ASKING);
    let run = |budget, time| {
        let mut waits = false;
        let mut host = Answers::new(move |_, arguments: &[u64], _: &mut [u8]| {
            waits = !waits;
            spin(time);
            if waits {
                return CallOutcome::Blocked;
            }
            CallOutcome::Done(arguments[0].wrapping_mul(7) & 0xff)
        });
        drive(&mut *guest(&*module), &mut host, budget)
    };
    let undisturbed = run(forever(), Duration::ZERO);
    let outcome = run(slices_of(20), Duration::from_micros(50));
    assert_eq!(outcome.exit(), undisturbed.exit());
    assert_eq!((undisturbed.blocked, outcome.blocked), (400, 400));
    assert!(outcome.preempted >= 40, "{outcome:?}");
}

#[test]
fn the_host_ends_a_guest_whose_slice_is_over() {
    let module = load(&engine(1), ASKING);
    for round in 0..50 {
        let mut calls = 0;
        let mut host = Answers::new(move |_, _: &[u64], _: &mut [u8]| {
            calls += 1;
            spin(Duration::from_micros(30));
            if calls > round {
                return CallOutcome::Exit(42);
            }
            CallOutcome::Done(0)
        });
        assert_eq!(
            drive(&mut *guest(&*module), &mut host, slices_of(10)).exit(),
            42
        );
    }
}

#[test]
fn guests_are_dropped_wherever_they_were_stopped() {
    let engine = engine(2);
    let (computing, asking) = (load(&engine, EVERYTHING), load(&engine, ASKING));
    for round in 0..300 {
        let mut first = guest(&*computing);
        let mut second = guest(&*asking);
        let mut host = Answers::new(|_, _: &[u64], _: &mut [u8]| {
            spin(Duration::from_micros(30));
            if round % 2 == 0 {
                CallOutcome::Blocked
            } else {
                CallOutcome::Done(0)
            }
        });
        for _ in 0..round % 5 {
            assert!(matches!(
                first.resume(&mut host, slices_of(20)),
                Yield::Preempted
            ));
            assert!(matches!(
                second.resume(&mut host, slices_of(20)),
                Yield::Preempted | Yield::Blocked
            ));
        }
    }
}

#[test]
fn traps_and_their_backtraces_are_those_of_an_undisturbed_guest() {
    let busy = "(loop $more (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $more (i32.lt_u (local.get $i) (i32.const 30000000))))";
    for (instruction, kind) in [
        ("unreachable", TrapKind::Unreachable),
        (
            "(drop (i32.load (i32.const -64)))",
            TrapKind::MemoryOutOfBounds,
        ),
        (
            "(drop (i32.div_u (local.get $i) (global.get $zero)))",
            TrapKind::IntegerDivisionByZero,
        ),
    ] {
        let text = format!(
            r#"(module (memory 1) (global $zero (mut i32) (i32.const 0))
                (func $inner (param $i i32) (result i32) {busy} {instruction} (i32.const 1))
                (func $outer (param $n i32) (result i32)
                    (if (result i32) (local.get $n)
                        (then (i32.add (i32.const 1) (call $outer (i32.sub (local.get $n) (i32.const 1)))))
                        (else (call $inner (i32.const 0)))))
                (func (export "_start") (result i32) (call $outer (i32.const 5))))"#
        );
        let module = load(&engine(1), &text);
        let run = |budget| {
            let mut host = Answers::new(|_, _: &[u64], _: &mut [u8]| CallOutcome::Done(0));
            drive(&mut *guest(&*module), &mut host, budget)
        };
        let (undisturbed, stopped) = (run(forever()), run(slices_of(50)));
        assert!(stopped.preempted > 3, "{stopped:?}");
        assert_eq!((undisturbed.trap(), stopped.trap()), (kind, kind));
        let (undisturbed, stopped) = (undisturbed.end.unwrap_err(), stopped.end.unwrap_err());
        assert_eq!(undisturbed.backtrace, stopped.backtrace);
        assert_eq!(stopped.backtrace.len(), 8);
    }
}

#[test]
fn an_endless_recursion_is_a_stack_overflow_wherever_it_is_stopped() {
    let text = r#"(module
        (func $down (param i64) (result i64)
            (i64.add (local.get 0) (call $down (i64.add (local.get 0) (i64.const 1)))))
        (func (export "_start") (drop (call $down (i64.const 0)))))"#;
    let module = load(&engine(1), text);
    let mut host = Answers::new(|_, _: &[u64], _: &mut [u8]| CallOutcome::Done(0));
    for _ in 0..100 {
        let outcome = drive(&mut *guest(&*module), &mut host, slices_of(3));
        assert_eq!(outcome.trap(), TrapKind::StackOverflow);
    }
}

#[test]
fn an_entry_may_be_the_host_s_own_function_beside_a_start_function() {
    let text = r#"(module
        (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
        (export "_start" (func $yield))
        (export "\00start" (func $yield))
        (func $begin (local $i i32)
            (loop $more (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br_if $more (i32.lt_u (local.get $i) (i32.const 20000000)))))
        (start $begin))"#;
    let module = load(&engine(1), text);
    let mut host = Answers::new(|_, _: &[u64], _: &mut [u8]| CallOutcome::Done(9));
    let outcome = drive(&mut *guest(&*module), &mut host, slices_of(20));
    assert_eq!(outcome.exit(), 9);
    assert!(outcome.preempted > 2, "{outcome:?}");
}
