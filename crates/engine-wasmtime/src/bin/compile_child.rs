//! The compile child as a program of its own, for tests and for programs that cannot re-execute themselves.

use std::process::ExitCode;

fn main() -> ExitCode {
    thimble_engine_wasmtime::compile_child_main(std::env::args_os().skip(1))
}
