//! Modules that nobody would write, from random bytes.

use arbitrary::Unstructured;
use thimble_testkit::random::Random;
use wasm_smith::Config;
use wasmparser::BinaryReader;

use super::behaviour::outcome;
use super::check;

fn config(seed: u64) -> Config {
    Config {
        max_imports: 0,
        allow_start_export: seed.is_multiple_of(4),
        export_everything: true,
        generate_custom_sections: seed.is_multiple_of(2),
        max_memory32_bytes: 4 << 20,
        max_table_elements: 500,
        max_memories: 1,
        max_tags: 0,
        max_instructions: 300,
        max_funcs: 12,
        min_uleb_size: (seed % 5 + 1) as u8,
        custom_page_sizes_enabled: seed.is_multiple_of(3),
        simd_enabled: false,
        relaxed_simd_enabled: false,
        exceptions_enabled: false,
        gc_enabled: false,
        custom_descriptors_enabled: false,
        memory64_enabled: false,
        threads_enabled: false,
        shared_everything_threads_enabled: false,
        wide_arithmetic_enabled: false,
        ..Config::default()
    }
}

/// The module with every section's length and number of entries, and every function's length, in five bytes.
fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes[..8].to_vec();
    let mut reader = BinaryReader::new(&bytes[8..], 8);
    while !reader.eof() {
        let id = reader.read_u8().unwrap();
        let size = reader.read_var_u32().unwrap() as usize;
        let body = reader.read_bytes(size).unwrap();
        let mut section = BinaryReader::new(body, 0);
        let mut content = Vec::new();
        if id != 0 {
            put(&mut content, section.read_var_u32().unwrap());
        }
        if id == 10 {
            while !section.eof() {
                let size = section.read_var_u32().unwrap();
                put(&mut content, size);
                content.extend_from_slice(section.read_bytes(size as usize).unwrap());
            }
        }
        content.extend_from_slice(&body[section.original_position()..]);
        out.push(id);
        put(&mut out, u32::try_from(content.len()).unwrap());
        out.extend_from_slice(&content);
    }
    out
}

fn put(out: &mut Vec<u8>, number: u32) {
    for shift in [0, 7, 14, 21] {
        out.push((number >> shift & 0x7f) as u8 | 0x80);
    }
    out.push((number >> 28) as u8);
}

#[test]
fn do_the_same_as_before() {
    let rounds: u64 = match std::env::var("THIMBLE_ROUNDS") {
        Ok(rounds) => rounds.parse().unwrap(),
        Err(_) => 300,
    };
    let (mut shrunk, mut ran) = (0, 0);
    for seed in 1..=rounds {
        let bytes = Random::new(seed).bytes(4096);
        let mut source = Unstructured::new(&bytes);
        let module = match wasm_smith::Module::new(config(seed), &mut source) {
            Ok(module) => module,
            Err(error) => panic!("seed {seed}: {error}"),
        };
        let bytes = padded(&module.to_bytes());
        let label = format!("seed {seed}");
        let tidied = check(&label, &bytes);
        shrunk += usize::from(tidied.bytes.len() < bytes.len());
        let (before, after) = (outcome(&bytes), outcome(&tidied.bytes));
        ran += usize::from(before.len() > 1);
        assert_eq!(before, after, "{label}");
    }
    println!("{rounds} modules, {shrunk} became smaller, {ran} have exports that were looked at");
    assert!(shrunk > 0 && ran > 0);
}
