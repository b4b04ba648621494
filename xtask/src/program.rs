//! The program `thimble`, built as it is shipped.

use std::path::PathBuf;

use anyhow::Result;

use crate::process;
use crate::workspace::Workspace;

/// A program at a fixed address, with everything in it, starts in half the time of one that the dynamic loader
/// has to relocate first. Only the program itself is linked so: compiler plug-ins cannot be.
const STATIC: [&str; 2] = ["-Crelocation-model=static", "-Ctarget-feature=+crt-static"];

/// Builds it; its path.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf> {
    let mut command = workspace.cargo("rustc");
    command.args([
        "--quiet",
        "--release",
        "--package",
        "thimble-cli",
        "--bin",
        "thimble",
    ]);
    if cfg!(all(target_arch = "x86_64", target_env = "gnu")) {
        command.arg("--").args(STATIC);
    }
    process::run(&mut command)?;
    Ok(workspace.target.join("release/thimble"))
}
