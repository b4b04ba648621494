//! What runs first: the start function, then the entries in order.

use thimble_runtime::engine::{CallOutcome, Engine, InstantiateError};

use super::fixture::{Answers, drive, instantiate, load, roomy, short, spec};

/// Functions that tell their number by sleeping that long.
const STEPS: &str = r#"(module
    (import "env" "ocre_sleep" (func $sleep (param i32) (result i32)))
    (func (export "_initialize") (drop (call $sleep (i32.const 1))))
    (func (export "two") (result i32) (drop (call $sleep (i32.const 2))) (i32.const 9))
    (func (export "three") (result i32) (drop (call $sleep (i32.const 3))) (i32.const 5)))"#;

/// A start function that calls and loops before the entry reads what it left.
const START: &str = r#"(module
    (import "env" "ocre_sleep" (func $sleep (param i32) (result i32)))
    (global $sum (mut i32) (i32.const 0))
    (start $begin)
    (func $begin (local $i i32)
        (global.set $sum (call $sleep (i32.const 1)))
        (loop $more
            (global.set $sum (i32.add (global.get $sum) (i32.const 3)))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br_if $more (i32.lt_u (local.get $i) (i32.const 20000)))))
    (func (export "_start") (result i32)
        (drop (call $sleep (i32.const 2)))
        (global.get $sum)))"#;

/// Entries run one after the other; the last one's result is the exit code.
pub fn entries_run_in_order(engine: &dyn Engine) {
    let mut guest = instantiate(engine, STEPS, &["_initialize", "three", "two"]);
    let mut host = Answers::new(|_, _, _| CallOutcome::Done(0));
    assert_eq!(drive(&mut *guest, &mut host, roomy()).exit(), 9);
    assert_eq!(host.first_arguments(), [1, 3, 2]);
}

/// A reactor that only initializes exits with 0.
pub fn a_reactor_only_initializes(engine: &dyn Engine) {
    let mut guest = instantiate(engine, STEPS, &["_initialize"]);
    let mut host = Answers::new(|_, _, _| CallOutcome::Done(0));
    assert_eq!(drive(&mut *guest, &mut host, roomy()).exit(), 0);
    assert_eq!(host.first_arguments(), [1]);
}

/// A guest without entries exits with 0 and runs nothing but its start function.
pub fn no_entry_exits_at_once(engine: &dyn Engine) {
    let mut host = Answers::new(|_, _, _| CallOutcome::Done(0));
    let mut guest = instantiate(engine, STEPS, &[]);
    assert_eq!(drive(&mut *guest, &mut host, roomy()).exit(), 0);
    assert!(host.calls.is_empty());
    let mut guest = instantiate(engine, START, &[]);
    assert_eq!(drive(&mut *guest, &mut host, roomy()).exit(), 0);
    assert_eq!(host.first_arguments(), [1]);
}

/// Nothing runs at instantiation; the start function runs first.
pub fn start_function_runs_before_the_entries(engine: &dyn Engine) {
    let mut guest = instantiate(engine, START, &["_start"]);
    let mut host = Answers::new(|_, _, _| CallOutcome::Done(0));
    assert_eq!(drive(&mut *guest, &mut host, roomy()).exit(), 60_000);
    assert_eq!(host.first_arguments(), [1, 2]);
}

/// A start function can be suspended in a call.
pub fn start_function_waits(engine: &dyn Engine) {
    let mut waits = 3;
    let mut guest = instantiate(engine, START, &["_start"]);
    let mut host = Answers::new(|_, _, _| {
        if waits == 0 {
            return CallOutcome::Done(1);
        }
        waits -= 1;
        CallOutcome::Blocked
    });
    let outcome = drive(&mut *guest, &mut host, roomy());
    assert_eq!((outcome.exit(), outcome.blocked), (60_001, 3));
    assert_eq!(host.first_arguments(), [1, 1, 1, 1, 2]);
}

/// A start function can be preempted in a loop.
pub fn start_function_loops(engine: &dyn Engine) {
    let mut guest = instantiate(engine, START, &["_start"]);
    let mut host = Answers::new(|_, _, _| CallOutcome::Done(0));
    assert_eq!(drive(&mut *guest, &mut host, short()).exit(), 60_000);
}

/// A missing entry is named before anything runs.
pub fn missing_entry_is_named(engine: &dyn Engine) {
    let loaded = load(engine, STEPS);
    let Err(error) = loaded.instantiate(&spec(&["_initialize", "nothing"])) else {
        panic!("no error")
    };
    assert_eq!(
        error,
        InstantiateError::MissingEntry {
            name: "nothing".into()
        }
    );
}

/// An entry takes nothing and returns nothing or one `i32`.
pub fn wrong_entry_signatures_are_refused(engine: &dyn Engine) {
    let cases = [
        ("(param i32)", "nop", "(i32)"),
        (
            "(param i64 f32) (result i32)",
            "(i32.const 1)",
            "(i64, f32) -> i32",
        ),
        ("(result i64)", "(i64.const 1)", "() -> i64"),
        ("(result f64)", "(f64.const 1)", "() -> f64"),
    ];
    for (signature, body, expected) in cases {
        let text =
            format!(r#"(module (func (export "good")) (func (export "bad") {signature} {body}))"#);
        let loaded = load(engine, &text);
        let Err(error) = loaded.instantiate(&spec(&["good", "bad"])) else {
            panic!("{signature} is accepted")
        };
        assert_eq!(
            error,
            InstantiateError::WrongEntrySignature {
                name: "bad".into(),
                signature: expected.into()
            }
        );
    }
    for signature in [
        "(result i32 i32) (i32.const 1) (i32.const 2)",
        "(result externref) (ref.null extern)",
        "(param funcref)",
    ] {
        let text = format!(r#"(module (func (export "good")) (func (export "bad") {signature}))"#);
        let Err(error) = load(engine, &text).instantiate(&spec(&["bad", "good"])) else {
            panic!("{signature} is accepted")
        };
        assert!(
            matches!(&error, InstantiateError::WrongEntrySignature { name, .. } if name == "bad"),
            "{error}"
        );
    }
    let text = r#"(module (memory (export "bad") 1))"#;
    let Err(error) = load(engine, text).instantiate(&spec(&["bad"])) else {
        panic!("a memory is an entry")
    };
    assert_eq!(error, InstantiateError::MissingEntry { name: "bad".into() });
}

/// A function that the module imports and exports again can be an entry, and can wait.
pub fn an_imported_function_is_an_entry(engine: &dyn Engine) {
    let text = r#"(module
        (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
        (export "_start" (func $yield)))"#;
    let mut waits = 2;
    let mut guest = instantiate(engine, text, &["_start"]);
    let mut host = Answers::new(|_, _, _| {
        if waits == 0 {
            return CallOutcome::Done(11);
        }
        waits -= 1;
        CallOutcome::Blocked
    });
    let outcome = drive(&mut *guest, &mut host, roomy());
    assert_eq!((outcome.exit(), outcome.blocked), (11, 2));
}
