//! What a reviewer should not have to say: formatting, clippy, licences.

use anyhow::{Context, Result};

use crate::licences;
use crate::process;
use crate::report::Report;
use crate::setup::{self, Need};
use crate::workspace::Workspace;

/// The workspace of what is built for other targets.
const FIRMWARE: &str = "firmware/Cargo.toml";

/// Runs every lint, whatever the others say.
pub(crate) fn run(workspace: &Workspace, report: &mut Report) {
    report.step("tools", || setup::prepare(workspace, Need::LINT).map(drop));
    report.step("fmt", || format(workspace));
    report.step("clippy", || clippy(workspace));
    report.step("licences", || licences::check(workspace));
}

fn format(workspace: &Workspace) -> Result<()> {
    process::run(workspace.cargo("fmt").args(["--all", "--check"]))
        .context("the formatting differs; `cargo fmt --all` mends it")?;
    let firmware = ["--all", "--check", "--manifest-path", FIRMWARE];
    process::run(workspace.cargo("fmt").args(firmware)).context(
        "the formatting differs; `cargo fmt --all --manifest-path firmware/Cargo.toml` mends it",
    )
}

fn clippy(workspace: &Workspace) -> Result<()> {
    let mut command = workspace.cargo("clippy");
    process::run(command.args([
        "--quiet",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))
}
