//! No instruction may use up the native stack: wasmi's instructions call each other in tail position, and
//! that they do not pile up is the optimizer's doing, not the language's.

use std::thread;

use thimble_engine_wasmi::{Settings, WasmiEngine};
use thimble_testkit::engine_conformance::run;

/// What a guest may use of the native stack. Unoptimized code keeps the frames of one chunk.
const STACK_BYTES: usize = if cfg!(debug_assertions) {
    2 << 20
} else {
    128 << 10
};

/// Bodies of loops; `$i` counts, `$a` to `$d` are locals of each type, all of them change.
const BODIES: &[&str] = &[
    "(local.set $a (i32.add (local.get $a) (i32.mul (local.get $i) (i32.const 7))))",
    "(local.set $a (i32.rotl (i32.xor (local.get $a) (local.get $i)) (i32.shr_s (local.get $i) (i32.const 3))))",
    "(local.set $a (i32.div_u (local.get $i) (i32.or (local.get $i) (i32.const 1))))",
    "(local.set $a (i32.rem_s (local.get $a) (i32.const 13)))",
    "(local.set $a (i32.clz (i32.popcnt (i32.ctz (i32.extend16_s (local.get $i))))))",
    "(local.set $a (select (local.get $a) (local.get $i) (i32.lt_s (local.get $a) (local.get $i))))",
    "(local.set $b (i64.sub (i64.mul (local.get $b) (i64.const 31)) (i64.extend_i32_u (local.get $i))))",
    "(local.set $b (i64.div_s (local.get $b) (i64.const 3)))",
    "(local.set $b (i64.rem_u (i64.shl (local.get $b) (i64.const 5)) (i64.const 1001)))",
    "(local.set $a (i32.wrap_i64 (i64.rotr (local.get $b) (i64.extend_i32_s (local.get $i)))))",
    "(local.set $c (f32.sqrt (f32.add (local.get $c) (f32.convert_i32_s (local.get $i)))))",
    "(local.set $d (f64.nearest (f64.div (f64.promote_f32 (local.get $c)) (f64.const 3))))",
    "(local.set $d (f64.copysign (f64.min (local.get $d) (f64.const 9)) (f64.max (local.get $d) (f64.const -1))))",
    "(local.set $a (i32.trunc_sat_f64_s (f64.add (local.get $d) (f64.const 0.5))))",
    "(local.set $b (i64.trunc_f32_s (f32.demote_f64 (f64.const 12.5))))",
    "(local.set $b (i64.reinterpret_f64 (local.get $d))) (local.set $a (i32.reinterpret_f32 (local.get $c)))",
    "(i32.store (i32.and (local.get $i) (i32.const 0xfffc)) (local.get $i))",
    "(i64.store8 (i32.and (local.get $i) (i32.const 0xfff)) (i64.extend_i32_u (local.get $i)))",
    "(f64.store offset=8 (i32.and (local.get $i) (i32.const 0xfff)) (f64.load (i32.and (local.get $i) (i32.const 0xff))))",
    "(f32.store offset=8 (i32.const 16) (f32.load (i32.and (local.get $i) (i32.const 0xff))))",
    "(local.set $b (i64.load16_s offset=2 (i32.and (local.get $i) (i32.const 0xfff))))",
    "(local.set $a (i32.load8_u (i32.and (local.get $i) (i32.const 0xffff))))",
    "(global.set $g (i32.add (global.get $g) (local.get $i)))",
    "(global.set $h (f64.add (global.get $h) (local.get $d)))",
    "(block $out (br_if $out (i32.and (local.get $i) (i32.const 1))) (local.set $a (i32.const 4)))",
    "(block $x (block $y (block $z (br_table $x $y $z (i32.and (local.get $i) (i32.const 3))))) (local.set $a (i32.const 1)))",
    "(if (i32.eqz (local.get $a)) (then (local.set $a (i32.const 1))) (else (local.set $a (i32.const 0))))",
    "(local.set $a (call $callee (local.get $i) (local.get $b)))",
    "(local.set $a (call_indirect $t (type $s) (local.get $i) (local.get $b) (i32.const 0)))",
    "(local.set $a (call $tail (local.get $i) (local.get $b)))",
    "(drop (call $host))",
    "(drop (call_indirect $t (result i32) (i32.const 2)))",
    "(table.set $t (i32.const 1) (table.get $t (i32.const 0)))",
    "(local.set $a (i32.add (table.size $t) (ref.is_null (table.get $t (i32.const 3)))))",
    "(table.set $t (i32.const 3) (ref.func $callee))",
    "(table.fill $t (i32.const 4) (ref.null func) (i32.const 2)) (table.copy $t $t (i32.const 4) (i32.const 5) (i32.const 1))",
    "(drop (table.grow $t (ref.null func) (i32.const 0)))",
    "(drop (memory.grow (i32.const 0))) (local.set $a (memory.size))",
    "(memory.fill (i32.const 64) (local.get $i) (i32.const 8)) (memory.copy (i32.const 80) (i32.const 64) (i32.const 8))",
    "(memory.init $data (i32.const 96) (i32.const 0) (i32.const 2))",
    "(call $pair) (local.set $b) (local.set $a)",
];

fn text(body: &str) -> String {
    format!(
        r#"(module
            (import "wasi_snapshot_preview1" "sched_yield" (func $host (result i32)))
            (type $s (func (param i32 i64) (result i32)))
            (memory 1)
            (data $data "\01\02")
            (table $t 8 funcref)
            (elem (table $t) (i32.const 0) func $callee $callee $host)
            (global $g (mut i32) (i32.const 0))
            (global $h (mut f64) (f64.const 0))
            (func $callee (param i32 i64) (result i32)
                (i32.add (local.get 0) (i32.wrap_i64 (local.get 1))))
            (func $tail (param i32 i64) (result i32)
                (return_call $callee (local.get 0) (local.get 1)))
            (func $pair (result i32 i64) (i32.const 1) (i64.const 2))
            (func (export "_start")
                (local $i i32) (local $a i32) (local $b i64) (local $c f32) (local $d f64)
                (loop $more
                    {body}
                    (local.set $i (i32.add (local.get $i) (i32.const 1)))
                    (br_if $more (i32.lt_u (local.get $i) (i32.const 50000))))))"#
    )
}

#[test]
fn no_instruction_piles_up_on_the_native_stack() {
    let guests = BODIES
        .iter()
        .map(|body| text(body))
        .chain([text(&BODIES.join("\n"))]);
    for guest in guests {
        let thread = thread::Builder::new()
            .stack_size(STACK_BYTES)
            .spawn(move || {
                assert_eq!(run(&WasmiEngine::new(Settings::linux()), &guest).exit(), 0);
            });
        thread.expect("a thread").join().expect("the guest ends");
    }
}
