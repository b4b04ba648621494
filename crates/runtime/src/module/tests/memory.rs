//! Memories: whose they are, how they are found, and the room for messages.

use alloc::format;

use thimble_abi::env::{APP_HEAP_BYTES, APP_HEAP_SMALL_BYTES};

use super::{exports, imports, own_memories, parse};
use crate::module::Module;

const SUBSCRIBE: &str =
    r#"(import "env" "ocre_subscribe_message" (func (param i32) (result i32)))"#;

/// Checks what the module says of its memory against its bytes, and gives its pages.
fn pages(module: &Module) -> (u64, Option<u64>) {
    let told = module.memory().unwrap();
    let memories = own_memories(module.bytes());
    assert_eq!(memories.len(), 1);
    assert!(
        !imports(module.bytes())
            .iter()
            .any(|import| matches!(import, wasmparser::TypeRef::Memory(_)))
    );
    assert!(exports(module.bytes()).contains(&(told.export.as_str(), 0)));
    assert_eq!(
        (told.initial_pages, told.maximum_pages),
        (memories[0].initial, memories[0].maximum)
    );
    (told.initial_pages, told.maximum_pages)
}

#[test]
fn an_imported_memory_becomes_the_modules_own() {
    for (limits, expected) in [
        ("1", (1, None)),
        ("0 0", (0, Some(0))),
        ("2 65536", (2, Some(65_536))),
    ] {
        let module = parse(&format!(
            r#"(module (import "x" "y" (memory {limits})) (func (export "_start")))"#
        ));
        assert_eq!(pages(&module), expected);
        assert!(module.memory().unwrap().imported);
        assert_eq!(module.memory().unwrap().export, "\0memory");
        assert_eq!(module.exports().len(), 1);
    }
}

#[test]
fn functions_keep_their_indices_when_a_memory_between_them_goes() {
    let module = parse(
        r#"(module
            (import "env" "ocre_sleep" (func $a (param i32) (result i32)))
            (import "env" "memory" (memory 1))
            (import "thimble" "abi_version" (func $b (result i32)))
            (func $c (export "c") (result i32) (call $b))
            (export "a" (func $a)) (export "b" (func $b)))"#,
    );
    assert_eq!(pages(&module), (1, None));
    assert_eq!(imports(module.bytes()).len(), 2);
    assert_eq!(
        exports(module.bytes()),
        [("c", 2), ("a", 0), ("b", 1), ("\0memory", 0)]
    );
}

#[test]
fn a_memory_keeps_the_name_it_is_exported_under() {
    let module = parse(r#"(module (memory (export "memory") (export "again") 1 2))"#);
    assert_eq!(pages(&module), (1, Some(2)));
    assert_eq!(module.memory().unwrap().export, "memory");
    assert!(!module.memory().unwrap().imported);
    let imported =
        parse(r#"(module (import "env" "memory" (memory 1)) (export "mine" (memory 0)))"#);
    assert_eq!(pages(&imported), (1, None));
    assert_eq!(imported.memory().unwrap().export, "mine");
    assert_eq!(exports(imported.bytes()), [("mine", 0)]);
}

#[test]
fn a_hidden_name_that_is_taken_is_not_used() {
    let module =
        parse(r#"(module (memory 1) (func (export "\00memory")) (func (export "\00memory\00")))"#);
    pages(&module);
    assert_eq!(module.memory().unwrap().export, "\0memory\0\0");
}

#[test]
fn a_module_that_exports_its_memory_is_left_alone() {
    let bytes = super::bytes(r#"(module (memory (export "memory") 1) (func (export "_start")))"#);
    let module = Module::parse(bytes.clone()).unwrap();
    assert_eq!(**module.bytes(), *bytes);
    assert_eq!(module.original_offset(42), 42);
}

#[test]
fn a_receiver_of_messages_gets_a_page_for_them() {
    let cases = [
        ("(memory 1)", (2, None)),
        ("(memory 0)", (1, None)),
        ("(memory 3 3)", (4, Some(4))),
        ("(memory 3 7)", (4, Some(8))),
        ("(memory 1 65536)", (2, Some(65_536))),
        (r#"(import "env" "memory" (memory 3 3))"#, (4, Some(4))),
        (r#"(memory (export "memory") 65535)"#, (65_536, None)),
    ];
    for (memory, expected) in cases {
        // Imports come first.
        let module = parse(&format!("(module {SUBSCRIBE} {memory})"));
        assert_eq!(pages(&module), expected, "{memory}");
        let heap = module.app_heap().unwrap();
        assert_eq!(u64::from(heap.start), (expected.0 - 1) * 65_536, "{memory}");
        assert_eq!(heap.end - heap.start, APP_HEAP_BYTES, "{memory}");
        assert!(u64::from(heap.end) <= module.memory().unwrap().initial_bytes());
    }
}

#[test]
fn a_receiver_without_room_gets_no_page() {
    for (memory, expected) in [
        ("(memory 65536)", (65_536, None)),
        ("(memory 65536 65536)", (65_536, Some(65_536))),
        ("(memory 4294967295 (pagesize 1))", (4_294_967_295, None)),
        ("(memory 4294965248 (pagesize 1))", (4_294_965_248, None)),
    ] {
        let module = parse(&format!("(module {SUBSCRIBE} {memory})"));
        assert_eq!(pages(&module), expected, "{memory}");
        assert!(module.app_heap().is_none(), "{memory}");
    }
}

#[test]
fn a_receiver_without_memory_gets_none() {
    let module = parse(&format!("(module {SUBSCRIBE})"));
    assert!(module.memory().is_none() && module.app_heap().is_none());
    assert!(own_memories(module.bytes()).is_empty());
}

#[test]
fn others_get_no_page() {
    let publish =
        r#"(import "env" "ocre_publish_message" (func (param i32 i32 i32 i32) (result i32)))"#;
    let module = parse(&format!("(module {publish} (memory 1))"));
    assert_eq!(pages(&module), (1, None));
    assert!(module.app_heap().is_none());
}

#[test]
fn small_pages_stay_small() {
    let module = parse("(module (memory 1000 2000 (pagesize 1)))");
    assert_eq!(pages(&module), (1000, Some(2000)));
    assert_eq!(module.memory().unwrap().page_bytes, 1);
    assert_eq!(module.memory().unwrap().initial_bytes(), 1000);
    let module = parse(&format!(
        "(module {SUBSCRIBE} (memory 1000 2000 (pagesize 1)))"
    ));
    assert_eq!(pages(&module), (3048, Some(4048)));
    assert_eq!(own_memories(module.bytes())[0].page_size_log2, Some(0));
    assert_eq!(module.app_heap(), Some(1000..1000 + APP_HEAP_SMALL_BYTES));
    let imported = parse(r#"(module (import "env" "memory" (memory 5 (pagesize 1))))"#);
    assert_eq!(pages(&imported), (5, None));
}

#[test]
fn a_receiver_with_small_pages_gets_room_for_one_message() {
    // Ocre's largest: topic, content type and payload, each with a NUL, each at a multiple of 8.
    const { assert!(136 + 136 + 1032 <= APP_HEAP_SMALL_BYTES) };
    for (bytes, start) in [(17_232, 17_232), (1001, 1008), (1007, 1008), (0, 0)] {
        let end = start + APP_HEAP_SMALL_BYTES;
        for (limits, maximum) in [
            (format!("{bytes}"), None),
            // One that never grows has just the room.
            (format!("{bytes} {bytes}"), Some(u64::from(end))),
        ] {
            let module = parse(&format!(
                "(module {SUBSCRIBE} (memory {limits} (pagesize 1)))"
            ));
            assert_eq!(pages(&module), (u64::from(end), maximum), "{limits}");
            assert_eq!(module.app_heap(), Some(start..end), "{limits}");
        }
    }
}

#[test]
fn a_receiver_with_small_pages_may_say_how_much_room_it_wants() {
    let with = |memory: &str, section: &str| {
        let text =
            format!("(module {SUBSCRIBE} {memory} (@custom \"thimble.app_heap\" \"{section}\"))");
        Module::parse(super::bytes(&text))
    };
    let small = "(memory 1001 1001 (pagesize 1))";
    for (section, bytes) in [
        ("\\00\\40\\00\\00", 16_384),
        ("\\00\\00\\00\\00", 0),
        ("\\07\\00\\00\\00", 7),
    ] {
        let module = with(small, section).unwrap();
        assert_eq!(module.app_heap(), Some(1008..1008 + bytes), "{section}");
        assert_eq!(
            module.memory().unwrap().initial_bytes(),
            u64::from(1008 + bytes)
        );
    }
    // More than there can be is none, and a page is a page.
    assert_eq!(with(small, "\\ff\\ff\\ff\\ff").unwrap().app_heap(), None);
    let page = with("(memory 1)", "\\07\\00\\00\\00").unwrap();
    assert_eq!(page.app_heap(), Some(65_536..65_536 + APP_HEAP_BYTES));
    assert!(with(small, "\\07").is_err());
}

#[test]
fn limits_that_no_engine_accepts_are_not_made_right() {
    for memory in ["70000", "1 70000", "2 1"] {
        // Written by hand: the text format's reader checks limits too.
        let numbers: alloc::vec::Vec<u64> = memory
            .split(' ')
            .map(|number| number.parse().unwrap())
            .collect();
        let mut import = alloc::vec![1, 1, b'x', 1, b'y', 2, u8::from(numbers.len() == 2)];
        for mut number in numbers.iter().copied() {
            while number > 0x7f {
                import.push((number & 0x7f) as u8 | 0x80);
                number >>= 7;
            }
            import.push(number as u8);
        }
        let module = Module::parse(super::join(&[(2, import)])).unwrap();
        let (initial, maximum) = pages(&module);
        assert_eq!(
            (Some(initial), maximum),
            (numbers.first().copied(), numbers.get(1).copied())
        );
    }
}
