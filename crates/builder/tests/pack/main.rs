//! Packing: what modules need, that they do the same in it, and what is left alone.

#![allow(
    clippy::cast_possible_truncation,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may stop at the first surprise"
)]

mod graphs;
mod guests;
mod host;
mod kept;
mod layouts;
mod random;

use thimble_builder::pack::{PackOptions, Packed, pack};
use wasmparser::{Parser, Payload};

/// A module of text.
fn module(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Packs a module, which must be valid.
fn packed(bytes: &[u8]) -> Packed {
    packed_with(bytes, &PackOptions::default())
}

/// Packs a module, and checks what holds for every module.
fn packed_with(bytes: &[u8], options: &PackOptions) -> Packed {
    let packed = pack(bytes, options).unwrap();
    let report = &packed.report;
    let (_, bytes_before, _) = memory(bytes).unwrap_or((0, 0, None));
    let (_, bytes_after, _) = memory(&packed.tidied.bytes).unwrap_or((0, 0, None));
    assert_eq!(report.memory_bytes_before, bytes_before);
    assert_eq!(report.memory_bytes, bytes_after, "{report:?}");
    let again = pack(bytes, options).unwrap();
    assert!(again == packed, "not the same again");
    packed
}

/// The memory of a module: its page size, its bytes at the beginning, and its bytes at most.
fn memory(bytes: &[u8]) -> Option<(u64, u64, Option<u64>)> {
    let mut found = None;
    for payload in Parser::new(0).parse_all(bytes) {
        let memory = match payload.unwrap() {
            Payload::MemorySection(memories) => memories.into_iter().next().map(Result::unwrap),
            Payload::ImportSection(imports) => {
                imports
                    .into_imports()
                    .find_map(|import| match import.unwrap().ty {
                        wasmparser::TypeRef::Memory(memory) => Some(memory),
                        _ => None,
                    })
            }
            _ => None,
        };
        found = found.or(memory.map(|memory| {
            let page = 1 << memory.page_size_log2.unwrap_or(16);
            let most = memory.maximum.map(|pages| pages * page);
            (page, memory.initial * page, most)
        }));
    }
    found
}
