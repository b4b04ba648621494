//! `cargo xtask bench`, `fuzz` and `sim fleet`: starting the programs that do it, built for speed.

use std::ffi::OsString;
use std::process::Command;

use anyhow::{Result, bail};

use crate::fleet as hub_load;
use crate::metadata::Metadata;
use crate::process;
use crate::program;
use crate::workspace::Workspace;

const BENCH: &str = "thimble-bench";
const FUZZ: &str = "thimble-fuzz";
const FLEET: &str = "thimble-tests-fleet-sim";

/// Measures against `benches/budgets.toml`: the program as it is shipped, unless another one is named.
pub(crate) fn bench(workspace: &Workspace, arguments: &[OsString]) -> Result<()> {
    let needs_no_other = |argument: &OsString| {
        let argument = argument.to_string_lossy();
        argument == "--thimble" || argument.starts_with("--thimble=") || argument == "--smoke"
    };
    if !arguments.iter().any(needs_no_other) {
        program::build(workspace)?;
    }
    launch(workspace, BENCH, Built::ForSpeed, arguments)
}

/// Feeds the decoders what nobody would send.
pub(crate) fn fuzz(workspace: &Workspace, arguments: &[OsString]) -> Result<()> {
    launch(workspace, FUZZ, Built::ForSpeed, arguments)
}

/// Plays fleets.
pub(crate) fn fleet(workspace: &Workspace, arguments: &[OsString]) -> Result<()> {
    launch(workspace, FLEET, Built::ForSpeed, arguments)
}

/// A short run of both, where they exist; says so where they do not.
pub(crate) fn smoke(workspace: &Workspace) -> Result<()> {
    let metadata = Metadata::of_members(workspace)?;
    for package in [FUZZ, BENCH] {
        match metadata.has_member(package) {
            // Every target of the one, the comparison of the engines included: from a fixed seed, so that
            // what it finds is something that changed.
            true => run(workspace, package, Built::WithTheTests, &["--smoke".into()])?,
            false => println!("skipped: there is no {package} in the workspace yet"),
        }
    }
    hub_load::smoke(workspace)
}

/// Which build of a program to run.
#[derive(Clone, Copy)]
enum Built {
    ForSpeed,
    /// The tests have just built this one, and a smoke run measures nothing.
    WithTheTests,
}

fn launch(
    workspace: &Workspace,
    package: &str,
    built: Built,
    arguments: &[OsString],
) -> Result<()> {
    if !Metadata::of_members(workspace)?.has_member(package) {
        bail!("there is no package `{package}` in the workspace yet, so there is nothing to run");
    }
    run(workspace, package, built, arguments)
}

fn run(workspace: &Workspace, package: &str, built: Built, arguments: &[OsString]) -> Result<()> {
    let mut command = match built {
        Built::ForSpeed => {
            let mut command = workspace.cargo("run");
            command.args(["--quiet", "--release", "--package", package, "--"]);
            command
        }
        // Not by Cargo: asked for one package, it would choose other features of what that depends on than for
        // all of them together, and build most of it again.
        Built::WithTheTests => Command::new(workspace.target.join("debug").join(package)),
    };
    process::run(command.args(arguments))
}
