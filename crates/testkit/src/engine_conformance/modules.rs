//! Modules: what is valid, which features there are, and what initialization can do.

use std::fmt::Write as _;

use thimble_runtime::engine::{CallOutcome, Engine, LoadError, TrapKind};
use thimble_runtime::module::Module;

use super::fixture::{Answers, drive, instantiate, parse, roomy, run, spec};

/// Modules that break a rule are refused when they are loaded, also in functions that nothing calls.
pub fn invalid_modules_are_refused(engine: &dyn Engine) {
    let cases = [
        "(module (func (result i32) (i64.const 1)))",
        "(module (func (drop)))",
        "(module (func (call 7)))",
        "(module (func (local.set 3 (i32.const 0))))",
        "(module (func (drop (i32.load (i32.const 0)))))",
        "(module (func $f (param i32)) (start $f))",
        "(module (func $f (result i32) (i32.const 0)) (start $f))",
        "(module (start 5))",
        r#"(module (func (export "a")) (func (export "a")))"#,
        "(module (global i32 (i64.const 0)))",
        "(module (memory 1) (data (i64.const 0) \"x\"))",
        "(module (memory 65537))",
        "(module (memory 2 1))",
    ];
    for text in cases {
        assert!(refusal(engine, text).is_some(), "accepted: {text}");
    }
}

/// Features that containers cannot use are refused, and the refusal says which.
pub fn refused_features_are_named(engine: &dyn Engine) {
    let cases = [
        ("(module (memory 1 1 shared))", "thread"),
        (
            "(module (memory 1) (func (drop (i32.atomic.load (i32.const 0)))))",
            "thread",
        ),
        ("(module (memory i64 1))", "64-bit memory"),
        ("(module (memory 1) (memory 1))", "memor"),
        (
            "(module (func (drop (f32x4.relaxed_madd (v128.const i64x2 0 0) (v128.const i64x2 0 0) (v128.const i64x2 0 0)))))",
            "simd",
        ),
        (
            "(module (type $s (struct (field i32))) (func (drop (struct.new $s (i32.const 1)))))",
            "gc",
        ),
        ("(module (func (drop (ref.i31 (i32.const 1)))))", "gc"),
        ("(module (tag $t) (func (throw $t)))", "exception"),
    ];
    for (text, word) in cases {
        let Some(reason) = refusal(engine, text) else {
            panic!("accepted: {text}")
        };
        assert!(
            reason.to_lowercase().contains(word),
            "`{reason}` does not say `{word}`: {text}"
        );
    }
}

/// Why a module is refused, by the parser or the engine.
fn refusal(engine: &dyn Engine, text: &str) -> Option<String> {
    let bytes = wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let module = match Module::parse(bytes) {
        Ok(module) => module,
        Err(error) => return Some(error.to_string()),
    };
    match engine.load(&module) {
        Ok(_) => None,
        Err(LoadError::Invalid { reason }) => Some(reason),
        Err(error) => panic!("our fault instead of the module's: {error}"),
    }
}

/// Everything of WebAssembly 2.0, tail calls and extended constant expressions work.
pub fn accepted_features_work(engine: &dyn Engine) {
    let cases = [
        ("", "(i32.extend8_s (i32.const 0xff))", -1),
        ("", "(i32.trunc_sat_f64_s (f64.const 1e30))", i32::MAX),
        (
            "(func $two (result i32 i32) (i32.const 40) (i32.const 2))",
            "(call $two) i32.add",
            42,
        ),
        (
            "(func $swap (param i32 i32) (result i32 i32) (local.get 1) (local.get 0))",
            "(i32.const 1) (i32.const 10) (call $swap) i32.sub",
            9,
        ),
        (
            "",
            "(i32.const 5) (block (param i32) (result i32) (i32.const 1) (i32.add))",
            6,
        ),
        (
            "(memory 1) (data $d \"\\01\\02\")",
            "(memory.init $d (i32.const 9) (i32.const 0) (i32.const 2)) (data.drop $d) (i32.load16_u (i32.const 9))",
            0x201,
        ),
        (
            "(table $t 2 externref)",
            "(ref.is_null (table.get $t (i32.const 1)))",
            1,
        ),
        (
            "(table $t 2 funcref) (elem $e func $f) (func $f (result i32) (i32.const 8))",
            "(table.init $t $e (i32.const 1) (i32.const 0) (i32.const 1)) (call_indirect $t (result i32) (i32.const 1))",
            8,
        ),
        (
            "(func $count (param i32) (result i32) (if (i32.eqz (local.get 0)) (then (return (i32.const 3)))) (return_call $count (i32.sub (local.get 0) (i32.const 1))))",
            "(call $count (i32.const 1000000))",
            3,
        ),
        (
            "(global $g i32 (i32.add (i32.mul (i32.const 4) (i32.const 10)) (i32.const 2)))",
            "(global.get $g)",
            42,
        ),
        (
            "(global $g (mut i32) (i32.const 1))",
            "(global.set $g (i32.const 6)) (global.get $g)",
            6,
        ),
        (
            "",
            "(select (result i32) (i32.const 1) (i32.const 2) (i32.const 0))",
            2,
        ),
    ];
    for (definitions, body, code) in cases {
        let text =
            format!(r#"(module {definitions} (func (export "_start") (result i32) {body}))"#);
        assert_eq!(run(engine, &text).exit(), code, "{text}");
    }
}

/// Vector instructions work. Not among the checks that every engine must pass: small devices lack them.
pub fn simd_works(engine: &dyn Engine) {
    let text = r#"(module
        (import "env" "ocre_sleep" (func $sleep (param i32) (result i32)))
        (func $sum (param v128) (result i32)
            (i32.add (i32x4.extract_lane 0 (local.get 0)) (i32x4.extract_lane 3 (local.get 0))))
        (func (export "_start") (result i32) (local $v v128)
            (local.set $v (i32x4.mul (v128.const i32x4 1 2 3 4) (i32x4.splat (i32.const 10))))
            (i32.add (call $sleep (i32.const 1)) (call $sum (local.get $v)))))"#;
    let mut blocked = false;
    let mut host = Answers::new(|_, _, _| {
        blocked = !blocked;
        if blocked {
            CallOutcome::Blocked
        } else {
            CallOutcome::Done(100)
        }
    });
    let mut guest = instantiate(engine, text, &["_start"]);
    assert_eq!(drive(&mut *guest, &mut host, roomy()).exit(), 150);
}

/// Memories with pages of one byte have the size they ask for, and limits count bytes.
pub fn small_pages_work(engine: &dyn Engine) {
    let text = r#"(module
        (memory (export "memory") 1000 3000 (pagesize 1))
        (func (export "_start") (result i32)
            (i32.store8 (i32.const 999) (i32.const 7))
            (if (i32.ne (memory.grow (i32.const 1000)) (i32.const 1000)) (then unreachable))
            (if (i32.ne (memory.grow (i32.const 600)) (i32.const -1)) (then unreachable))
            (memory.size))
        (func (export "past") (drop (i32.load8_u (i32.const 1000)))))"#;
    let loaded = engine
        .load(&parse(text))
        .unwrap_or_else(|error| panic!("{error}"));
    let mut limits = spec(&["_start"]);
    limits.memory_bytes_max = 2_500;
    let mut guest = loaded
        .instantiate(&limits)
        .unwrap_or_else(|error| panic!("{error}"));
    let mut host = Answers::new(|_, _, _| CallOutcome::Done(0));
    assert_eq!(guest.memory_bytes(), 1_000);
    assert_eq!(drive(&mut *guest, &mut host, roomy()).exit(), 2_000);
    assert_eq!(guest.memory_bytes(), 2_000);
    assert_eq!(host.refused, [2_600]);
    let mut guest = loaded
        .instantiate(&spec(&["past"]))
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(
        drive(&mut *guest, &mut host, roomy()).trap(),
        TrapKind::MemoryOutOfBounds
    );
}

/// A branch table with tens of thousands of targets loads and branches.
pub fn a_huge_branch_table_works(engine: &dyn Engine) {
    let mut targets = String::new();
    for index in 0..60_000 {
        write!(targets, "{} ", index % 3).unwrap();
    }
    let text = format!(
        r#"(module
            (func $pick (param i32) (result i32)
                (block $c (block $b (block $a
                    (br_table {targets} 2 (local.get 0)))
                    (return (i32.const 1)))
                    (return (i32.const 20)))
                (i32.const 300))
            (func (export "_start") (result i32)
                (i32.add (call $pick (i32.const 59997))
                    (i32.add (call $pick (i32.const 40000)) (call $pick (i32.const -1))))))"#
    );
    assert_eq!(run(engine, &text).exit(), 321);
}

/// Data or elements that do not fit trap at the first resume: the module is at fault, not the engine. The
/// guest has its memory all the same, before and after.
pub fn segments_that_do_not_fit_trap(engine: &dyn Engine) {
    let cases = [
        (
            "(memory 1) (data (i32.const 65535) \"ab\")",
            TrapKind::MemoryOutOfBounds,
            65536,
        ),
        (
            "(table 1 funcref) (elem (i32.const 1) $f) (func $f)",
            TrapKind::TableOutOfBounds,
            0,
        ),
    ];
    for (definitions, kind, memory_bytes) in cases {
        let text = format!(
            r#"(module {definitions} (func $begin unreachable) (start $begin) (func (export "_start")))"#
        );
        let mut guest = instantiate(engine, &text, &["_start"]);
        assert_eq!(guest.memory_bytes(), memory_bytes, "{definitions}");
        let mut host = Answers::new(|_, _, _| CallOutcome::Done(0));
        let outcome = drive(&mut *guest, &mut host, roomy());
        assert_eq!(outcome.trap(), kind, "{definitions}");
        assert_eq!(guest.memory_bytes(), memory_bytes, "{definitions}");
    }
}
