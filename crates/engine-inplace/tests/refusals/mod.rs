//! Modules that must be refused, one for each reason.

/// In the text format, which does not check what it says; indices are numbers.
const TEXTS: [(&str, &str); 27] = [
    (
        "an operand of another type",
        "(func (i32.add (i64.const 1) (i32.const 2)) (drop))",
    ),
    ("an operand that is missing", "(func (drop))"),
    ("a value that is left over", "(func (i32.const 1))"),
    ("a result that is missing", "(func (result i64))"),
    (
        "a local that is not there",
        "(func (local i32) (drop (local.get 1)))",
    ),
    ("a global that is not there", "(func (drop (global.get 0)))"),
    (
        "a global that cannot change",
        "(global i32 (i32.const 0)) (func (global.set 0 (i32.const 1)))",
    ),
    ("a function that is not there", "(func (call 7))"),
    (
        "a type that is not there",
        "(table 1 funcref) (func (call_indirect (type 3) (i32.const 0)))",
    ),
    ("a table that is not there", "(func (drop (table.size 0)))"),
    (
        "a table of others",
        "(table 1 externref) (func (call_indirect (i32.const 0)))",
    ),
    (
        "a memory that is not there",
        "(func (drop (i32.load (i32.const 0))))",
    ),
    (
        "a segment of elements that is not there",
        "(func (elem.drop 0))",
    ),
    ("a label that is not there", "(func (block (br 2)))"),
    (
        "labels of other arity",
        "(func (result i32) (block (i32.const 1) (br_table 0 1 (i32.const 0))) (i32.const 1))",
    ),
    (
        "an alignment that is too large",
        "(memory 1) (func (drop (i32.load align=8 (i32.const 0))))",
    ),
    (
        "an if without else that gives something",
        "(func (drop (if (result i32) (i32.const 1) (then (i32.const 1)))))",
    ),
    (
        "a select of references without a type",
        "(func (param externref) (drop (select (local.get 0) (local.get 0) (i32.const 1))))",
    ),
    (
        "a reference to a function that is not declared",
        "(func (drop (ref.func 0)))",
    ),
    (
        "a tail call with other results",
        "(func (result i32) (return_call 1)) (func)",
    ),
    (
        "a constant that is none",
        "(func (result i32) (i32.const 1)) (global i32 (call 0))",
    ),
    ("a constant of another type", "(global i32 (i64.const 1))"),
    (
        "a start function with parameters",
        "(func (param i32)) (start 0)",
    ),
    (
        "two exports of one name",
        "(func) (export \"a\" (func 0)) (export \"b\" (func 0)) (export \"a\" (func 0))",
    ),
    ("a memory that shrinks", "(memory 2 1)"),
    ("a page of another size", "(memory 1 (pagesize 1024))"),
    ("blocks too deep", "@deep"),
];

/// Features that this engine does not have, in the text format.
const FEATURES: [(&str, &str); 9] = [
    ("SIMD", "(func (drop (v128.const i32x4 0 0 0 0)))"),
    (
        "threads",
        "(memory 1 1) (func (drop (i32.atomic.load (i32.const 0))))",
    ),
    ("shared memories", "(memory 1 1 shared)"),
    ("64-bit memories", "(memory i64 1)"),
    ("two memories", "(memory 1) (memory 1)"),
    ("exceptions", "(tag) (func (throw 0))"),
    (
        "references with a type",
        "(type (func)) (func (param (ref null 0)))",
    ),
    ("structures", "(type (struct))"),
    ("64-bit tables", "(table i64 1 funcref)"),
];

/// Bytes behind the magic number and the version: sections.
const BYTES: [(&str, &[u8]); 13] = [
    ("a section that does not exist", &[14, 0]),
    ("a section longer than the module", &[1, 9, 0]),
    ("a section longer than its content", &[1, 2, 0, 0]),
    ("sections in another order", &[3, 1, 0, 1, 1, 0]),
    ("a section twice", &[1, 1, 0, 1, 1, 0]),
    (
        "a number too long",
        &[1, 6, 0x80, 0x80, 0x80, 0x80, 0x80, 0],
    ),
    ("a number too large", &[1, 5, 0xff, 0xff, 0xff, 0xff, 0x7f]),
    ("a type of no form", &[1, 4, 1, 0x40, 0, 0]),
    ("a value of no type", &[1, 5, 1, 0x60, 1, 0x20, 0]),
    ("a name that is no text", &[0, 2, 1, 0xff]),
    (
        "a function without code",
        &[1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0],
    ),
    (
        "an opcode that does not exist",
        &[1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 10, 5, 1, 3, 0, 0x27, 0x0b],
    ),
    (
        "code without an end",
        &[1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 10, 5, 1, 3, 0, 0x01, 0x01],
    ),
];

/// All of them, with their names.
pub(crate) fn all() -> Vec<(&'static str, Vec<u8>)> {
    let mut modules = vec![
        ("nothing", Vec::new()),
        ("no module", b"\x7fELF\x01\x01\x01\x00".to_vec()),
        ("another version", b"\0asm\x0d\0\x01\0".to_vec()),
    ];
    let deep = format!("(func {} {})", "(block ".repeat(200), ")".repeat(200));
    for (name, text) in TEXTS.into_iter().chain(FEATURES) {
        let text = text.replace("@deep", &deep);
        let module = wat::parse_str(format!("(module {text})"));
        modules.push((
            name,
            module.unwrap_or_else(|error| panic!("{name}: {error}")),
        ));
    }
    for (name, sections) in BYTES {
        let module = [b"\0asm\x01\0\0\0", sections].concat();
        modules.push((name, module));
    }
    modules
}
