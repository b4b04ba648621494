//! The first bytes, and what is left of a module that was cut.

use alloc::string::ToString;
use alloc::vec;

use super::{SAMPLE, bytes};
use crate::module::{Module, ModuleError};

#[test]
fn nothing_is_empty() {
    assert_eq!(Module::parse([]).unwrap_err(), ModuleError::Empty);
}

#[test]
fn the_smallest_module_is_one() {
    let module = Module::parse(*b"\0asm\x01\0\0\0").unwrap();
    assert_eq!(**module.bytes(), *b"\0asm\x01\0\0\0");
    assert!(module.imports().is_empty() && module.exports().is_empty());
    assert!(module.memory().is_none() && module.start().is_none() && module.app_heap().is_none());
}

#[test]
fn other_files_are_recognized() {
    let cases: [(&[u8], &str); 11] = [
        (b"\x7fELF\x02\x01\x01", "ELF"),
        (b"\0aot\x04\0\0\0", "WAMR"),
        (b"PK\x03\x04", "zip"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"#!/bin/sh\n", "script"),
        (b"{\"name\": 1}", "JSON"),
        (b"(module)", "WebAssembly text"),
        (b"MZ\x90\0", "Windows"),
        (&[0; 100], "zeros"),
        (b"hello, world", "something else"),
        (b"\xff", "something else"),
    ];
    for (bytes, words) in cases {
        let error = Module::parse(bytes).unwrap_err();
        assert!(
            matches!(error, ModuleError::NotWasm { .. }),
            "{bytes:?}: {error}"
        );
        assert!(error.to_string().contains(words), "{bytes:?}: {error}");
    }
}

#[test]
fn components_are_told_apart_from_other_versions() {
    assert_eq!(
        Module::parse(*b"\0asm\x0d\0\x01\0").unwrap_err(),
        ModuleError::Component
    );
    for version in [0_u32, 2, 0x0d, 0x0100, u32::MAX] {
        let mut bytes = b"\0asm".to_vec();
        bytes.extend(version.to_le_bytes());
        assert_eq!(
            Module::parse(bytes).unwrap_err(),
            ModuleError::Version { version }
        );
    }
}

#[test]
fn a_header_that_is_cut_is_truncated() {
    for len in 1..8 {
        let header = &b"\0asm\x01\0\0\0"[..len];
        assert_eq!(
            Module::parse(header).unwrap_err(),
            ModuleError::Truncated { offset: len }
        );
    }
    assert_eq!(
        Module::parse(*b"\0asm\x02").unwrap_err(),
        ModuleError::Truncated { offset: 5 }
    );
}

#[test]
fn a_module_that_is_cut_anywhere_is_truncated_or_a_module() {
    let bytes = bytes(SAMPLE);
    let boundaries = boundaries(&bytes);
    for len in 1..bytes.len() {
        match Module::parse(&bytes[..len]) {
            // Sections after the cut are missed by the engine, or not needed.
            Ok(_) => assert!(boundaries.contains(&len), "{len}"),
            Err(ModuleError::Malformed { reason, .. }) if boundaries.contains(&len) => {
                assert!(
                    reason.contains("section is absent"),
                    "cut to {len}: {reason}"
                );
            }
            Err(ModuleError::Truncated { offset }) => assert!(offset <= len, "{offset} of {len}"),
            Err(error) => panic!("cut to {len}: {error}"),
        }
    }
}

/// Where one section ends and the next begins.
fn boundaries(bytes: &[u8]) -> alloc::vec::Vec<usize> {
    let mut reader = wasmparser::BinaryReader::new(&bytes[8..], 8);
    let mut boundaries = vec![8];
    while !reader.eof() {
        reader.read_u8().unwrap();
        let len = reader.read_var_u32().unwrap();
        reader.read_bytes(len as usize).unwrap();
        boundaries.push(reader.original_position());
    }
    boundaries
}

#[test]
fn a_module_with_any_bit_flipped_does_not_panic() {
    let bytes = bytes(SAMPLE);
    for place in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[place / 8] ^= 1 << (place % 8);
        let _ = Module::parse(flipped);
    }
}

#[test]
fn a_section_that_is_longer_than_the_file_is_truncated() {
    for id in 0..14_u8 {
        let mut module = b"\0asm\x01\0\0\0".to_vec();
        module.extend([id, 0xff, 0xff, 0xff, 0xff, 0x0f, 1]);
        let error = Module::parse(module).unwrap_err();
        assert!(
            matches!(
                error,
                ModuleError::Truncated { .. } | ModuleError::Malformed { .. }
            ),
            "{id}: {error}"
        );
    }
}

#[test]
fn counts_beyond_the_section_are_errors() {
    for id in 1..13_u8 {
        let mut module = b"\0asm\x01\0\0\0".to_vec();
        module.extend([id, 5, 0xff, 0xff, 0xff, 0xff, 0x0f]);
        // Sections that are the engine's business may pass.
        if [1, 2, 3, 5, 7].contains(&id) {
            assert!(Module::parse(module).is_err(), "{id}");
        } else {
            let _ = Module::parse(module);
        }
    }
}
