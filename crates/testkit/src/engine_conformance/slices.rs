//! Slices: preemption, interrupts, and dropping a guest wherever it stands.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use thimble_runtime::engine::{Budget, CallOutcome, Engine, Yield};

use super::fixture::{Answers, drive, forever, instantiate, load, roomy, short, spec};

/// A loop without end that says once that it runs.
const BUSY: &str = r#"(module
    (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
    (global $count (mut i32) (i32.const 0))
    (func (export "_start") (drop (call $yield))
        (loop $more (global.set $count (i32.add (global.get $count) (i32.const 1))) (br $more))))"#;

/// A loop without end that does nothing but call the host.
const CALLING: &str = r#"(module
    (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
    (func (export "_start") (loop $more (drop (call $yield)) (br $more))))"#;

/// A computation over memory, floats, calls and branches whose result depends on every step.
const MIXED: &str = r#"(module
    (memory 1)
    (global $seed (mut i64) (i64.const 88172645463325252))
    (func $next (result i64)
        (global.set $seed (i64.xor (global.get $seed) (i64.shl (global.get $seed) (i64.const 13))))
        (global.set $seed (i64.xor (global.get $seed) (i64.shr_u (global.get $seed) (i64.const 7))))
        (global.set $seed (i64.xor (global.get $seed) (i64.shl (global.get $seed) (i64.const 17))))
        (global.get $seed))
    (func (export "_start") (result i32) (local $i i32) (local $float f64) (local $at i32)
        (loop $more
            (local.set $at (i32.and (i32.wrap_i64 (call $next)) (i32.const 0xfff8)))
            (i64.store (local.get $at) (i64.add (i64.load (local.get $at)) (call $next)))
            (local.set $float (f64.add (f64.mul (local.get $float) (f64.const 0.5))
                (f64.convert_i64_s (i64.load (local.get $at)))))
            (if (i32.and (local.get $at) (i32.const 8))
                (then (memory.copy (i32.const 128) (i32.const 64) (i32.const 48))))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $more (i32.lt_u (local.get $i) (i32.const 10000))))
        (i32.xor
            (i32.wrap_i64 (i64.reinterpret_f64 (local.get $float)))
            (i32.wrap_i64 (i64.load (i32.const 128))))))"#;

/// Bulk operations on all of a large memory and a large table.
const BULK: &str = r#"(module
    (memory 1)
    (table $t 1 10000 funcref)
    (func (export "_start") (result i32)
        (drop (memory.grow (i32.const 511)))
        (memory.fill (i32.const 0) (i32.const 1) (i32.const 16777216))
        (memory.copy (i32.const 16777216) (i32.const 0) (i32.const 16777216))
        (drop (table.grow $t (ref.null func) (i32.const 9999)))
        (table.fill $t (i32.const 0) (ref.func 0) (i32.const 10000))
        (i32.add (table.size $t) (i32.add (i32.load8_u (i32.const 33554431)) (memory.size)))))"#;

/// However short the slices are, the result is the same.
pub fn tiny_budgets_do_not_change_results(engine: &dyn Engine) {
    let run = |budget: Budget| {
        let mut guest = instantiate(engine, MIXED, &["_start"]);
        drive(
            &mut *guest,
            &mut Answers::new(|_, _, _| CallOutcome::Done(0)),
            budget,
        )
    };
    let whole = run(roomy());
    assert_eq!(whole.preempted, 0);
    for (micros, fuel) in [(20, 1), (30, 37), (50, 1_000), (200, 65_537)] {
        let sliced = run(Budget {
            time: Duration::from_micros(micros),
            fuel,
        });
        assert_eq!(sliced.exit(), whole.exit(), "{fuel} units of fuel");
    }
}

/// A loop without end gives the processor back again and again.
pub fn a_busy_loop_is_preempted(engine: &dyn Engine) {
    let mut guest = instantiate(engine, BUSY, &["_start"]);
    let mut host = Answers::new(|_, _, _| CallOutcome::Done(0));
    for _ in 0..20 {
        let result = guest.resume(
            &mut host,
            Budget {
                time: Duration::from_millis(1),
                fuel: 500_000,
            },
        );
        assert!(matches!(result, Yield::Preempted), "{result:?}");
    }
    assert_eq!(host.calls.len(), 1);
}

/// Another thread ends a slice that would never end.
pub fn an_interrupt_ends_a_long_slice(engine: &dyn Engine) {
    interrupt_from_outside(engine, BUSY);
}

/// A guest that only calls the host is interrupted as well.
pub fn an_interrupt_ends_a_slice_of_host_calls(engine: &dyn Engine) {
    interrupt_from_outside(engine, CALLING);
}

fn interrupt_from_outside(engine: &dyn Engine, text: &str) {
    let mut guest = instantiate(engine, text, &["_start"]);
    for _ in 0..3 {
        let (running, ended) = (AtomicBool::new(false), AtomicBool::new(false));
        let interrupter = guest.interrupter();
        thread::scope(|scope| {
            scope.spawn(|| {
                while !running.load(Ordering::Acquire) {
                    thread::yield_now();
                }
                interrupter.interrupt();
                // The slice that follows must not need a second one; a guest that misses it hangs here.
                while !ended.load(Ordering::Acquire) {
                    thread::yield_now();
                }
            });
            // Not recorded: millions of calls may pass.
            let mut host = Silent(&running);
            running.store(text == BUSY, Ordering::Release);
            let result = guest.resume(&mut host, forever());
            ended.store(true, Ordering::Release);
            assert!(matches!(result, Yield::Preempted), "{result:?}");
        });
    }
}

/// Answers 0 and says that the guest runs.
struct Silent<'a>(&'a AtomicBool);

impl thimble_runtime::engine::Host for Silent<'_> {
    fn call(&mut self, _: thimble_abi::Call, _: &[u64], _: &mut [u8]) -> CallOutcome {
        self.0.store(true, Ordering::Release);
        CallOutcome::Done(0)
    }

    fn memory_refused(&mut self, _: u64) {}
}

/// An interrupt while nothing runs shortens at most one slice.
pub fn an_early_interrupt_does_no_harm(engine: &dyn Engine) {
    let mut guest = instantiate(engine, MIXED, &["_start"]);
    let expected = {
        let mut guest = instantiate(engine, MIXED, &["_start"]);
        drive(
            &mut *guest,
            &mut Answers::new(|_, _, _| CallOutcome::Done(0)),
            roomy(),
        )
        .exit()
    };
    let interrupter = guest.interrupter();
    interrupter.interrupt();
    interrupter.interrupt();
    let outcome = drive(
        &mut *guest,
        &mut Answers::new(|_, _, _| CallOutcome::Done(0)),
        roomy(),
    );
    assert!(outcome.preempted <= 1, "{outcome:?}");
    assert_eq!(outcome.exit(), expected);
    drop(guest);
    // A handle outlives its guest.
    interrupter.interrupt();
}

/// One instruction that costs more than a slice completes all the same.
pub fn bulk_operations_make_progress(engine: &dyn Engine) {
    for budget in [short(), roomy()] {
        let mut guest = instantiate(engine, BULK, &["_start"]);
        let mut host = Answers::new(|_, _, _| CallOutcome::Done(0));
        assert_eq!(
            drive(&mut *guest, &mut host, budget).exit(),
            10_000 + 1 + 512
        );
    }
}

/// A guest can be dropped before it began, while it waits, while it is preempted, and after its end.
pub fn dropping_is_clean_anywhere(engine: &dyn Engine) {
    let deep = r#"(module
        (import "env" "ocre_sleep" (func $sleep (param i32) (result i32)))
        (memory 4)
        (func $down (param i32) (result i32)
            (if (result i32) (local.get 0)
                (then (i32.add (i32.const 1) (call $down (i32.sub (local.get 0) (i32.const 1)))))
                (else (call $sleep (i32.const 0)))))
        (func (export "_start") (result i32) (call $down (i32.const 200))))"#;
    let loaded = load(engine, deep);
    for slices in [0, 1, 2, 5] {
        let mut guest = loaded
            .instantiate(&spec(&["_start"]))
            .unwrap_or_else(|error| panic!("{error}"));
        let mut host = Answers::new(|_, _, _| CallOutcome::Blocked);
        for _ in 0..slices {
            assert!(matches!(guest.resume(&mut host, roomy()), Yield::Blocked));
        }
    }
    for slices in [1, 2, 5] {
        let mut guest = instantiate(engine, BUSY, &["_start"]);
        let mut host = Answers::new(|_, _, _| CallOutcome::Done(0));
        for _ in 0..slices {
            assert!(matches!(guest.resume(&mut host, short()), Yield::Preempted));
        }
    }
    let mut guest = loaded
        .instantiate(&spec(&["_start"]))
        .unwrap_or_else(|error| panic!("{error}"));
    // The module may go first.
    drop(loaded);
    let mut host = Answers::new(|_, _, _| CallOutcome::Done(0));
    assert_eq!(drive(&mut *guest, &mut host, short()).exit(), 200);
}

/// Guests of one module share nothing that they can change, whatever thread resumes them.
pub fn guests_of_one_module_are_separate(engine: &dyn Engine) {
    let text = r#"(module
        (import "env" "ocre_sleep" (func $sleep (param i32) (result i32)))
        (memory (export "memory") 1)
        (global $n (mut i32) (i32.const 0))
        (func (export "_start") (result i32) (local $i i32)
            (loop $more
                (global.set $n (i32.add (global.get $n) (call $sleep (i32.const 0))))
                (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br_if $more (i32.lt_u (local.get $i) (i32.const 10))))
            (i32.add (global.get $n) (i32.load (i32.const 0)))))"#;
    let loaded = load(engine, text);
    let mut guests: Vec<_> = (0..4)
        .map(|_| {
            loaded
                .instantiate(&spec(&["_start"]))
                .unwrap_or_else(|error| panic!("{error}"))
        })
        .collect();
    // Interleaved on this thread first, then each one on its own.
    for guest in &mut guests {
        let mut host = Answers::new(|_, _, _| CallOutcome::Blocked);
        assert!(matches!(guest.resume(&mut host, roomy()), Yield::Blocked));
    }
    thread::scope(|scope| {
        for (number, mut guest) in guests.into_iter().enumerate() {
            scope.spawn(move || {
                let mut host = Answers::new(|_, _, _| CallOutcome::Done(number as u64));
                let code = drive(&mut *guest, &mut host, short()).exit();
                assert_eq!(usize::try_from(code), Ok(10 * number + 10));
            });
        }
    });
}
