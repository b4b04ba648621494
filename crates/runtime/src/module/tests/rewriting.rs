//! Rewriting: sections in their places, offsets, and start functions as exports.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use wasmparser::Payload;

use super::{SAMPLE, bytes, exports, join, own_memories, parse, payloads, section_ids, sections};
use crate::module::{Module, ModuleError, start_as_export, with_functions, with_plain_type};

/// An import of one memory, as a section's body.
fn memory_import() -> Vec<u8> {
    vec![1, 1, b'x', 1, b'y', 2, 0, 1]
}

fn custom(name: u8) -> (u8, Vec<u8>) {
    (0, vec![1, name, 0xde, 0xad])
}

#[test]
fn inserted_sections_stand_where_the_format_wants_them() {
    let cases: [(&[u8], &[u8]); 8] = [
        (&[2], &[2, 5, 7]),
        (&[1, 2], &[1, 2, 5, 7]),
        (&[1, 2, 4], &[1, 2, 4, 5, 7]),
        (&[2, 4, 5], &[2, 4, 5, 7]),
        (&[2, 13], &[2, 5, 13, 7]),
        (&[2, 13, 6, 11], &[2, 5, 13, 6, 7, 11]),
        (&[2, 6, 7, 9, 12, 11], &[2, 5, 6, 7, 9, 12, 11]),
        (&[2, 7, 9], &[2, 5, 7, 9]),
    ];
    for (before, after) in cases {
        let body = |id: u8| match id {
            2 => memory_import(),
            _ => vec![0],
        };
        let given: Vec<_> = before.iter().map(|id| (*id, body(*id))).collect();
        let module = Module::parse(join(&given)).unwrap();
        assert_eq!(section_ids(module.bytes()), after, "{before:?}");
        assert_eq!(own_memories(module.bytes()).len(), 1);
        assert_eq!(exports(module.bytes()), [("\0memory", 0)]);
    }
}

#[test]
fn custom_sections_stay_between_the_same_sections() {
    let given = [
        custom(b'a'),
        (2, memory_import()),
        custom(b'b'),
        (6, vec![0]),
        custom(b'c'),
        (11, vec![0]),
        custom(b'd'),
    ];
    let module = Module::parse(join(&given)).unwrap();
    let after = sections(module.bytes());
    assert_eq!(section_ids(module.bytes()), [0, 2, 0, 5, 6, 0, 7, 11, 0]);
    let customs: Vec<_> = after.into_iter().filter(|(id, _)| *id == 0).collect();
    assert_eq!(
        customs,
        [custom(b'a'), custom(b'b'), custom(b'c'), custom(b'd')]
    );
}

#[test]
fn sections_out_of_order_or_twice_are_malformed() {
    let (import, none) = (memory_import(), vec![0]);
    for wrong in [
        vec![(7, none.clone()), (2, import.clone())],
        vec![(2, import.clone()), (7, none.clone()), (5, none.clone())],
        vec![(2, import.clone()), (5, none.clone()), (5, none.clone())],
        vec![(2, import.clone()), (2, none.clone())],
        vec![(8, none.clone()), (8, none)],
    ] {
        let error = Module::parse(join(&wrong)).unwrap_err();
        assert!(
            matches!(error, ModuleError::Malformed { .. }),
            "{wrong:?}: {error}"
        );
    }
}

#[test]
fn everything_else_is_copied() {
    let given = bytes(SAMPLE);
    let module = Module::parse(given.clone()).unwrap();
    let kept = |bytes: &[u8]| {
        sections(bytes)
            .into_iter()
            .filter(|(id, _)| ![2, 5, 7].contains(id))
            .collect::<Vec<_>>()
    };
    assert_eq!(kept(&given), kept(module.bytes()));
    assert_eq!(module.start(), Some(1));
    assert_eq!(module.exports().len(), 3);
    assert_eq!(exports(module.bytes()).last(), Some(&("\0memory", 0)));
}

/// Where the bodies begin.
fn bodies(bytes: &[u8]) -> Vec<u32> {
    let bodies = payloads(bytes)
        .into_iter()
        .filter_map(|payload| match payload {
            Payload::CodeSectionEntry(body) => Some(body.range().start as u32),
            _ => None,
        });
    bodies.collect()
}

#[test]
fn offsets_lead_back_to_the_bytes_as_given() {
    let longer = r#"(module (memory 1) (func) (func (nop) (nop)))"#;
    // The import takes more bytes than the memory and its export: the code moves to the front.
    let shorter = r#"(module (import "a very long name of a module" "and of its memory" (memory 1)) (func) (func (nop)))"#;
    for text in [longer, shorter, SAMPLE] {
        let given = bytes(text);
        let module = Module::parse(given.clone()).unwrap();
        assert_ne!(given.len(), module.bytes().len());
        let told: Vec<_> = bodies(module.bytes())
            .into_iter()
            .map(|offset| module.original_offset(offset))
            .collect();
        assert_eq!(told, bodies(&given), "{text}");
    }
}

#[test]
fn offsets_out_of_range_stay_in_range() {
    let module = parse("(module (memory 1) (func))");
    assert_eq!(module.original_offset(0), 0);
    assert!(module.original_offset(u32::MAX) < u32::MAX);
    let shorter = parse(
        r#"(module (import "a very long name of a module" "and of its memory" (memory 1)) (func))"#,
    );
    assert_eq!(shorter.original_offset(u32::MAX), u32::MAX);
}

#[test]
fn a_start_function_becomes_an_export() {
    for text in [
        SAMPLE,
        "(module (func) (start 0))",
        r#"(module (func (export "x")) (start 0) (memory 1) (data (i32.const 0) "y"))"#,
        r#"(module (func) (start 0) (table 1 funcref) (elem (i32.const 0) 0))"#,
    ] {
        let module = parse(text);
        let start = module.start().unwrap();
        let rewritten = start_as_export(module.bytes(), start, "begin").unwrap();
        assert!(!section_ids(&rewritten).contains(&8), "{text}");
        assert_eq!(
            exports(&rewritten).last(),
            Some(&("begin", start)),
            "{text}"
        );
        let again = Module::parse(rewritten).unwrap();
        assert_eq!(again.start(), None);
        assert_eq!(
            again.exports().len(),
            exports(module.bytes()).len() + 1,
            "{text}"
        );
    }
}

#[test]
fn a_start_export_alone_goes_before_the_code() {
    let rewritten = start_as_export(&bytes("(module (func) (start 0))"), 0, "s").unwrap();
    assert_eq!(section_ids(&rewritten), [1, 3, 7, 10]);
}

/// Adds the type and checks that the module is valid and calls the type by the index it must have.
#[track_caller]
fn check_plain_type(text: &str) {
    let module = bytes(text);
    let before = types(&module);
    let rewritten = with_plain_type(&module).unwrap();
    wasmparser::Validator::new()
        .validate_all(&rewritten)
        .unwrap();
    let after = types(&rewritten);
    let (last, rest) = after.split_last().unwrap();
    assert_eq!((rest, last.as_str()), (&before[..], "() -> ()"), "{text}");
}

fn types(module: &[u8]) -> Vec<String> {
    let mut types = Vec::new();
    for payload in wasmparser::Parser::new(0).parse_all(module) {
        if let Payload::TypeSection(section) = payload.unwrap() {
            for ty in section.into_iter_err_on_gc_types() {
                let ty = ty.unwrap();
                let join = |types: &[wasmparser::ValType]| {
                    types
                        .iter()
                        .map(ToString::to_string)
                        .collect::<Vec<_>>()
                        .join(" ")
                };
                types.push(format!(
                    "({}) -> ({})",
                    join(ty.params()),
                    join(ty.results())
                ));
            }
        }
    }
    types
}

#[test]
fn the_type_is_added_wherever_the_types_are() {
    check_plain_type("(module)");
    check_plain_type("(module (memory 1))");
    check_plain_type("(module (func (param i32)) (func (result i64) (i64.const 1)))");
    check_plain_type("(module (@custom \"a\" (before first) \"x\") (func (param f32 f64)))");
    check_plain_type("(module (@custom \"a\" (before first) \"x\") (memory 1))");
    check_plain_type("(module (@custom \"a\" (after type) \"x\") (func (param i32)))");
    // The count grows from one byte to two.
    let many: String = (0..127)
        .map(|n| format!("(type (func (param{})))", " i32".repeat(n + 1)))
        .collect();
    check_plain_type(&format!("(module {many})"));
}

/// Adds functions and checks that the module is valid and that its own bodies moved together.
#[track_caller]
fn check_functions(text: &str) {
    let module = bytes(text);
    // `(i32) -> ()`: one that does nothing, and one that calls it.
    let own = bodies(&module).len();
    let callee = u8::try_from(own).unwrap();
    let call = [0, 0x20, 0, 0x10, callee | 0x80, 0, 0x0b];
    let rewritten = with_functions(&module, &[0x60, 1, 0x7f, 0], &[&[0, 0x0b], &call]).unwrap();
    wasmparser::Validator::new()
        .validate_all(&rewritten)
        .unwrap();
    let (before, after) = (bodies(&module), bodies(&rewritten));
    assert_eq!(after.len(), own + 2, "{text}");
    let moved: Vec<_> = before
        .iter()
        .zip(&after)
        .map(|(before, after)| after - before)
        .collect();
    assert!(moved.iter().all(|by| *by == moved[0]), "{moved:?}");
    let others = |bytes: &[u8]| {
        sections(bytes)
            .into_iter()
            .filter(|(id, _)| ![1, 3, 10].contains(id))
            .collect::<Vec<_>>()
    };
    assert_eq!(others(&module), others(&rewritten));
}

#[test]
fn functions_are_added_behind_all_others() {
    check_functions("(module (func))");
    check_functions(
        r#"(module (memory 1) (func $named (param f32 f64)) (func (export "x") (call $named (f32.const 1) (f64.const 2)))
            (table funcref (elem 0 1)) (data (i32.const 0) "y") (data "passive") (func (memory.init 1
                (i32.const 0) (i32.const 0) (i32.const 1)) (data.drop 1)))"#,
    );
    // The counts grow from one byte to two, and so does the size of the code.
    check_functions(&format!("(module {})", "(func)".repeat(126)));
    // A group is one entry of several types.
    check_functions("(module (rec (type (func)) (type (func (param i64)))) (func (type 1)))");
}

#[test]
fn bytes_that_are_no_module_cannot_be_rewritten() {
    for bytes in [
        &b""[..],
        b"\0asm",
        b"\0asm\x01\0\0\0\x01",
        b"\0asm\x01\0\0\0\x01\x05\0",
        b"\0asm\x01\0\0\0\x07\x01\xff",
    ] {
        assert!(start_as_export(bytes, 0, "x").is_err(), "{bytes:?}");
    }
    assert!(with_plain_type(b"").is_err());
    assert!(with_plain_type(b"\0asm\x01\0\0\0\x01\x01\xff").is_err());
    for section in [1, 3, 10] {
        let module = [b"\0asm\x01\0\0\0", &[section, 1, 0xff][..]].concat();
        assert!(with_functions(&module, &[0x60, 0, 0], &[&[0, 0x0b]]).is_err());
    }
}

#[test]
fn long_export_sections_get_a_longer_count() {
    let mut text = alloc::string::String::from("(module (memory 1)");
    for index in 0..127 {
        text.push_str(&alloc::format!(r#"(func (export "f{index}"))"#));
    }
    text.push(')');
    let module = parse(&text);
    assert_eq!(exports(module.bytes()).len(), 128);
    assert_eq!(module.exports().len(), 127);
}
