//! The crates with unsafe code, under AddressSanitizer.
//!
//! The compiler's own runtime for it comes with rustup's toolchain; without it this is skipped, and says so.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::metadata::Metadata;
use crate::process;
use crate::report::Tally;
use crate::test;
use crate::workspace::Workspace;

/// Which of our packages may have unsafe code (docs/style.md, rule 8).
const UNSAFE_PREFIXES: [&str; 3] = ["thimble-engine-", "thimble-port-", "thimble-capi"];

/// Optimized, wasmi's instructions call each other in tail position, which instrumented code cannot; below
/// level 2 it dispatches in a loop.
const PORTABLE_DISPATCH: [&str; 2] = ["--config", "profile.dev.package.wasmi.opt-level=1"];

/// Tests those packages, or says why not.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let metadata = Metadata::of_members(workspace)?;
    let packages: Vec<&str> = metadata
        .members()
        .map(|package| package.name.as_str())
        .filter(|name| {
            UNSAFE_PREFIXES
                .iter()
                .any(|prefix| name.starts_with(prefix))
        })
        .collect();
    if packages.is_empty() {
        println!("SKIPPED AddressSanitizer: no crate with unsafe code is in the workspace yet");
        return Ok(());
    }
    let Some(host) = host_with_runtime() else {
        println!(
            "SKIPPED AddressSanitizer: the Rust toolchain in use has no runtime for it; rustup's has one on \
             x86-64 and AArch64 Linux"
        );
        return Ok(());
    };
    let mut command = workspace.cargo("test");
    command
        // A released compiler takes the option too, when told so; the code is then the code that we ship.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", "-Zsanitizer=address")
        .env("RUSTDOCFLAGS", "-Zsanitizer=address")
        // Nothing that ends with the process is lost, and engines keep such things.
        .env("ASAN_OPTIONS", "detect_leaks=0")
        .env("CARGO_TARGET_DIR", workspace.target.join("asan"))
        .args(PORTABLE_DISPATCH)
        .args([
            "--no-fail-fast",
            "--lib",
            "--bins",
            "--tests",
            "--target",
            &host,
        ]);
    for package in &packages {
        command.args(["--package", package]);
    }
    let mut tally = Tally::default();
    test::stream(&mut command, &mut tally)?;
    if tally.failed > 0 {
        bail!("{} tests failed under AddressSanitizer", tally.failed);
    }
    println!(
        "AddressSanitizer found nothing in {} tests of {}",
        tally.passed,
        packages.join(", ")
    );
    Ok(())
}

/// This machine's triple, if the compiler has the sanitizer's runtime for it.
fn host_with_runtime() -> Option<String> {
    let version = process::capture(Command::new("rustc").arg("-vV")).ok()?;
    let host = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))?
        .to_owned();
    let folder = process::capture(Command::new("rustc").args(["--print", "target-libdir"])).ok()?;
    let has_runtime = Path::new(folder.trim())
        .read_dir()
        .ok()?
        .flatten()
        .any(|file| {
            let name = file.file_name().to_string_lossy().into_owned();
            name.starts_with("librustc") && name.ends_with("_rt.asan.a")
        });
    has_runtime.then_some(host)
}
