//! Imports: which are answered, and what is said about the others.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;

use thimble_abi::{Call, calls};

use super::{bytes, join, parse, refusal};
use crate::module::{ExportKind, Module, ModuleError};

#[test]
fn every_call_of_the_table_is_answered() {
    for spec in calls::all() {
        let parameters: Vec<_> = spec
            .parameters
            .iter()
            .map(|parameter| parameter.value_type().name())
            .collect();
        let result = spec
            .returns
            .value_type()
            .map_or(alloc::string::String::new(), |ty| {
                format!("(result {})", ty.name())
            });
        let text = format!(
            r#"(module (import "{}" "{}" (func (param {}) {result})))"#,
            spec.module,
            spec.name,
            parameters.join(" ")
        );
        let module = parse(&text);
        assert_eq!(module.imports().len(), 1);
        assert_eq!(module.imports()[0].spec.call, spec.call, "{text}");
    }
}

#[test]
fn imports_keep_their_order() {
    let module = parse(
        r#"(module
            (import "thimble" "abi_version" (func (result i32)))
            (import "env" "memory" (memory 1))
            (import "env" "ocre_sleep" (func (param i32) (result i32)))
            (import "thimble" "abi_version" (func (result i32))))"#,
    );
    let calls: Vec<_> = module
        .imports()
        .iter()
        .map(|import| import.spec.call)
        .collect();
    let version = Call::Thimble(calls::ThimbleCall::AbiVersion);
    assert_eq!(calls, [version, Call::Env(calls::EnvCall::Sleep), version]);
}

#[test]
fn unknown_imports_are_named_with_a_hint() {
    let cases = [
        (
            "wasi_snapshot_preview1",
            "fd_wriet",
            "did you mean `fd_write`?",
        ),
        ("env", "ocre_slep", "did you mean `ocre_sleep`?"),
        ("thimble", "ocre_sleep", "did you mean `env.ocre_sleep`?"),
        ("ocre", "ocre_sleep", "did you mean `env.ocre_sleep`?"),
        ("wasi_unstable", "fd_write", "preview 0"),
        ("wasi", "thread-spawn", "threads"),
        ("gojs", "runtime.wasmExit", "GOOS=wasip1"),
        ("go", "debug", "GOOS=wasip1"),
        ("wbg", "__wbg_log", "wasm-bindgen"),
        ("__wbindgen_placeholder__", "x", "wasm-bindgen"),
        ("wasi:cli/stdout@0.2.0", "get-stdout", "wasip2"),
        (
            "env",
            "some_function_that_was_never_defined",
            "declared but not defined",
        ),
        ("elsewhere", "x", "wasi_snapshot_preview1, env, thimble"),
        ("", "", "wasi_snapshot_preview1, env, thimble"),
        ("env", "", "declared but not defined"),
    ];
    for (module, name, words) in cases {
        let error = refusal(&format!(r#"(module (import "{module}" "{name}" (func)))"#));
        let ModuleError::UnknownImport {
            module: told_module,
            name: told_name,
            hint,
        } = &error
        else {
            panic!("{module}.{name}: {error}");
        };
        assert_eq!((told_module.as_str(), told_name.as_str()), (module, name));
        assert!(hint.contains(words), "{module}.{name}: {hint}");
        assert!(
            error.to_string().contains(&format!("`{module}.{name}`")),
            "{error}"
        );
    }
}

#[test]
fn a_long_unknown_name_is_told_in_full() {
    let name = "x".repeat(5000);
    let error = refusal(&format!(r#"(module (import "env" "{name}" (func)))"#));
    assert!(error.to_string().contains(&name));
}

#[test]
fn wrong_signatures_tell_both() {
    let cases = [
        ("(param i64) (result i32)", "(i64) -> i32"),
        ("(result i32)", "() -> i32"),
        ("(param i32)", "(i32)"),
        ("(param i32 i32) (result i32)", "(i32, i32) -> i32"),
        ("(param i32) (result f64)", "(i32) -> f64"),
    ];
    for (declared, text) in cases {
        let error = refusal(&format!(
            r#"(module (import "env" "ocre_sleep" (func {declared})))"#
        ));
        let ModuleError::WrongImportSignature {
            declared, expected, ..
        } = error
        else {
            panic!("{text}")
        };
        assert_eq!(
            (declared.as_str(), expected.as_str()),
            (text, "(i32) -> i32")
        );
    }
}

#[test]
fn references_and_vectors_are_wrong_signatures() {
    for declared in [
        "(param i32 externref) (result i32)",
        "(param i32) (result i32 funcref)",
        "(param i32 v128) (result i32)",
    ] {
        let error = refusal(&format!(
            r#"(module (import "env" "ocre_sleep" (func {declared})))"#
        ));
        assert!(
            matches!(error, ModuleError::WrongImportSignature { .. }),
            "{declared}: {error}"
        );
    }
}

#[test]
fn only_functions_and_one_memory_can_be_imported() {
    let cases = [
        (
            r#"(import "env" "__indirect_function_table" (table 1 funcref))"#,
            "table",
        ),
        (
            r#"(import "env" "__stack_pointer" (global (mut i32)))"#,
            "global",
        ),
        (r#"(import "env" "t" (tag))"#, "exception tag"),
    ];
    for (import, word) in cases {
        let error = refusal(&format!("(module {import})"));
        assert!(
            matches!(error, ModuleError::ImportKind { kind, .. } if kind == word),
            "{error}"
        );
    }
}

#[test]
fn memories_that_containers_cannot_have_are_named() {
    let cases = [
        (r#"(import "env" "memory" (memory 1 2 shared))"#, "threads"),
        ("(memory 1 2 shared)", "threads"),
        ("(memory i64 1)", "64-bit"),
        (r#"(import "env" "memory" (memory i64 1))"#, "64-bit"),
        ("(memory 1) (memory 1)", "more than one"),
        (
            r#"(import "env" "memory" (memory 1)) (memory 1)"#,
            "more than one",
        ),
        (
            r#"(import "env" "a" (memory 1)) (import "env" "b" (memory 1))"#,
            "more than one",
        ),
    ];
    for (definition, word) in cases {
        let error = refusal(&format!("(module {definition})"));
        assert!(
            matches!(error, ModuleError::Unsupported { .. }),
            "{definition}: {error}"
        );
        assert!(error.to_string().contains(word), "{definition}: {error}");
    }
}

#[test]
fn compact_import_groups_are_refused_by_name() {
    let type_section = (1, Vec::from([1, 0x60, 1, 0x7f, 1, 0x7f]));
    // One module's name, then items with a type each; and one with a type for all.
    let items = [
        &[1, 3][..],
        b"env",
        &[0, 0x7f, 1, 10],
        b"ocre_sleep",
        &[0, 0],
    ]
    .concat();
    let names = [&[1, 3][..], b"env", &[0, 0x7e, 0, 0, 1, 10], b"ocre_sleep"].concat();
    for imports in [items, names] {
        let error = Module::parse(join(&[type_section.clone(), (2, imports)])).unwrap_err();
        assert_eq!(
            error,
            ModuleError::Unsupported {
                feature: "compact import groups"
            }
        );
    }
}

#[test]
fn a_function_type_that_is_not_there_is_malformed() {
    let import = [&[1, 3][..], b"env", &[10], b"ocre_sleep", &[0, 5]].concat();
    let error = Module::parse(join(&[(2, import)])).unwrap_err();
    assert!(matches!(error, ModuleError::Malformed { .. }), "{error}");
}

#[test]
fn exports_tell_their_kinds() {
    let module = parse(
        r#"(module
            (import "env" "ocre_sleep" (func $sleep (param i32) (result i32)))
            (export "again" (func $sleep))
            (func (export "mixed") (param i64 f32 externref) (result f64) (f64.const 0))
            (memory (export "m") 1) (table (export "t") 1 funcref) (global (export "g") i32 (i32.const 0)))"#,
    );
    let kind = |name: &str| {
        &module
            .exports()
            .iter()
            .find(|export| export.name == name)
            .unwrap()
            .kind
    };
    let ExportKind::Function {
        parameters,
        results,
        has_references,
    } = kind("mixed")
    else {
        panic!()
    };
    assert_eq!(
        (parameters.len(), results.len(), *has_references),
        (2, 1, true)
    );
    assert!(matches!(
        kind("again"),
        ExportKind::Function {
            has_references: false,
            ..
        }
    ));
    assert_eq!(
        (kind("m"), kind("t"), kind("g")),
        (&ExportKind::Memory, &ExportKind::Table, &ExportKind::Global)
    );
    assert!(module.exported_function("again").is_some());
    assert!(module.exported_function("m").is_none() && module.exported_function("n").is_none());
}

#[test]
fn an_export_of_a_function_that_is_not_there_is_left_to_the_engine() {
    let module = Module::parse(join(&[(7, Vec::from([1, 1, b'x', 0, 99]))])).unwrap();
    assert_eq!(module.exports().len(), 1);
    assert!(bytes("(module)").len() < module.bytes().len());
}
