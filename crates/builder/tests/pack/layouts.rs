//! Where data, stack and heap lie, how that is known, and what becomes of it.

use thimble_builder::pack::{Doubt, MemoryOutcome, PackOptions, PackReport, StackOutcome};

use super::{memory, module, packed, packed_with};

/// A function with a frame of 32 bytes, which it uses.
const FRAME: &str = "(func $frame (export \"_start\") (local $p i32)
    (global.set $sp (local.tee $p (i32.sub (global.get $sp) (i32.const 32))))
    (i32.store offset=8 (local.get $p) (i32.const 1))
    (global.set $sp (i32.add (local.get $p) (i32.const 32))))";
const DATA: &str = "(data (i32.const 1024) \"0123456789abcdef\")";
const IMPORTED: &str = "(import \"env\" \"memory\" (memory 2 64))";
const OWN: &str = "(memory (export \"memory\") 2)";

fn report(parts: &[&str]) -> PackReport {
    packed(&module(&format!("(module {})", parts.join("\n")))).report
}

fn pointer(top: u32) -> String {
    format!("(global $sp (mut i32) (i32.const {top}))")
}

fn named_pointer(top: u32) -> String {
    format!("(global $sp (export \"__stack_pointer\") (mut i32) (i32.const {top}))")
}

fn bounded(report: &PackReport, memory_bytes: u64) {
    assert_eq!(report.memory, MemoryOutcome::Exact, "{report:?}");
    assert_eq!(report.memory_bytes, memory_bytes, "{report:?}");
    assert!(
        matches!(report.stack, StackOutcome::Bounded { bytes: 32, .. }),
        "{report:?}"
    );
}

#[test]
fn an_imported_memory_with_the_usual_stack_tells_all() {
    let report = report(&[IMPORTED, &pointer(1040 + 65_536), FRAME, DATA]);
    bounded(&report, 1040 + 32);
    assert_eq!(report.memory_bytes_before, 131_072);
    assert!(
        report.lines()[0].contains("1072 of 131072"),
        "{:?}",
        report.lines()
    );
}

#[test]
fn the_end_of_data_is_rounded_up_to_where_a_stack_begins() {
    let data = "(data (i32.const 1024) \"01234\")";
    bounded(
        &report(&[IMPORTED, &pointer(1040 + 65_536), FRAME, data]),
        1040 + 32,
    );
}

#[test]
fn any_other_distance_tells_nothing() {
    // Data that begins as zeros may lie between, if another tool has taken it out.
    for top in [1040 + 65_536 + 16, 1040 + 32_768, 1056] {
        let report = report(&[IMPORTED, &pointer(top), FRAME, DATA]);
        assert_eq!(report.stack, StackOutcome::Kept(Doubt::NoStackPointer));
        assert_eq!(report.memory_bytes, 131_072);
    }
}

#[test]
fn an_export_tells_where_data_ends() {
    let end = "(global (export \"__data_end\") i32 (i32.const 2000))";
    let report = report(&[OWN, &named_pointer(2000 + 8192), end, FRAME, DATA]);
    bounded(&report, 2000 + 32);
    assert!(matches!(
        report.stack,
        StackOutcome::Bounded {
            bytes_before: 8192,
            ..
        }
    ));
}

#[test]
fn a_stack_is_cut_off_behind_its_top_where_only_that_is_known() {
    let report = report(&[OWN, &named_pointer(70_000), FRAME, DATA]);
    assert_eq!(report.memory, MemoryOutcome::Exact);
    assert_eq!(report.memory_bytes, 70_000);
    assert_eq!(
        report.stack,
        StackOutcome::Kept(Doubt::DataEndUnknown { has_stack: true })
    );
}

#[test]
fn who_linked_it_may_tell_the_stacks_size() {
    let bytes = module(&format!(
        "(module {OWN} {} {FRAME} {DATA})",
        pointer(70_000)
    ));
    let told = |stack_bytes| {
        let options = PackOptions {
            stack_bytes: Some(stack_bytes),
            ..PackOptions::default()
        };
        packed_with(&bytes, &options).report
    };
    bounded(&told(65_536), 70_000 - 65_536 + 32);
    for wrong in [70_000, 68_992, 65_537, 1] {
        let report = told(wrong);
        assert!(
            matches!(report.stack, StackOutcome::Kept(Doubt::StackSizeWrong { told_bytes, .. }) if told_bytes == wrong),
            "{wrong}: {report:?}"
        );
    }
    // Without that, and without a name, nothing says that it is a stack at all.
    assert_eq!(
        packed(&bytes).report.stack,
        StackOutcome::Kept(Doubt::NoStackPointer)
    );
}

#[test]
fn what_was_told_is_not_believed_against_an_address_in_the_stack() {
    let elsewhere = "(func (export \"other\") (i32.store (i32.const 20000) (i32.const 1)))";
    let bytes = module(&format!(
        "(module {OWN} {} {FRAME} {elsewhere} {DATA})",
        pointer(70_000)
    ));
    let options = PackOptions {
        stack_bytes: Some(65_536),
        ..PackOptions::default()
    };
    let report = packed_with(&bytes, &options).report;
    let doubt = Doubt::HeapInCode {
        function: "other".into(),
        number: 20_000,
    };
    assert_eq!(report.memory, MemoryOutcome::Kept(doubt));
}

#[test]
fn a_stack_before_data_stays_and_memory_ends_behind_data() {
    let end = "(global (export \"__data_end\") i32 (i32.const 16500))";
    let data = "(data (i32.const 16384) \"0123\")";
    let report = report(&[OWN, &named_pointer(16_384), end, FRAME, data]);
    assert_eq!(report.memory, MemoryOutcome::Exact);
    assert_eq!(report.memory_bytes, 16_512);
    assert_eq!(report.stack, StackOutcome::Kept(Doubt::StackFirst));
}

#[test]
fn a_stack_that_was_too_small_grows() {
    let end = "(global (export \"__data_end\") i32 (i32.const 1040))";
    bounded(
        &report(&[OWN, &named_pointer(1040 + 16), end, FRAME, DATA]),
        1040 + 32,
    );
}

#[test]
fn zeros_at_the_end_of_data_are_not_written() {
    let data = format!("(data (i32.const 1024) \"abc{}\")", "\\00".repeat(13));
    let bytes = module(&format!(
        "(module {IMPORTED} {} {FRAME} {data})",
        pointer(1040 + 65_536)
    ));
    let packed = packed(&bytes);
    bounded(&packed.report, 1040 + 32);
    assert!(packed.tidied.bytes.len() + 13 <= bytes.len());
    assert_eq!(memory(&packed.tidied.bytes), Some((1, 1072, Some(1072))));
}

#[test]
fn an_alignment_of_the_stack_counts() {
    let aligned = "(func (export \"_start\") (local $old i32) (local $p i32)
        (local.set $old (global.get $sp))
        (global.set $sp (local.tee $p (i32.and (i32.sub (global.get $sp) (i32.const 96)) (i32.const -64))))
        (i32.store (local.get $p) (i32.const 1))
        (global.set $sp (local.get $old)))";
    let report = report(&[IMPORTED, &pointer(1040 + 65_536), aligned, DATA]);
    // Up to 63 bytes more, rounded up.
    assert!(
        matches!(report.stack, StackOutcome::Bounded { bytes: 160, .. }),
        "{report:?}"
    );
}

#[test]
fn a_function_may_give_back_its_argument_as_memset_does() {
    let through = "(func $memset (param i32 i32 i32) (result i32) (local.get 0))
        (func (export \"_start\") (local $p i32)
        (global.set $sp (local.tee $p (i32.sub (global.get $sp) (i32.const 32))))
        (local.set $p (call $memset (local.get $p) (i32.const 0) (i32.const 32)))
        (global.set $sp (i32.add (local.get $p) (i32.const 32))))";
    bounded(
        &report(&[IMPORTED, &pointer(1040 + 65_536), through, DATA]),
        1072,
    );
}
