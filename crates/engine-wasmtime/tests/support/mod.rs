//! What the tests of this crate share.

use thimble_engine_wasmtime::{CompileLimits, CompilerProgram, Settings};

/// Settings with this crate's own compile child.
pub(crate) fn settings() -> Settings {
    Settings {
        compiler: CompilerProgram {
            program: env!("CARGO_BIN_EXE_thimble-compile-child").into(),
            arguments: vec![],
        },
        compile_limits: compile_limits(),
        ..Settings::default()
    }
}

/// The usual limits; but a program under AddressSanitizer sets aside terabytes of address space for itself.
pub(crate) fn compile_limits() -> CompileLimits {
    let mut limits = CompileLimits::default();
    if std::env::var_os("ASAN_OPTIONS").is_some() {
        limits.memory_bytes = u64::MAX;
    }
    limits
}
