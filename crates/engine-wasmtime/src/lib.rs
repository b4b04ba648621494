//! The engine for Linux: native code by Wasmtime, compiled once in a child process and cached.
//!
//! # Shape
//!
//! [`WasmtimeEngine`] loads modules: `compile` starts the child ([`compile_child_main`]) that turns a
//! module (`source`) into native code, `cache` keeps the result under a seal, `artifact` holds verified bytes that
//! nobody can change any more. `module` makes guests, `guest` runs one for one slice, `link` answers its
//! calls, `preempt` ends its slices.
//!
//! # Invariants
//!
//! The process that runs guests never compiles. Native code is mapped only after its seal was checked,
//! and from the memory that was checked. A guest that waits costs no thread. The host is reachable only
//! while a guest is being resumed. Unsafe code is in `artifact`, `child`, `engine`, `lend`, `link` and
//! `preempt` only.

mod artifact;
mod bulk;
mod cache;
mod child;
mod code;
mod compile;
mod engine;
mod guest;
mod lend;
mod link;
mod module;
mod preempt;
mod settings;
mod shape;
mod source;
mod state;
mod trap;

pub use cache::CacheError;
pub use child::compile_child_main;
pub use engine::{EngineError, WasmtimeEngine};
pub use settings::{
    AddressSpace, CacheSettings, CompileLimits, CompilerProgram, Notice, NoticeSink, Preemption,
    Settings,
};
