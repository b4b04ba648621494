//! Tests of what makes runs comparable.

use thimble_engine_wasmi::{Settings, WasmiEngine};
use thimble_runtime::engine::Engine as _;
use thimble_runtime::module::Module;
use thimble_testkit::engine_conformance::parse;

use super::guest::{End, Run};
use super::nans::settled;
use super::{ROOMY, smith};

/// What a module exits with that returns this, once its NaNs are settled.
fn exit(value: &str) -> End {
    let text = format!(
        r#"(module (global (mut i32) (i32.const 5))
             (func (export "code") (result i32) {value}))"#
    );
    let bytes = settled(parse(&text).bytes().to_vec()).expect("it can be read");
    wasmparser::Validator::new_with_features(smith::FEATURES)
        .validate_all(&bytes)
        .expect("it stays valid");
    let module = Module::parse(bytes).expect("it stays acceptable");
    let loaded = WasmiEngine::new(Settings::linux())
        .load(&module)
        .expect("it loads");
    Run::of(Some(&*loaded), &["code".into()], 0, ROOMY).end
}

/// wasmtime's setting for canonical NaNs covers these instructions, the generator's does not: addresses made
/// of such bits lay inside the memory on one engine and outside on the other.
#[test]
fn promoted_and_demoted_nans_have_the_same_bits_everywhere() {
    let scalar = "f32.reinterpret_i32 (i32.const 0xffffc1fb)";
    let vector = "v128.const i32x4 0xffffc1fb 0x000012fe 0x7fa00001 0xffffffff";
    let high = "(i32.wrap_i64 (i64.shr_u (i64.reinterpret_f64 (f64.promote_f32";
    assert_eq!(
        exit(&format!("{high} ({scalar}))) (i64.const 32)))")),
        End::Exited(0x7ff8_0000)
    );
    assert_eq!(
        exit("(i32.reinterpret_f32 (f32.demote_f64 (f64.const -nan:0xfffffffffffff)))"),
        End::Exited(0x7fc0_0000)
    );
    assert_eq!(
        exit(&format!(
            "(i32x4.extract_lane 1 (f64x2.promote_low_f32x4 ({vector})))"
        )),
        End::Exited(0x7ff8_0000)
    );
    assert_eq!(
        exit(&format!(
            "(i32x4.extract_lane 1 (f32x4.demote_f64x2_zero ({vector})))"
        )),
        End::Exited(0x7fc0_0000)
    );
}

/// Numbers are not touched, nor other globals.
#[test]
fn settling_changes_nothing_else() {
    assert_eq!(
        exit("(i32.reinterpret_f32 (f32.demote_f64 (f64.const 1.5)))"),
        End::Exited(0x3fc0_0000)
    );
    assert_eq!(
        exit("(drop (f64.promote_f32 (f32.const nan))) (global.get 0)"),
        End::Exited(5)
    );
    let plain = parse(r#"(module (func (export "code") (result i32) i32.const 1))"#);
    assert_eq!(
        settled(plain.bytes().to_vec()).as_deref(),
        Some(&plain.bytes()[..])
    );
}
