//! What programs that mean harm try, and what the safety argument (`docs/inplace-safety.md`) says of them: each ends in a
//! trap, or does what it would do anywhere. Debug assertions of the machine are on here.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at the first surprise"
)]

use std::fmt::Write as _;
use std::sync::Arc;

use thimble_engine_inplace::{
    Bytes, Direct, HeapBuffers, Limits, Program, Reason, Room, Run, WordStore, validate,
};
use thimble_runtime::engine::{Trap, TrapKind};

const DIGEST: [u8; 32] = [7; 32];

fn program(text: &str) -> Program {
    let module = wat::parse_str(text).expect("it is a module");
    let validated = Program::validated(Bytes::Shared(module.into()), &Limits::linux());
    validated.expect("it is valid").0
}

fn instance(program: Program, stack_bytes: usize) -> Direct {
    let room = Room {
        buffers: &HeapBuffers,
        memory_bytes_max: 1 << 20,
        table_elements_max: 1 << 20,
        stack_bytes,
        globals: &[],
    };
    let mut direct = Direct::new(Arc::new(program), &room).expect("there is room");
    direct.initialize().expect("its segments fit");
    direct
}

/// Calls an export; its results, or the trap.
fn call(
    text: &str,
    name: &str,
    arguments: &[u64],
    stack_bytes: usize,
) -> Result<Vec<u64>, TrapKind> {
    let program = program(text);
    let function = program.export(name).expect("it is exported").index;
    let mut direct = instance(program, stack_bytes);
    direct.begin(function, arguments)?;
    let mut answer = |_: u32, slots: &mut [u64], _: &mut [u8]| {
        for (slot, value) in slots.iter_mut().zip(1..) {
            *slot = value;
        }
        Ok::<(), Box<Trap>>(())
    };
    match direct.run(&mut answer, &mut i32::MAX.clone()) {
        Run::Returned => Ok(direct.results().to_vec()),
        Run::Trapped(trap) => Err(trap.kind),
        Run::Preempted => panic!("there was fuel"),
    }
}

fn results(count: usize) -> String {
    format!("(result{})", " i64".repeat(count))
}

/// The host's results lie above the frame of the function that it answers for, so that must have room for them.
#[test]
fn a_tail_call_of_the_host_has_room_for_its_results() {
    let text = format!(
        r#"(module (import "h" "f" (func $f (param i64) {many}))
            (table funcref (elem $f))
            (func (export "direct") {many} (return_call $f (i64.const 1)))
            (func (export "table") {many}
              (return_call_indirect (param i64) {many} (i64.const 1) (i32.const 0))))"#,
        many = results(900)
    );
    for name in ["direct", "table"] {
        assert_eq!(call(&text, name, &[], 64), Err(TrapKind::StackOverflow));
        let all = call(&text, name, &[], 16 << 10).expect("there is room");
        assert_eq!(all, (1..=900).collect::<Vec<u64>>());
    }
}

/// Every size of stack from none to enough: an overflow traps, and nothing is written beyond it.
#[test]
fn a_stack_of_any_size_traps_or_suffices() {
    let text = format!(
        r#"(module (import "h" "f" (func $f {many}))
            (func $g {many} (local i64 i64 i64) (call $f))
            (func (export "e") {many} (call $g)))"#,
        many = results(20)
    );
    let mut sufficed = false;
    for slots in 1..120 {
        match call(&text, "e", &[], slots * 8) {
            Ok(all) => {
                sufficed = true;
                assert_eq!(all, (1..=20).collect::<Vec<u64>>());
            }
            Err(kind) => {
                assert_eq!(kind, TrapKind::StackOverflow);
                assert!(!sufficed, "a larger stack must suffice, too");
            }
        }
    }
    assert!(sufficed);
}

#[test]
fn functions_that_are_not_there_are_not_begun() {
    let text = r#"(module (import "h" "f" (func)) (func (export "e")))"#;
    let one = program(text);
    for function in [2, 3, 1 << 20, 0x2aaa_aaab, u32::MAX / 6 + 1, u32::MAX] {
        assert_eq!(one.function_type(function), None);
        let mut direct = instance(program(text), 1 << 10);
        assert_eq!(direct.begin(function, &[]), Err(TrapKind::Engine));
    }
    let mut direct = instance(one, 1 << 10);
    // An imported one, and one with other arguments.
    assert_eq!(direct.begin(0, &[]), Err(TrapKind::Engine));
    assert_eq!(direct.begin(1, &[1]), Err(TrapKind::Engine));
    assert_eq!(direct.begin(1, &[]), Ok(()));
}

/// Whoever calls functions one by one passes slots, and could pass anything as a reference.
#[test]
fn a_forged_reference_to_a_function_traps() {
    let text = r#"(module (table 1 funcref) (type $t (func))
        (func (export "e") (param funcref)
          (table.set (i32.const 0) (local.get 0))
          (call_indirect (type $t) (i32.const 0)))
        (func (export "tail") (param funcref)
          (table.set (i32.const 0) (local.get 0))
          (return_call_indirect (type $t) (i32.const 0))))"#;
    for name in ["e", "tail"] {
        for forged in [3, 4, 1 << 20, 0x7fff_ffff, 0xffff_ffff] {
            assert_eq!(
                call(text, name, &[forged], 1 << 10),
                Err(TrapKind::BadSignature),
                "{forged}"
            );
        }
    }
}

#[test]
fn a_module_that_no_branch_can_span_is_refused() {
    let module = vec![0; (1 << 30) + 1];
    let refusal = validate(
        &module,
        &DIGEST,
        &Limits::linux(),
        &mut WordStore::default(),
    );
    let reason = refusal.expect_err("it is too long").reason;
    assert!(matches!(reason, Reason::Limit { .. }), "{reason:?}");
}

/// Instructions that move much cost fuel, also where they look at much and move nothing.
#[test]
fn what_takes_long_costs_fuel() {
    let elements = "$e ".repeat(8_000);
    let text = format!(
        r#"(module (memory 1) (table $t 1 funcref) (elem $s func {elements})
          (func $e)
          (func (export "init") (table.init $t $s (i32.const 0) (i32.const 8000) (i32.const 0)))
          (func (export "grow") (drop (memory.grow (i32.const 1))))
          (func (export "table") (drop (table.grow (ref.null func) (i32.const 1)))))"#
    );
    for (name, least) in [("init", 1_000), ("grow", 100), ("table", 100)] {
        let program = program(&text);
        let function = program.export(name).expect("it is exported").index;
        let mut direct = instance(program, 1 << 10);
        direct.begin(function, &[]).expect("it can begin");
        let mut fuel = i32::MAX;
        let mut none = |_: u32, _: &mut [u64], _: &mut [u8]| Ok::<(), Box<Trap>>(());
        assert_eq!(direct.run(&mut none, &mut fuel), Run::Returned);
        let used = i32::MAX - fuel;
        assert!(used >= least, "{name} used {used}");
    }
}

/// Branches that keep, drop or skip more than an entry of eight bytes says stand elsewhere.
#[test]
fn branches_of_any_size_lead_where_they_must() {
    for (kept, dropped) in [
        (0, 1),
        (1, 255),
        (14, 255),
        (14, 256),
        (15, 0),
        (15, 1),
        (40, 300),
    ] {
        let mut text = format!(
            r#"(module (func (export "e") (param i32) {} "#,
            results(kept)
        );
        write!(text, "(block $b {} ", results(kept)).expect("it is memory");
        text.push_str(&"(i64.const -1) ".repeat(dropped));
        for value in 1..=kept {
            write!(text, "(i64.const {value}) ").expect("it is memory");
        }
        text.push_str("(br_table $b $b (local.get 0)))))");
        for index in [0, 1, 0xffff_ffff] {
            let all = call(&text, "e", &[index], 64 << 10).expect("it returns");
            let wanted = 1..=u64::try_from(kept).expect("it is small");
            assert_eq!(
                all,
                wanted.collect::<Vec<_>>(),
                "{kept} kept, {dropped} dropped"
            );
        }
    }
}

/// More branches between a branch and its target than 20 bits can say.
#[test]
fn a_branch_passes_over_half_a_million_others() {
    let labels = "1 ".repeat(600_000);
    let text = format!(
        r#"(module (func (export "e") (param i32) (result i32)
          (block (block
            (br_if 1 (i32.eqz (local.get 0)))
            (br_table {labels} 0 (local.get 0)))
            (return (i32.const 2)))
          (block (br_if 0 (local.get 0)) (return (i32.const 1)))
          (i32.const 3)))"#
    );
    for (argument, result) in [(0, 1), (1, 3), (599_999, 3), (600_000, 2), (0xffff_ffff, 2)] {
        assert_eq!(call(&text, "e", &[argument], 1 << 10), Ok(vec![result]));
    }
}

/// Code that is never reached has no entries, or has some that nobody takes; what follows finds its own.
#[test]
fn branches_behind_dead_code_find_their_entries() {
    let text = r#"(module (func (export "e") (param i32) (result i32)
        (block $out
          (block $dead
            (br $dead)
            (br_table $out $dead $out (local.get 0))
            (if (local.get 0) (then (br $out)) (else (br $dead)))
            (loop $l (br_if $l (local.get 0)) (br $out)))
          (if (local.get 0) (then (unreachable)) (else (nop)))
          (if (i32.eqz (local.get 0))
            (then (return (i32.const 7)) (br_if $out) (else_is_dead))
            (else (br $out))))
        (i32.const 8)))"#
        .replace("(else_is_dead)", "");
    assert_eq!(call(&text, "e", &[0], 1 << 10), Ok(vec![7]));
    assert_eq!(call(&text, "e", &[1], 1 << 10), Err(TrapKind::Unreachable));
}

/// Results are moved down over the caller's words and the locals, whichever is longer.
#[test]
fn results_are_moved_over_the_frame_in_order() {
    for (locals, count) in [(0, 1), (0, 2), (0, 3), (0, 50), (1, 3), (3, 50), (60, 50)] {
        let mut text = format!("(module (func $f {} ", results(count));
        text.push_str(&"(local i64) ".repeat(locals));
        for value in 1..=count {
            write!(text, "(i64.const {value}) ").expect("it is memory");
        }
        text.push_str(") (func (export \"e\") (result i64) (local i64) (i64.const 0) (call $f) ");
        text.push_str(&"(i64.add) ".repeat(count));
        text.push_str("))");
        let sum = (1..=u64::try_from(count).expect("it is small")).sum();
        assert_eq!(
            call(&text, "e", &[], 8 << 10),
            Ok(vec![sum]),
            "{locals}, {count}"
        );
    }
}
