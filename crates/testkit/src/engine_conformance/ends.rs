//! How guests end: exit codes, traps, and nothing after the end.

use thimble_runtime::engine::{CallOutcome, Engine, Trap, TrapKind, Yield};

use super::fixture::{Answers, drive, instantiate, roomy, run};

/// A guest that makes one call and then would trap.
const ONE_CALL: &str = r#"(module
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
    (func (export "_start") (call $exit (i32.const 7)) unreachable))"#;

/// Calls a call that may wait.
const ONE_WAIT: &str = r#"(module
    (import "env" "ocre_sleep" (func $sleep (param i32) (result i32)))
    (func (export "_start") (drop (call $sleep (i32.const 7))) unreachable))"#;

/// The result of the entry is the exit code; none is 0.
pub fn exit_codes(engine: &dyn Engine) {
    for code in [0, 1, 42, -1, i32::MAX, i32::MIN] {
        let text = format!(r#"(module (func (export "_start") (result i32) (i32.const {code})))"#);
        assert_eq!(run(engine, &text).exit(), code);
    }
    assert_eq!(
        run(engine, r#"(module (func (export "_start")))"#).exit(),
        0
    );
}

/// The host ends the guest with an exit code.
pub fn host_exits(engine: &dyn Engine) {
    let mut guest = instantiate(engine, ONE_CALL, &["_start"]);
    let mut host = Answers::new(|_, _, _| CallOutcome::Exit(-3));
    assert_eq!(drive(&mut *guest, &mut host, roomy()).exit(), -3);
    assert_eq!(host.first_arguments(), [7]);
}

/// The host ends the guest with a trap, which arrives unchanged.
pub fn host_traps(engine: &dyn Engine) {
    let trap = Trap::with_detail(TrapKind::Signal, "SIGABRT");
    let mut guest = instantiate(engine, ONE_CALL, &["_start"]);
    let mut host = Answers::new(|_, _, _| CallOutcome::Trap(trap.clone()));
    let Err(got) = drive(&mut *guest, &mut host, roomy()).end else {
        panic!("no trap")
    };
    assert_eq!((got.kind, got.detail), (trap.kind, trap.detail.clone()));
    // The same where the host traps after it had blocked.
    let mut first = true;
    let mut guest = instantiate(engine, ONE_WAIT, &["_start"]);
    let mut host = Answers::new(|_, _, _| {
        if std::mem::take(&mut first) {
            CallOutcome::Blocked
        } else {
            CallOutcome::Trap(trap.clone())
        }
    });
    let outcome = drive(&mut *guest, &mut host, roomy());
    assert_eq!((outcome.trap(), outcome.blocked), (TrapKind::Signal, 1));
}

/// What a guest does wrong is told apart.
pub fn each_trap_has_its_kind(engine: &dyn Engine) {
    let cases = [
        ("unreachable", TrapKind::Unreachable),
        (
            "(drop (i32.load (i32.const 65533)))",
            TrapKind::MemoryOutOfBounds,
        ),
        (
            "(i64.store (i32.const -1) (i64.const 1))",
            TrapKind::MemoryOutOfBounds,
        ),
        (
            "(memory.fill (i32.const 65000) (i32.const 1) (i32.const 1000))",
            TrapKind::MemoryOutOfBounds,
        ),
        (
            "(memory.copy (i32.const 0) (i32.const 65000) (i32.const 1000))",
            TrapKind::MemoryOutOfBounds,
        ),
        (
            "(drop (table.get $t (i32.const 4)))",
            TrapKind::TableOutOfBounds,
        ),
        (
            "(table.set $t (i32.const -1) (ref.null func))",
            TrapKind::TableOutOfBounds,
        ),
        (
            "(call_indirect $t (i32.const 4))",
            TrapKind::TableOutOfBounds,
        ),
        (
            "(call_indirect $t (i32.const 3))",
            TrapKind::IndirectCallToNull,
        ),
        (
            "(drop (call_indirect $t (result i32) (i32.const 0)))",
            TrapKind::BadSignature,
        ),
        (
            "(drop (i32.div_s (i32.const 1) (global.get $zero)))",
            TrapKind::IntegerDivisionByZero,
        ),
        (
            "(drop (i64.rem_u (i64.const 1) (i64.extend_i32_u (global.get $zero))))",
            TrapKind::IntegerDivisionByZero,
        ),
        (
            "(drop (i32.div_s (i32.const 0x80000000) (i32.sub (global.get $zero) (i32.const 1))))",
            TrapKind::IntegerOverflow,
        ),
        (
            "(drop (i32.trunc_f64_s (f64.const 1e10)))",
            TrapKind::IntegerOverflow,
        ),
        (
            "(drop (i32.trunc_f32_u (f32.const nan)))",
            TrapKind::BadConversionToInteger,
        ),
        ("(call $forever)", TrapKind::StackOverflow),
    ];
    for (body, kind) in cases {
        let text = format!(
            r#"(module
                (memory 1)
                (global $zero (mut i32) (i32.const 0))
                (table $t 4 funcref)
                (elem (i32.const 0) $nothing)
                (func $nothing)
                (func $forever (call $forever))
                (func $inner {body})
                (func (export "_start") (call $inner)))"#
        );
        assert_eq!(run(engine, &text).trap(), kind, "{body}");
    }
}

/// Recursion of every shape ends in a trap, and the process lives.
pub fn endless_recursion_is_a_stack_overflow(engine: &dyn Engine) {
    let many_locals = "i64 ".repeat(1_000);
    let cases = [
        "(func $f (call $f))".to_string(),
        "(func $f (result i32) (i32.add (call $f) (i32.const 1)))".to_string(),
        format!("(func $f (local {many_locals}) (call $f))"),
        "(func $f (call $g)) (func $g (call $f))".to_string(),
        "(table 1 funcref) (elem (i32.const 0) $f) (func $f (call_indirect (i32.const 0)))"
            .to_string(),
    ];
    for functions in cases {
        let result = if functions.contains("(result i32)") {
            "(result i32)"
        } else {
            ""
        };
        let text = format!(r#"(module {functions} (func (export "_start") {result} (call $f)))"#);
        assert_eq!(
            run(engine, &text).trap(),
            TrapKind::StackOverflow,
            "{functions}"
        );
    }
}

/// Recursion as ordinary programs have it works.
pub fn deep_recursion_works(engine: &dyn Engine) {
    let text = r#"(module
        (func $sum (param i32) (result i32)
            (if (result i32) (i32.eqz (local.get 0))
                (then (i32.const 0))
                (else (i32.add (i32.const 1) (call $sum (i32.sub (local.get 0) (i32.const 1)))))))
        (func (export "_start") (result i32) (call $sum (i32.const 500))))"#;
    assert_eq!(run(engine, text).exit(), 500);
}

/// A guest that ended says so, as an engine failure, and runs no code.
pub fn an_end_is_final(engine: &dyn Engine) {
    for body in ["nop", "unreachable"] {
        let text = format!(
            r#"(module (import "wasi_snapshot_preview1" "sched_yield" (func $y (result i32)))
                (func (export "_start") (drop (call $y)) {body}))"#
        );
        let mut guest = instantiate(engine, &text, &["_start"]);
        let mut host = Answers::new(|_, _, _| CallOutcome::Done(0));
        let _ = drive(&mut *guest, &mut host, roomy());
        for _ in 0..2 {
            match guest.resume(&mut host, roomy()) {
                Yield::Trapped(trap) => assert_eq!(trap.kind, TrapKind::Engine),
                other => panic!("{other:?} after the end"),
            }
        }
        assert_eq!(host.calls.len(), 1);
    }
}
