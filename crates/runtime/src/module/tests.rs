//! Tests of reading and rewriting modules.

#![expect(
    clippy::cast_possible_truncation,
    reason = "the modules of tests are small"
)]

mod headers;
mod imports;
mod memory;
mod rewriting;

use alloc::vec::Vec;

use wasmparser::{Parser, Payload, TypeRef};

use super::{Module, ModuleError};

/// A module of every ordinary section, with names and an imported memory.
const SAMPLE: &str = r#"(module
    (type $t (func (param i32) (result i32)))
    (import "env" "ocre_sleep" (func $sleep (param i32) (result i32)))
    (import "env" "memory" (memory 2 10))
    (func $begin)
    (func $main (export "_start") (result i32)
        (call $sleep (i32.const 1))
        (drop (call_indirect (type $t) (i32.const 7) (i32.const 0)))
        (memory.init $bytes (i32.const 0) (i32.const 0) (i32.const 1)))
    (table (export "table") 2 funcref)
    (global (export "global") (mut i32) (i32.const 4))
    (start $begin)
    (elem (i32.const 0) func $sleep $main)
    (data (i32.const 16) "hello")
    (data $bytes "x"))"#;

fn bytes(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn parse(text: &str) -> Module {
    Module::parse(bytes(text)).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn refusal(text: &str) -> ModuleError {
    Module::parse(bytes(text)).expect_err(text)
}

/// The payloads of bytes that must be well formed.
fn payloads(bytes: &[u8]) -> Vec<Payload<'_>> {
    Parser::new(0)
        .parse_all(bytes)
        .collect::<Result<_, _>>()
        .unwrap()
}

/// The exports: names and indices.
fn exports(bytes: &[u8]) -> Vec<(&str, u32)> {
    let exports = payloads(bytes)
        .into_iter()
        .filter_map(|payload| match payload {
            Payload::ExportSection(exports) => Some(exports),
            _ => None,
        });
    exports
        .flatten()
        .map(|export| export.map(|export| (export.name, export.index)).unwrap())
        .collect()
}

/// The module's own memories.
fn own_memories(bytes: &[u8]) -> Vec<wasmparser::MemoryType> {
    let memories = payloads(bytes)
        .into_iter()
        .filter_map(|payload| match payload {
            Payload::MemorySection(memories) => Some(memories),
            _ => None,
        });
    memories.flatten().collect::<Result<_, _>>().unwrap()
}

/// The types of its imports.
fn imports(bytes: &[u8]) -> Vec<TypeRef> {
    let imports = payloads(bytes)
        .into_iter()
        .filter_map(|payload| match payload {
            Payload::ImportSection(imports) => Some(imports),
            _ => None,
        });
    imports
        .flat_map(wasmparser::ImportSectionReader::into_imports)
        .map(|import| import.unwrap().ty)
        .collect()
}

/// The numbers of the sections, custom ones included.
fn section_ids(bytes: &[u8]) -> Vec<u8> {
    sections(bytes).into_iter().map(|(id, _)| id).collect()
}

/// The sections: numbers and bodies.
fn sections(bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut reader = wasmparser::BinaryReader::new(&bytes[8..], 8);
    let mut sections = Vec::new();
    while !reader.eof() {
        let id = reader.read_u8().unwrap();
        let len = reader.read_var_u32().unwrap();
        sections.push((id, reader.read_bytes(len as usize).unwrap().to_vec()));
    }
    sections
}

/// A module of these sections, each of at most 127 bytes.
fn join(sections: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = b"\0asm\x01\0\0\0".to_vec();
    for (id, body) in sections {
        assert!(body.len() < 128);
        bytes.push(*id);
        bytes.push(body.len() as u8);
        bytes.extend(body);
    }
    bytes
}
