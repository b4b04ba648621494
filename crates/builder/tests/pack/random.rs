//! Modules that nobody would write: packing gives a valid module that does the same.

use arbitrary::Unstructured;
use thimble_builder::pack::{MemoryOutcome, PackOptions, pack};
use thimble_testkit::random::{Random, seed};
use wasm_smith::Config;

const ROUNDS: u64 = 400;

fn config(random: &mut Random) -> Config {
    Config {
        max_imports: 0,
        allow_start_export: true,
        export_everything: true,
        max_memory32_bytes: 4 << 20,
        max_memories: 1,
        max_tags: 0,
        max_instructions: 300,
        max_funcs: 12,
        generate_custom_sections: random.below(2) == 0,
        custom_page_sizes_enabled: random.below(2) == 0,
        simd_enabled: random.below(2) == 0,
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

#[test]
fn stay_valid_and_are_left_alone() {
    let mut random = Random::new(seed(11));
    let mut packed_ones = 0;
    for round in 0..ROUNDS {
        let config = config(&mut random);
        let entropy = random.bytes(4096);
        let module = wasm_smith::Module::new(config, &mut Unstructured::new(&entropy)).unwrap();
        let bytes = module.to_bytes();
        let told = (random.below(2) == 0).then(|| 16 * random.below(1000) as u32);
        let options = PackOptions {
            stack_bytes: told,
            ..PackOptions::default()
        };
        // `pack` checks what it made itself, and says so if it is not valid.
        let packed =
            pack(&bytes, &options).unwrap_or_else(|error| panic!("round {round}: {error}"));
        packed_ones += usize::from(!matches!(packed.report.memory, MemoryOutcome::Kept(_)));
        // Nothing here comes from a linker, so nothing is cut unless somebody vouched for it.
        assert!(
            told.is_some() || packed.report.memory_bytes == packed.report.memory_bytes_before,
            "round {round}: {:?}",
            packed.report
        );
    }
    println!("{ROUNDS} modules, {packed_ones} packed on somebody's word");
}
