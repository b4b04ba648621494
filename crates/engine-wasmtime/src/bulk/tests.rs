//! Instructions become calls and nothing else moves; what the calls do is what the instructions do.

use std::sync::Arc;

use thimble_runtime::module::{Module, with_functions};
use thimble_testkit::random::{Random, seed};
use wasmparser::{FunctionBody, Operator, Parser, Payload, WasmFeatures};
use wasmtime::{Engine, Instance, Memory, Store, TypedFunc};

use super::*;
use crate::code::CodeSettings;
use crate::preempt::Method;
use crate::source::Source;

/// Three numbers for an instruction.
const NUMBERS: &str = "(local.get 0) (local.get 0) (local.get 0)";

fn module(text: &str) -> Module {
    Module::parse(wat::parse_str(text).unwrap()).unwrap()
}

fn source(module: &Module) -> Arc<[u8]> {
    let source = Source::of(module, Method::Epochs).unwrap();
    source.bytes().into()
}

fn bodies(module: &[u8]) -> Vec<FunctionBody<'_>> {
    Parser::new(0)
        .parse_all(module)
        .filter_map(|payload| match payload.unwrap() {
            Payload::CodeSectionEntry(body) => Some(body),
            _ => None,
        })
        .collect()
}

/// The module's operators by function, with their distances from its first function.
fn operators(module: &[u8]) -> Vec<Vec<(usize, Operator<'_>)>> {
    let bodies = bodies(module);
    let first = bodies[0].range().start;
    let mut functions = Vec::new();
    for body in bodies {
        let mut operators = Vec::new();
        for operator in body
            .get_operators_reader()
            .unwrap()
            .into_iter_with_offsets()
        {
            let (operator, offset) = operator.unwrap();
            operators.push((offset - first, operator));
        }
        functions.push(operators);
    }
    functions
}

/// Checks that the source is valid, and differs from the module in as many instructions, which are calls.
#[track_caller]
fn check_calls(module: &Module, calls: &[u32]) {
    let source = source(module);
    wasmparser::Validator::new_with_features(WasmFeatures::all())
        .validate_all(&source)
        .unwrap();
    let (before, after) = (operators(module.bytes()), operators(&source));
    let mut found = Vec::new();
    for (before, after) in before.iter().zip(&after) {
        let mut before = before.iter().peekable();
        for (offset, now) in after {
            match (before.next_if(|(at, _)| at == offset), now) {
                (Some((_, operator)), _) if operator == now => {}
                (Some(_), Operator::Call { function_index }) => found.push(*function_index),
                // Fills the room of a padded instruction.
                (None, Operator::Nop) => {}
                other => panic!("{other:?} at {offset}"),
            }
        }
        assert_eq!(before.next(), None);
    }
    assert_eq!(found, calls);
}

#[test]
fn the_functions_are_those_of_the_texts() {
    for (text, body) in [
        (include_str!("fill.wat"), functions::fill(65_536)),
        (include_str!("copy.wat"), functions::copy(65_536)),
    ] {
        assert_eq!(bodies(module(text).bytes())[0].as_bytes(), body);
    }
    assert!(include_str!("fill.wat").contains(&format!("(i32.const {PIECE_BYTES})")));
}

#[test]
fn instructions_become_calls_where_they_are() {
    let text = format!(
        r#"(module
            (import "wasi_snapshot_preview1" "sched_yield" (func (result i32)))
            (memory 1) (data "x")
            (func (param i32) (memory.fill {NUMBERS}) (memory.copy {NUMBERS}) (memory.fill {NUMBERS}))
            (func (param i32) (nop) (memory.init 0 {NUMBERS}) (data.drop 0))
            (func (export "_start"))
            (func (param i32) (block (br 0) (memory.copy {NUMBERS})) unreachable memory.fill))"#
    );
    check_calls(&module(&text), &[5, 6, 5, 6, 5]);
    let fills = text.replace("memory.copy", "memory.fill");
    check_calls(&module(&fills), &[5; 5]);
    let copies = text.replace("memory.fill", "memory.copy");
    check_calls(&module(&copies), &[5; 5]);
}

#[test]
fn padded_instructions_become_calls_of_the_same_length() {
    let module = module("(module (memory 1) (func))");
    let (fills, copies): ([&[u8]; 4], [&[u8]; 4]) = (
        [
            &[0xfc, 0x0b, 0],
            &[0xfc, 0x8b, 0, 0],
            &[0xfc, 0x0b, 0x80, 0x80, 0],
            &[0xfc, 0x8b, 0x80, 0x80, 0x80, 0, 0x80, 0x80, 0x80, 0x80, 0],
        ],
        [
            &[0xfc, 0x0a, 0, 0],
            &[0xfc, 0x8a, 0, 0, 0],
            &[0xfc, 0x0a, 0x80, 0, 0x80, 0],
            &[
                0xfc, 0x8a, 0x80, 0x80, 0x80, 0, 0x80, 0x80, 0, 0x80, 0x80, 0,
            ],
        ],
    );
    let zeros: &[u8] = &[0x41, 0, 0x22, 0, 0x20, 0, 0x20, 0];
    let mut body = vec![1, 1, 0x7f];
    for instruction in fills.into_iter().chain(copies) {
        body.extend([zeros, instruction].concat());
    }
    body.extend([0x01, 0x0b]);
    let padded = with_functions(module.bytes(), &[0x60, 0, 0], &[&body]).unwrap();
    let padded = Module::parse(padded).unwrap();
    check_calls(&padded, &[2, 2, 2, 2, 3, 3, 3, 3]);
}

#[test]
fn modules_without_the_instructions_are_left_as_they_are() {
    for text in [
        "(module)",
        "(module (memory 1))",
        "(module (memory 1) (func))",
        r#"(module (memory 1) (func (drop (i32.load (i32.const 0)))) (data (i32.const 0) "\fc\0b\00\fc\0a\00\00"))"#,
        "(module (table 1 funcref) (memory 1) (func (table.fill (i32.const 0) (ref.null func) (i32.const 1))))",
    ] {
        let module = module(text);
        assert_eq!(source(&module), *module.bytes(), "{text}");
    }
}

#[test]
fn a_constant_of_one_piece_at_most_is_left_to_the_instruction() {
    let length = |length: i32| {
        let text = format!(
            "(module (memory 1) (func (param i32)
                (memory.fill (local.get 0) (local.get 0) (i32.const {length}))
                (memory.copy (local.get 0) (local.get 0) (i32.const {length}))))"
        );
        module(&text)
    };
    check_calls(&length(0), &[]);
    check_calls(&length(65_536), &[]);
    check_calls(&length(65_537), &[1, 2]);
    check_calls(&length(-1), &[1, 2]);
}

#[test]
fn an_instruction_without_room_for_the_index_is_left() {
    let many = |count: u32| {
        let others = "(func)".repeat(count as usize - 1);
        let text = format!(
            "(module (memory 1) {others}
                (func (param i32) (memory.fill {NUMBERS}) (memory.copy {NUMBERS})))"
        );
        module(&text)
    };
    check_calls(&many(16_383), &[16_383, 16_384]);
    check_calls(&many(16_384), &[16_384]);
}

#[test]
fn an_index_takes_all_the_room_or_the_instruction_stays() {
    let after = |length, function| {
        let mut place = vec![0xfc; length];
        put_call(&mut place, function);
        place
    };
    assert_eq!(after(3, 5), [CALL, 0x85, 0]);
    assert_eq!(after(3, 16_383), [CALL, 0xff, 0x7f]);
    assert_eq!(after(3, 16_384), [0xfc; 3]);
    assert_eq!(after(4, 16_384), [CALL, 0x80, 0x80, 1]);
    assert_eq!(after(6, u32::MAX), [CALL, 0xff, 0xff, 0xff, 0xff, 0x0f]);
    assert_eq!(after(8, 1), [CALL, 0x81, 0x80, 0x80, 0x80, 0, NOP, NOP]);
}

#[test]
fn modules_that_cannot_be_read_stay_as_they_are() {
    let added = BulkFunctions {
        fill: Some(1),
        copy: None,
    };
    let whole = wat::parse_str(format!(
        "(module (memory 1) (func (param i32) (memory.fill {NUMBERS})) (func) (func))"
    ))
    .unwrap();
    for length in 0..whole.len() - 9 {
        let mut cut = whole[..length].to_vec();
        added.take_over(&mut cut);
        assert_eq!(cut, whole[..length]);
    }
}

/// The compiled source of a module with a memory of 8 pages, and both instructions as exports.
struct Compiled {
    store: Store<()>,
    memory: Memory,
    fill: TypedFunc<(u32, u32, u32), ()>,
    copy: TypedFunc<(u32, u32, u32), ()>,
}

impl Compiled {
    fn new(memory: &str) -> Self {
        let text = format!(
            r#"(module (memory (export "memory") {memory})
                (func (export "fill") (param i32 i32 i32)
                    (memory.fill (local.get 0) (local.get 1) (local.get 2)))
                (func (export "copy") (param i32 i32 i32)
                    (memory.copy (local.get 0) (local.get 1) (local.get 2))))"#
        );
        let module = module(&text);
        check_calls(&module, &[2, 3]);
        let code = CodeSettings {
            wide: true,
            canonical_nans: false,
            preemption: Method::Signals,
        };
        let engine = Engine::new(&code.compiler_config()).unwrap();
        let native = wasmtime::Module::new(&engine, source(&module)).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &native, &[]).unwrap();
        Self {
            memory: instance.get_memory(&mut store, "memory").unwrap(),
            fill: instance.get_typed_func(&mut store, "fill").unwrap(),
            copy: instance.get_typed_func(&mut store, "copy").unwrap(),
            store,
        }
    }

    /// Does it here and to the model; the same must come of it.
    fn check_fill(&mut self, model: &mut [u8], to: u32, value: u32, length: u32) {
        let done = self.fill.call(&mut self.store, (to, value, length)).is_ok();
        let expected = model
            .get_mut(range(to, length))
            .map(|bytes| bytes.fill(value.to_le_bytes()[0]));
        let what = format!("fill {to} {value} {length}");
        assert_eq!(done, expected.is_some(), "{what}");
        assert!(self.memory.data(&self.store) == model, "{what}");
    }

    /// As above.
    fn check_copy(&mut self, model: &mut [u8], to: u32, from: u32, length: u32) {
        let done = self.copy.call(&mut self.store, (to, from, length)).is_ok();
        let fits = model.get(range(to, length)).is_some();
        let expected = fits && model.get(range(from, length)).is_some();
        if expected {
            model.copy_within(range(from, length), to as usize);
        }
        let what = format!("copy {to} {from} {length}");
        assert_eq!(done, expected, "{what}");
        assert!(self.memory.data(&self.store) == model, "{what}");
    }
}

fn range(start: u32, length: u32) -> Range<usize> {
    let start = start as usize;
    start..start + length as usize
}

fn below(random: &mut Random, bound: u32) -> u32 {
    u32::try_from(random.below(u64::from(bound))).unwrap()
}

/// Around a border of pieces, of the memory or of all numbers, or anywhere.
fn number(random: &mut Random) -> u32 {
    let near = below(random, 5);
    let base = match random.below(11) {
        0 => 0,
        1 => 0_u32.wrapping_sub(near),
        2 => 0x8000_0000,
        3..=6 => PIECE_BYTES * below(random, 9),
        _ => below(random, 8 * PIECE_BYTES),
    };
    if random.below(2) == 0 {
        base.saturating_add(near)
    } else {
        base.saturating_sub(near)
    }
}

#[track_caller]
fn check_against_model(memory: &str) {
    let mut random = Random::new(seed(0x0b0a));
    let mut compiled = Compiled::new(memory);
    let mut model: Vec<u8> = (0..8 * PIECE_BYTES)
        .map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    compiled
        .memory
        .data_mut(&mut compiled.store)
        .copy_from_slice(&model);
    let all = 8 * PIECE_BYTES;
    for (to, from) in [(0, 0), (0, 1), (1, 0), (0, PIECE_BYTES), (PIECE_BYTES, 0)] {
        let length = all - to.max(from);
        compiled.check_copy(&mut model, to, from, length);
        compiled.check_copy(&mut model, to, from, length + 1);
    }
    for _ in 0..300 {
        let (to, from, length) = (
            number(&mut random),
            number(&mut random),
            number(&mut random),
        );
        compiled.check_copy(&mut model, to, from, length);
        // Small distances overlap most.
        let from = to.wrapping_add(below(&mut random, 7)).wrapping_sub(3);
        compiled.check_copy(&mut model, to, from, length);
        if random.below(9) == 0 {
            compiled.check_fill(&mut model, to, from, length);
        }
    }
    compiled.check_fill(&mut model, 0, 0x1_2345, all);
    compiled.check_fill(&mut model, 1, 0x6, all);
}

#[test]
fn calls_do_what_the_instructions_do() {
    check_against_model("8");
}

#[test]
fn pages_of_one_byte_are_counted_right() {
    check_against_model("524288 (pagesize 1)");
}
