//! The program `thimble`, built as it is shipped.

mod elf;
mod layout;
mod linker;
mod order;
mod tour;
#[cfg(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu"))]
mod trace;
#[cfg(not(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")))]
#[path = "program/trace_absent.rs"]
mod trace;

use std::path::PathBuf;

use anyhow::{Error, Result};

use self::layout::Layout;
use crate::process;
use crate::workspace::Workspace;

/// A program at a fixed address, with everything in it, starts in half the time of one that the dynamic loader
/// has to relocate first. Only the program itself is linked so: compiler plug-ins cannot be.
const STATIC: [&str; 2] = ["-Crelocation-model=static", "-Ctarget-feature=+crt-static"];

/// Builds it, what runs lying together where the system allows it; its path.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf> {
    let program = workspace.target.join("release/thimble");
    let layout = Layout::prepare(workspace.target.join("release/layout"));
    let mut command = workspace.cargo("rustc");
    command.args([
        "--quiet",
        "--release",
        "--package",
        "thimble-cli",
        "--bin",
        "thimble",
        "--",
    ]);
    if cfg!(all(target_arch = "x86_64", target_env = "gnu")) {
        command.args(STATIC);
    }
    if let Ok(layout) = &layout {
        command.args(layout.arguments());
    }
    process::run(&mut command)?;
    if let Err(error) = layout.and_then(|layout| layout.arrange(&program)) {
        tell_it_is_larger(&error);
    }
    Ok(program)
}

/// It works all the same.
fn tell_it_is_larger(why: &Error) {
    let why = format!("{why:#}");
    let why = why.lines().next().unwrap_or_default();
    eprintln!(
        "note: thimble will take a few megabytes more memory, as its functions are not in order: {why}"
    );
}
