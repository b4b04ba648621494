//! What the tests of this crate share.

use thimble_engine_wasmtime::{CompilerProgram, Settings};

/// Settings with this crate's own compile child.
pub(crate) fn settings() -> Settings {
    Settings {
        compiler: CompilerProgram {
            program: env!("CARGO_BIN_EXE_thimble-compile-child").into(),
            arguments: vec![],
        },
        ..Settings::default()
    }
}
