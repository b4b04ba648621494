//! The settings that shape native code: the same for the process that runs it and the child that makes it.

use std::ffi::{OsStr, OsString};
use std::num::NonZeroUsize;

use wasmtime::{Collector, Config, WasmFeatures};

use crate::preempt::Method;

/// Stack that WebAssembly itself may use. Only touched pages take RAM.
const WASM_STACK_BYTES: usize = 512 << 10;
/// The whole stack of a guest: WebAssembly's and, above it, that of the host's functions.
const STACK_BYTES: usize = 1 << 20;
/// Frames that a trap shows, from the innermost.
pub(crate) const BACKTRACE_FRAMES_MAX: usize = 64;
/// Address space behind a memory that is not 4 GiB, when it is tight.
const TIGHT_GUARD_BYTES: u64 = 64 << 10;
/// Address space into which a memory may grow before it has to move, when it is tight.
const TIGHT_GROWTH_BYTES: u64 = 1 << 20;

/// What shapes native code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CodeSettings {
    /// Whether each memory gets 4 GiB of address space.
    pub(crate) wide: bool,
    /// Whether every computed NaN has the same bits.
    pub(crate) canonical_nans: bool,
    /// How guests are stopped.
    pub(crate) preemption: Method,
}

impl CodeSettings {
    /// Arguments that carry these settings to the child.
    pub(crate) fn arguments(self) -> Vec<OsString> {
        let mut arguments = Vec::new();
        if !self.wide {
            arguments.push("--tight".into());
        }
        if self.canonical_nans {
            arguments.push("--canonical-nans".into());
        }
        if self.preemption == Method::Epochs {
            arguments.push("--epochs".into());
        }
        arguments
    }

    /// Takes over one argument; false if it is not one of these.
    pub(crate) fn accept(&mut self, argument: &OsStr) -> bool {
        match argument.to_str() {
            Some("--tight") => self.wide = false,
            Some("--canonical-nans") => self.canonical_nans = true,
            Some("--epochs") => self.preemption = Method::Epochs,
            _ => return false,
        }
        true
    }

    /// The part of Wasmtime's configuration on which native code depends.
    pub(crate) fn config(self) -> Config {
        let mut config = Config::new();
        config.wasm_features(WasmFeatures::all(), false);
        config.wasm_features(features(), true);
        config.max_wasm_stack(WASM_STACK_BYTES);
        config.async_stack_size(STACK_BYTES);
        config.async_stack_zeroing(false);
        // One may be that of an added function, which is not shown.
        config.wasm_backtrace_max_frames(NonZeroUsize::new(BACKTRACE_FRAMES_MAX + 1));
        config.generate_address_map(true);
        config.concurrency_support(false);
        // References to host objects are always null here, but WebAssembly 2.0 has their types.
        config.collector(Collector::Null);
        if !self.wide {
            config.memory_reservation(0);
            config.memory_guard_size(TIGHT_GUARD_BYTES);
            config.memory_reservation_for_growth(TIGHT_GROWTH_BYTES);
        }
        self.preemption.configure(&mut config);
        config
    }

    /// The configuration for compiling.
    pub(crate) fn compiler_config(self) -> Config {
        let mut config = self.config();
        config.enable_compiler(true);
        config.cranelift_opt_level(wasmtime::OptLevel::Speed);
        config.cranelift_nan_canonicalization(self.canonical_nans);
        config
    }

    /// A text that differs whenever native code of one process could not run in another.
    pub(crate) fn fingerprint(self) -> String {
        format!(
            "thimble {} source {SOURCE_VERSION} wasmtime {WASMTIME_VERSION} {} wide={} nans={} cpu={}",
            env!("CARGO_PKG_VERSION"),
            self.preemption.name(),
            self.wide,
            self.canonical_nans,
            processor_features(),
        )
    }
}

/// Which additions (`source`) the compiled module has; another number whenever they change.
const SOURCE_VERSION: u32 = 2;

/// As pinned in the manifest.
const WASMTIME_VERSION: &str = "48.0.8";

/// WebAssembly 2.0 with tail calls, extended constant expressions and custom page sizes.
fn features() -> WasmFeatures {
    WasmFeatures::WASM2
        | WasmFeatures::TAIL_CALL
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::CUSTOM_PAGE_SIZES
}

/// The processor's extensions that the compiler uses. If one is missed here, Wasmtime still refuses
/// code that this processor cannot run.
#[cfg(target_arch = "x86_64")]
fn processor_features() -> String {
    macro_rules! present {
        ($($name:tt),*) => {{
            let mut text = String::from("x86_64");
            $( if std::arch::is_x86_feature_detected!($name) { text.push(' '); text.push_str($name); } )*
            text
        }};
    }
    present!(
        "sse3",
        "ssse3",
        "sse4.1",
        "sse4.2",
        "popcnt",
        "avx",
        "avx2",
        "fma",
        "bmi1",
        "bmi2",
        "lzcnt",
        "cmpxchg16b",
        "avx512bitalg",
        "avx512dq",
        "avx512f",
        "avx512vbmi",
        "avx512vl"
    )
}

/// As above.
#[cfg(target_arch = "aarch64")]
fn processor_features() -> String {
    macro_rules! present {
        ($($name:tt),*) => {{
            let mut text = String::from("aarch64");
            $( if std::arch::is_aarch64_feature_detected!($name) { text.push(' '); text.push_str($name); } )*
            text
        }};
    }
    present!("lse", "paca", "pacg", "fp16", "bti", "dotprod")
}

/// As above.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn processor_features() -> String {
    std::env::consts::ARCH.into()
}
