//! The hidden side of this program: it is also the compiler, in a child process.

use std::env;
use std::process::ExitCode;

/// The first argument of a compiling child.
const COMPILE: &str = "__compile";

/// If this process was started to compile, does that.
pub(crate) fn if_child() -> Option<ExitCode> {
    let mut arguments = env::args_os().skip(1);
    (arguments.next()? == COMPILE).then(|| thimble_engine_wasmtime::compile_child_main(arguments))
}
