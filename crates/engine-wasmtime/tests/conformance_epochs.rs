//! The checks that every engine must pass. Guests that are stopped by epochs.

#![expect(clippy::unwrap_used, reason = "tests may stop at the first surprise")]

mod support;

use std::sync::LazyLock;

use thimble_engine_wasmtime::{Preemption, Settings, WasmtimeEngine};

static ENGINE: LazyLock<WasmtimeEngine> = LazyLock::new(|| {
    WasmtimeEngine::new(Settings {
        slots: 64,
        preemption: Preemption::Epochs,
        ..support::settings()
    })
    .unwrap()
});

thimble_testkit::engine_conformance_tests!(*ENGINE);
