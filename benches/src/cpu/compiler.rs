//! Compiles the kernels, and other C, with clang.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

/// Flags for WebAssembly: what any current toolchain gives without being asked.
const WASM_FLAGS: &[&str] = &[
    "--target=wasm32",
    "-O2",
    "-mbulk-memory",
    "-nostdlib",
    "-Wl,--no-entry",
    "-Wl,--strip-all",
    "-Wl,-z,stack-size=8192",
    "-Wl,--initial-memory=131072",
];

/// Flags for native code. A square root never sets `errno`, as in WebAssembly.
const NATIVE_FLAGS: &[&str] = &["-fno-math-errno", "-fvisibility=hidden", "-shared", "-fPIC"];

/// The kernels, built.
pub(crate) struct Kernels {
    /// Native, with -O3.
    pub(crate) native_o3: PathBuf,
    /// Native, with -O2.
    pub(crate) native_o2: PathBuf,
    /// WebAssembly.
    pub(crate) wasm: Vec<u8>,
    /// The compiler that made them.
    pub(crate) compiler: &'static str,
}

/// The C compiler that is here: clang, which also makes WebAssembly.
pub(crate) fn find() -> Result<&'static str> {
    let works = |program: &&str| {
        Command::new(program)
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    };
    ["clang-19", "clang"]
        .into_iter()
        .find(works)
        .context("no clang: `cargo xtask setup` installs one")
}

/// Runs a compiler.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("cannot run {command:?}"))?;
    if !status.success() {
        bail!("{command:?} ended with {status}");
    }
    Ok(())
}

/// Builds the kernels.
pub(crate) fn kernels(scratch: &Path, smoke: bool) -> Result<Kernels> {
    let compiler = find()?;
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/guests/kernels.c");
    let build = |name: &str, flags: &[&str]| -> Result<PathBuf> {
        let output = scratch.join(name);
        let mut command = Command::new(compiler);
        command
            .args(flags)
            .args(smoke.then_some("-DSMOKE"))
            .arg("-o")
            .arg(&output)
            .arg(source);
        run(&mut command)?;
        Ok(output)
    };
    let native = |name: &str, level: &'static str| build(name, &[&[level], NATIVE_FLAGS].concat());
    let wasm = build("kernels.wasm", WASM_FLAGS)?;
    Ok(Kernels {
        native_o3: native("kernels-o3.so", "-O3")?,
        native_o2: native("kernels-o2.so", "-O2")?,
        wasm: std::fs::read(wasm)?,
        compiler,
    })
}
