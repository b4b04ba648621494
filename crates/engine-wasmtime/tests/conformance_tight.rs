//! The checks that every engine must pass. Guests without spare address space, bounds checked in code.

#![expect(clippy::unwrap_used, reason = "tests may stop at the first surprise")]

mod support;

use std::sync::LazyLock;

use thimble_engine_wasmtime::{Settings, WasmtimeEngine};

static ENGINE: LazyLock<WasmtimeEngine> = LazyLock::new(|| {
    WasmtimeEngine::new(Settings {
        slots: 0,
        address_space: thimble_engine_wasmtime::AddressSpace::Tight,
        ..support::settings()
    })
    .unwrap()
});

thimble_testkit::engine_conformance_tests!(*ENGINE);

#[test]
fn simd_works() {
    thimble_testkit::engine_conformance::simd_works(&*ENGINE);
}
