//! Modules that are left as they are, and what is said about them.

use thimble_builder::module::TidyError;
use thimble_builder::pack::{Doubt, MemoryOutcome, PackOptions, StackOutcome, pack};

use super::host::run;
use super::{memory, module, packed, packed_with};

const TOP: u32 = 1040 + 65_536;

/// A module whose stack would be lowered if nothing were in the way.
fn usual(more: &str) -> Vec<u8> {
    module(&format!(
        "(module (import \"wasi_snapshot_preview1\" \"sched_yield\" (func $yield (result i32)))
          (import \"wasi_snapshot_preview1\" \"random_get\" (func $random (param i32 i32) (result i32)))
          (import \"env\" \"ocre_sleep\" (func $sleep (param i32) (result i32)))
          (import \"env\" \"memory\" (memory 2))
          (global $sp (mut i32) (i32.const {TOP})) (global $other (mut i32) (i32.const 0))
          (data (i32.const 1024) \"0123456789abcdef\")
          (type $taker (func (param i32)))
          (table 4 funcref)
          (func $frame (export \"frame\") (local $p i32)
            (global.set $sp (local.tee $p (i32.sub (global.get $sp) (i32.const 32))))
            (i32.store (local.get $p) (i32.const 1))
            (global.set $sp (i32.add (local.get $p) (i32.const 32))))
          {more})"
    ))
}

/// What is said about memory and stack.
fn doubts(bytes: &[u8]) -> (Option<Doubt>, Option<Doubt>) {
    let report = packed(bytes).report;
    let memory = match report.memory {
        MemoryOutcome::Kept(doubt) => Some(doubt),
        _ => None,
    };
    let stack = match report.stack {
        StackOutcome::Kept(doubt) | StackOutcome::Guarded { doubt, .. } => Some(doubt),
        _ => None,
    };
    (memory, stack)
}

#[test]
fn nothing_is_in_the_way_of_the_usual_one() {
    assert_eq!(doubts(&usual("")), (None, None));
}

#[test]
fn memory_that_is_asked_for_stays() {
    for more in [
        "(func (export \"_start\") (drop (memory.grow (i32.const 1))))",
        "(func (export \"_start\") (drop (memory.size)))",
    ] {
        let bytes = usual(more);
        assert_eq!(
            doubts(&bytes),
            (Some(Doubt::Grows), Some(Doubt::Grows)),
            "{more}"
        );
        assert_eq!(
            memory(&packed(&bytes).tidied.bytes),
            Some((65_536, 131_072, None))
        );
    }
}

#[test]
fn a_heap_is_given_to_nobody_whose_addresses_are_not_known() {
    let options = PackOptions {
        heap_bytes: Some(4096),
        ..PackOptions::default()
    };
    let bytes = usual("(func (export \"_start\") (drop (memory.grow (i32.const 1))))");
    let report = packed_with(&bytes, &options).report;
    assert_eq!(report.memory, MemoryOutcome::Kept(Doubt::Grows));
    // Nobody who needs none gets one.
    let report = packed_with(&usual(""), &options).report;
    assert_eq!(
        (report.memory, report.memory_bytes),
        (MemoryOutcome::Exact, 1072)
    );
}

#[test]
fn a_stack_that_moves_by_what_is_computed_stays_and_is_guarded() {
    let alloca = "(func (export \"_start\") (local $old i32)
        (local.set $old (global.get $sp))
        (loop $again
          (global.set $sp (i32.sub (global.get $sp) (i32.load (i32.const 1024))))
          (br_if $again (i32.load8_u (i32.const 1025))))
        (global.set $sp (local.get $old)))";
    let bytes = usual(alloca);
    let doubt = Doubt::StackComputed {
        function: "_start".into(),
    };
    assert_eq!(doubts(&bytes), (None, Some(doubt)));
    let packed = packed(&bytes);
    assert_eq!(packed.report.memory_bytes, u64::from(TOP));
    assert!(run(&packed.tidied.bytes, &[]).end.contains("unreachable"));
    // A loop that takes more each time is no better.
    let growing = "(func (export \"_start\") (local $old i32) (local.set $old (global.get $sp))
        (loop $again (global.set $sp (i32.sub (global.get $sp) (i32.const 16)))
          (br_if $again (i32.load8_u (i32.const 1025))))
        (global.set $sp (local.get $old)))";
    assert!(matches!(
        doubts(&usual(growing)).1,
        Some(Doubt::StackComputed { .. })
    ));
}

#[test]
fn a_guard_lets_everything_else_through() {
    // It takes 16 bytes for each call, as often as there is room, and gives them back.
    let recursion = |times: u32| {
        usual(&format!(
            "(func $down (param i32) (local $p i32)
               (if (i32.eqz (local.get 0)) (then (return)))
               (global.set $sp (local.tee $p (i32.sub (global.get $sp) (i32.const 16))))
               (i64.store (local.get $p) (i64.const -1)) (i64.store offset=8 (local.get $p) (i64.const -1))
               (call $down (i32.sub (local.get 0) (i32.const 1)))
               (global.set $sp (i32.add (local.get $p) (i32.const 16))))
             (func (export \"_start\") (call $down (i32.const {times})))"
        ))
    };
    let (fits, too_much) = (packed(&recursion(4096)), packed(&recursion(4097)));
    assert!(matches!(
        &fits.report.stack,
        StackOutcome::Guarded {
            doubt: Doubt::Recursion { .. },
            data_end: 1040
        }
    ));
    assert_eq!(run(&fits.tidied.bytes, &[]).end, "returned");
    let end = run(&too_much.tidied.bytes, &[]);
    assert!(end.end.contains("unreachable"), "{}", end.end);
    assert_eq!(&end.memory[1024..1040], b"0123456789abcdef");
    // Without the guard, data is lost and nobody hears of it.
    let silent = run(&recursion(4097), &[]);
    assert_eq!(silent.end, "returned");
    assert_ne!(&silent.memory[1024..1040], b"0123456789abcdef");
}

#[test]
fn memory_behind_the_stack_that_may_be_used_stays() {
    for more in [
        "(func (export \"_start\") (i32.store (i32.const 66576) (i32.const 1)))",
        "(func (export \"_start\") (i32.store offset=66576 (i32.const 0) (i32.const 1)))",
        "(func (export \"_start\") (i32.store offset=66000 (i32.load (i32.const 1024)) (i32.const 1)) \
          (i32.store offset=66600 (i32.load (i32.const 1024)) (i32.const 1)))",
        "(func (export \"_start\") (i32.store (i32.const 1028) (i32.const 70000)))",
        "(func (export \"_start\") (global.set $other (i32.const 70000)))",
        "(func (export \"_start\") (memory.fill (i32.const 70000) (i32.const 0) (i32.const 9)))",
        "(func (export \"_start\") (drop (call $random (i32.const 70000) (i32.const 8))))",
        // Through a local and a sum.
        "(func (export \"_start\") (local i32) (local.set 0 (i32.const 70000))
          (i32.store8 (i32.add (local.get 0) (i32.load (i32.const 1024))) (i32.const 1)))",
        // Through a parameter, a result, and a table.
        "(func $put (param i32) (i32.store8 (local.get 0) (i32.const 1)))
         (func (export \"_start\") (call $put (i32.const 70000)))",
        "(func $where (result i32) (i32.const 70000))
         (func (export \"_start\") (i32.store8 (call $where) (i32.const 1)))",
        "(elem (i32.const 0) $put) (func $put (type $taker) (i32.store8 (local.get 0) (i32.const 1)))
         (func (export \"_start\") (call_indirect (type $taker) (i32.const 70000) (i32.const 0)))",
        "(func (export \"_start\") (i32.store8 (i32.and (i32.const -16)
          (i32.add (i32.const 70000) (i32.load (i32.const 1024)))) (i32.const 1)))",
    ] {
        let bytes = usual(more);
        let (kept, stack) = doubts(&bytes);
        assert!(matches!(kept, Some(Doubt::HeapInCode { .. })), "{more}: {kept:?}");
        assert_eq!(kept, stack, "{more}");
        assert_eq!(memory(&packed(&bytes).tidied.bytes).unwrap().1, 131_072);
    }
    let word = 70_000_u32
        .to_le_bytes()
        .map(|byte| format!("\\{byte:02x}"))
        .concat();
    let data = usual(&format!("(data (i32.const 1024) \"{word}\")"));
    assert_eq!(
        doubts(&data).0,
        Some(Doubt::HeapInData {
            address: 1024,
            number: 70_000
        })
    );
    let global = usual(
        "(global (mut i32) (i32.const 70000)) (func (export \"g\") (global.set 2 (i32.const 1)))",
    );
    assert!(doubts(&global).0.is_some());
}

#[test]
fn numbers_that_are_no_addresses_are_in_nobodys_way() {
    for more in [
        // As `printf` tests its flags.
        "(func (export \"_start\") (drop (i32.and (i32.load (i32.const 1024)) (i32.const 75913))))",
        "(func (export \"_start\") (drop (i32.mul (i32.load (i32.const 1024)) (i32.const 100000))))",
        "(func (export \"_start\") (drop (i32.lt_u (i32.load (i32.const 1024)) (i32.const 100000))))",
        // A time, for the host.
        "(func (export \"_start\") (drop (call $sleep (i32.const 100000))))",
        "(func $wait (param i32) (drop (call $sleep (local.get 0))))
         (func (export \"_start\") (call $wait (i32.const 100000)))",
        "(func (export \"_start\") (i32.store8 (i32.const 1024) (i32.const 100000)))",
    ] {
        assert_eq!(doubts(&usual(more)), (None, None), "{more}");
    }
}

#[test]
fn modules_without_a_stack_or_a_memory_are_left_alone() {
    assert_eq!(
        doubts(&module("(module (func (export \"_start\")))")),
        (Some(Doubt::NoMemory), None)
    );
    let unknown = Doubt::DataEndUnknown { has_stack: false };
    assert_eq!(
        doubts(&module("(module (memory 1) (func (export \"_start\")))")),
        (Some(unknown.clone()), None)
    );
    assert_eq!(
        doubts(&module(
            "(module (import \"env\" \"memory\" (memory 1)) (data (i32.const 8) \"a\"))"
        )),
        (Some(unknown), None)
    );
}

#[test]
fn pointers_that_cannot_be_told_are_left_alone() {
    let both = "(func (export \"_start\") (local $p i32)
        (global.set $second (local.tee $p (i32.sub (global.get $second) (i32.const 32))))
        (global.set $second (i32.add (local.get $p) (i32.const 32))))
        (global $second (mut i32) (i32.const 8192))";
    let two = Some(Doubt::StackPointers { count: 2 });
    assert_eq!(doubts(&usual(both)), (two.clone(), two));

    let placed = module(
        "(module (memory 1) (global $a i32 (i32.const 9))
          (global $sp (export \"__stack_pointer\") (mut i32) (i32.add (i32.const 1) (i32.const 15)))
          (func (export \"_start\") (global.set $sp (i32.const 0))))",
    );
    assert_eq!(doubts(&placed).1, Some(Doubt::StackUnplaced));

    let between = module(
        "(module (memory 1) (data (i32.const 90) \"aaaaaaaaaaaaaaaaaaaaaaa\")
          (global $sp (export \"__stack_pointer\") (mut i32) (i32.const 96))
          (func (export \"_start\") (global.set $sp (i32.const 0))))",
    );
    assert_eq!(doubts(&between).1, Some(Doubt::Layout));

    for outside in ["65552", "-16"] {
        let outside = module(&format!(
            "(module (memory 1) (global $sp (export \"__stack_pointer\") (mut i32) (i32.const {outside}))
              (func (export \"_start\") (global.set $sp (i32.const 0))))"
        ));
        assert_eq!(doubts(&outside).1, Some(Doubt::Layout));
    }

    let unbalanced = usual(
        "(func (export \"_start\") (global.set $sp (i32.sub (global.get $sp) (i32.const 32))))",
    );
    assert_eq!(doubts(&unbalanced).1, Some(Doubt::NoStackPointer));
}

#[test]
fn what_is_not_valid_is_refused_and_every_doubt_says_something() {
    for bytes in [
        b"".as_slice(),
        b"\0asm",
        b"\0asm\x01\0\0\0\x05\x03\x01\0",
        b"(module)",
    ] {
        let error = pack(bytes, &PackOptions::default()).unwrap_err();
        assert!(matches!(error, TidyError::Invalid { .. }), "{error}");
    }
    let doubts = [
        Doubt::Grows,
        Doubt::NoStackPointer,
        Doubt::StackFirst,
        Doubt::DataEndUnknown { has_stack: true },
        Doubt::Recursion {
            functions: vec!["a".into(), "b".into()],
        },
    ];
    for doubt in doubts {
        let text = doubt.to_string();
        assert!(text.len() > 20 && !text.ends_with('.'), "{text}");
    }
}
