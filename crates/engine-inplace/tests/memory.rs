//! What the validator holds in memory: what it says itself, and what its documentation says. Measured with an allocator
//! that counts.

#![expect(clippy::expect_used, reason = "a test stops at the first surprise")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fmt::Write as _;

use thimble_engine_inplace::{Limits, NotStored, Store, validate};

/// Counts what a thread holds.
struct Counting;

thread_local! {
    /// What is held now, and was at most.
    static HELD: Cell<(isize, isize)> = const { Cell::new((0, 0)) };
}

fn count(bytes: isize) {
    HELD.with(|held| {
        let (now, most) = held.get();
        held.set((now + bytes, most.max(now + bytes)));
    });
}

// SAFETY: the system's allocator does everything; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(place, layout) };
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size.cast_signed() - layout.size().cast_signed());
        // SAFETY: as the caller promised.
        unsafe { System.realloc(place, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Keeps nothing.
struct Nowhere;

impl Store for Nowhere {
    fn write(&mut self, _: u32, _: &[u8]) -> Result<(), NotStored> {
        Ok(())
    }
}

/// Bytes that a constant expression holds while it is checked, beside what `peak_bytes` counts.
const CONSTANT_BYTES: usize = 64;

/// The most that was held, and what the validator says of itself.
fn measured(module: &[u8], limits: &Limits) -> (usize, usize) {
    HELD.with(|held| held.set((0, 0)));
    let validated = validate(module, &[0; 32], limits, &mut Nowhere).expect("it is valid");
    let (left, most) = HELD.with(Cell::get);
    assert_eq!(left, 0, "everything is given back");
    (most.unsigned_abs(), validated.peak_bytes as usize)
}

/// How much there is of everything that costs memory.
#[derive(Clone, Copy, Default)]
struct Amounts {
    types: usize,
    functions: usize,
    globals: usize,
    exports: usize,
    /// Of the largest function.
    locals: usize,
    operands: usize,
    nesting: usize,
    branches: usize,
}

/// What the documentation of `validate` allows: vectors that are half empty, and have 16 elements at least.
fn documented(amounts: Amounts) -> usize {
    let vector = |count: usize, bytes: usize| (count + count / 2).max(16) * bytes;
    let module = vector(amounts.types, 8)
        + vector(amounts.functions, 2)
        + vector(amounts.functions.div_ceil(8), 1)
        + vector(amounts.globals, 1)
        + 2 * vector(16, 1);
    let function = vector(amounts.locals, 1)
        + vector(amounts.operands, 1)
        + vector(amounts.nesting, 56)
        + vector(amounts.branches, 16);
    module + function.max(vector(amounts.exports, 4))
}

fn check(name: &str, text: &str, limits: &Limits, amounts: Amounts) {
    let module = wat::parse_str(text).expect("it is a module");
    let (most, said) = measured(&module, limits);
    let allowed = documented(amounts);
    println!(
        "{name}: a module of {} bytes, {most} held, {said} said, {allowed} documented",
        module.len()
    );
    assert!(
        most <= said + CONSTANT_BYTES,
        "{name}: {most} is more than it says: {said}"
    );
    assert!(
        said <= allowed,
        "{name}: {said} is more than documented: {allowed}"
    );
}

/// As compilers write them: some dozen functions, blocks in each other, few locals.
#[test]
fn ordinary_code_takes_what_is_documented() {
    let mut text = String::from("(module (memory 1)");
    for index in 0..40 {
        write!(
            text,
            "(global (mut i32) (i32.const {index})) (type (func (param{})))",
            " i32".repeat(index)
        )
        .expect("it is memory");
    }
    for index in 0..60 {
        write!(
            text,
            "(func (export \"f{index}\") (param i32) (result i32) (local i32 i64 f32)"
        )
        .expect("it is memory");
        for _ in 0..4 {
            text.push_str("(block (loop (br_if 1 (i32.eqz (local.get 0))) (local.set 0 (i32.sub (local.get 0) (i32.const 1)))");
        }
        text.push_str("(if (local.get 0) (then (br 0)) (else (br_table 0 1 2 3 (local.get 1))))");
        text.push_str(&"(br 0)))".repeat(4));
        text.push_str("(i32.load (local.get 0)))");
    }
    text.push(')');
    let amounts = Amounts {
        types: 42,
        functions: 60,
        globals: 40,
        exports: 60,
        locals: 4,
        operands: 3,
        nesting: 10,
        branches: 15,
    };
    check("ordinary", &text, &Limits::small(), amounts);
}

/// A function with as much of everything as a microcontroller's limits allow.
#[test]
fn the_largest_function_takes_what_is_documented() {
    let limits = Limits::small();
    let text = format!(
        "(module (func (param i32) (local {}) {} {} (br_table {} (local.get 0)) {}))",
        "i32 ".repeat(1_023),
        "(block ".repeat(127),
        "(i32.const 1)".repeat(511),
        "0 ".repeat(1_024),
        ")".repeat(127)
    );
    let amounts = Amounts {
        types: 1,
        functions: 1,
        locals: 1_024,
        operands: 512,
        nesting: 128,
        branches: 1_024,
        ..Amounts::default()
    };
    check("largest", &text, &limits, amounts);
    // What the documentation of the limits names, where addresses have 32 bits.
    let function = 1_024 + 512 + 128 * 40 + 1_024 * 16;
    assert!(function <= 24 << 10);
}

#[test]
fn deep_nesting_takes_what_is_documented() {
    for nesting in [1_000, 50_000] {
        let mut module = wat::parse_str("(module (func))").expect("it is a module");
        module.truncate(18);
        let body_length = 1 + nesting * 2 + nesting + 1;
        let section_length = 1 + 5 + body_length;
        module.push(10);
        long_number(&mut module, section_length);
        module.push(1);
        long_number(&mut module, body_length);
        module.push(0);
        module.extend([2, 0x40].repeat(nesting));
        module.extend(vec![0x0b; nesting + 1]);
        let (most, said) = measured(&module, &Limits::linux());
        let amounts = Amounts {
            types: 1,
            functions: 1,
            nesting: nesting + 1,
            ..Amounts::default()
        };
        println!("{nesting} deep: {most} held, {said} said");
        assert!(most <= said + CONSTANT_BYTES && said <= documented(amounts));
    }
}

/// A number in five bytes.
fn long_number(module: &mut Vec<u8>, number: usize) {
    for shift in [0, 7, 14, 21] {
        module.push(u8::try_from(number >> shift & 0x7f).expect("it is masked") | 0x80);
    }
    module.push(u8::try_from(number >> 28).expect("it is small"));
}
