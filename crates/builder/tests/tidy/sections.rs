//! Which custom sections go, which stay, and what is not a module.

use thimble_builder::module::{Strip, TidyError, TidyOptions, tidy};
use wasm_encoder::{CustomSection, IndirectNameMap, Module, NameMap, NameSection, RawSection};
use wasmparser::{Name, Parser, Payload};

use super::{check, custom_sections};

/// A module with one function, and custom sections before and behind it.
fn with_sections(names: &[&str]) -> Vec<u8> {
    let mut module = Module::new();
    let section = |name: &str| CustomSection {
        name: name.to_owned().into(),
        data: b"something".as_slice().into(),
    };
    let (first, last) = names.split_at(names.len() / 2);
    for name in first {
        module.section(&section(name));
    }
    // Types, functions, code: `(func)`, with numbers in more bytes than they need.
    for (id, data) in [
        (1, b"\x81\x80\x00\x60\x00\x00".as_slice()),
        (3, b"\x81\x00\x80\x80\x80\x00"),
        (10, b"\x01\x85\x80\x00\x80\x80\x80\x00\x0b"),
    ] {
        module.section(&RawSection { id, data });
    }
    for name in last {
        module.section(&section(name));
    }
    module.finish()
}

#[test]
fn debug_sections_go_and_others_stay() {
    let gone = [
        ".debug_info",
        ".debug_line",
        "external_debug_info",
        "linking",
        "reloc.CODE",
        "producers",
        "sourceMappingURL",
        "target_features",
        "metadata.code.branch_hint",
    ];
    let stay = ["dylink.0", "my.own", "build_id", "debug_info"];
    for name in gone {
        let bytes = with_sections(&[name, "my.own"]);
        let tidied = check(name, &bytes);
        assert_eq!(custom_sections(&tidied.bytes), ["my.own"], "{name}");
        assert_eq!(tidied.removed.len(), 1, "{name}");
        assert_eq!(tidied.removed[0].section, name);
        assert_eq!(tidied.removed[0].bytes, 9, "{name}");
    }
    let tidied = check("stay", &with_sections(&stay));
    assert_eq!(custom_sections(&tidied.bytes), stay);
    let options = TidyOptions { strip: Strip::All };
    let tidied = tidy(&with_sections(&stay), &options).unwrap();
    assert_eq!(custom_sections(&tidied.bytes), [""; 0]);
}

#[test]
fn padded_numbers_become_short() {
    let tidied = check("padded", &with_sections(&[]));
    assert_eq!(tidied.bytes, wat::parse_str("(module (func))").unwrap());
    assert_eq!(
        tidied.padding_bytes(),
        tidied.bytes_before - tidied.bytes.len() as u64
    );
}

#[test]
fn of_names_those_of_functions_stay() {
    let (mut functions, mut locals, mut of_locals) =
        (NameMap::new(), IndirectNameMap::new(), NameMap::new());
    functions.append(0, "main");
    of_locals.append(0, "counter");
    locals.append(0, &of_locals);
    let mut names = NameSection::new();
    names.module("program");
    names.functions(&functions);
    names.locals(&locals);
    let mut bytes = with_sections(&[]);
    let section = names.as_custom();
    let mut frame = Module::new();
    frame.section(&section);
    bytes.extend_from_slice(&frame.finish()[8..]);

    let tidied = check("names", &bytes);
    let mut found = Vec::new();
    for payload in Parser::new(0).parse_all(&tidied.bytes) {
        let Payload::CustomSection(section) = payload.unwrap() else {
            continue;
        };
        let wasmparser::KnownCustom::Name(reader) = section.as_known() else {
            panic!("{}", section.name());
        };
        for name in reader {
            match name.unwrap() {
                Name::Function(map) => found.extend(map.into_iter().map(Result::unwrap)),
                _ => panic!("a name of something else"),
            }
        }
    }
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].index, found[0].name), (0, "main"));
    assert_eq!(tidied.removed[0].section, "name");

    // Names that cannot be read are no reason to refuse a module.
    let tidied = check("broken names", &with_sections(&["name"]));
    assert_eq!(custom_sections(&tidied.bytes), [""; 0]);
}

#[test]
fn what_is_not_valid_is_refused_with_its_place() {
    for (label, bytes) in [
        ("nothing", Vec::new()),
        ("text", b"(module)".to_vec()),
        ("cut", with_sections(&["a"])[..20].to_vec()),
        (
            "wrong code",
            wat::parse_str("(module (func (result i32)))").unwrap(),
        ),
        (
            "64-bit memory",
            wat::parse_str("(module (memory i64 1))").unwrap(),
        ),
        (
            "threads",
            wat::parse_str("(module (memory 1 2 shared))").unwrap(),
        ),
        (
            "two memories",
            wat::parse_str("(module (memory 1) (memory 1))").unwrap(),
        ),
        (
            "garbage collection",
            wat::parse_str("(module (type (struct (field i32))))").unwrap(),
        ),
        ("exceptions", wat::parse_str("(module (tag))").unwrap()),
        ("component", b"\0asm\x0d\0\x01\0".to_vec()),
    ] {
        let error = tidy(&bytes, &TidyOptions::default()).expect_err(label);
        assert!(
            matches!(error, TidyError::Invalid { .. }),
            "{label}: {error}"
        );
    }
}
