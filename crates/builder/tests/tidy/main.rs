//! Making modules smaller: what goes, what stays, and that what they do stays the same.

#![allow(
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

mod behaviour;
mod guests;
mod random;
mod sections;

use thimble_builder::module::{Strip, Tidied, TidyOptions, tidy};
use thimble_runtime::module::Module;
use wasmparser::{Parser, Payload};

/// What a module imports and exports, as text.
fn interface(bytes: &[u8]) -> Vec<String> {
    let mut lines = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.unwrap() {
            Payload::ImportSection(imports) => {
                lines.extend(
                    imports
                        .into_imports()
                        .map(|import| format!("{:?}", import.unwrap())),
                );
            }
            Payload::ExportSection(exports) => {
                lines.extend(
                    exports
                        .into_iter()
                        .map(|export| format!("{:?}", export.unwrap())),
                );
            }
            Payload::StartSection { func, .. } => lines.push(format!("start {func}")),
            _ => {}
        }
    }
    lines
}

/// Names of the custom sections.
fn custom_sections(bytes: &[u8]) -> Vec<String> {
    let name = |payload: Payload<'_>| match payload {
        Payload::CustomSection(section) => Some(section.name().to_owned()),
        _ => None,
    };
    Parser::new(0)
        .parse_all(bytes)
        .filter_map(|payload| name(payload.unwrap()))
        .collect()
}

/// Makes a module smaller in both ways, and checks what holds for every module.
fn check(label: &str, bytes: &[u8]) -> Tidied {
    let mut last = None;
    for strip in [Strip::All, Strip::Debug] {
        let options = TidyOptions { strip };
        let tidied = tidy(bytes, &options).unwrap_or_else(|error| panic!("{label}: {error}"));
        assert_eq!(tidied.bytes_before, bytes.len() as u64, "{label}");
        assert!(tidied.bytes.len() <= bytes.len(), "{label} became larger");
        assert_eq!(interface(&tidied.bytes), interface(bytes), "{label}");
        let again = tidy(&tidied.bytes, &options).unwrap();
        assert!(again.bytes == tidied.bytes, "{label}: not the same again");
        assert_eq!(again.removed, [], "{label}");
        if let Ok(module) = Module::parse(bytes) {
            let small = Module::parse(tidied.bytes.as_slice())
                .unwrap_or_else(|error| panic!("{label}: {error}"));
            assert_eq!(small.exports(), module.exports(), "{label}");
            assert_eq!(small.memory(), module.memory(), "{label}");
            assert_eq!(small.start(), module.start(), "{label}");
            assert_eq!(small.app_heap(), module.app_heap(), "{label}");
        }
        last = Some(tidied);
    }
    last.unwrap()
}
