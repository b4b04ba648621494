//! The core crates without std, for microcontrollers: what would not link there must fail here.

use std::time::Instant;

use anyhow::{Result, bail};

use crate::metadata::Metadata;
use crate::process;
use crate::setup::{self, BARE_TARGETS, Need};
use crate::workspace::Workspace;

/// What a microcontroller runs; each must build with its default features off.
const PACKAGES: [&str; 11] = [
    "thimble-abi",
    "thimble-image",
    "thimble-runtime",
    "thimble-engine-wasmi",
    "thimble-engine-inplace",
    "thimble-protocol",
    "thimble-agent",
    "thimble-rollout",
    "thimble-serial",
    "thimble-port-mcu",
    "thimble-supervisor",
];

/// Builds each package for each target.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    let metadata = Metadata::of_members(workspace)?;
    let (packages, absent): (Vec<&str>, Vec<&str>) = PACKAGES
        .into_iter()
        .partition(|package| metadata.has_member(package));
    if !absent.is_empty() {
        println!("not in the workspace yet: {}", absent.join(", "));
    }
    if packages.is_empty() {
        bail!(
            "none of {} is in the workspace; there is nothing to build",
            PACKAGES.join(", ")
        );
    }
    let toolbox = setup::prepare(workspace, Need::BARE)?;
    for triple in BARE_TARGETS {
        let begin = Instant::now();
        let mut command = toolbox.rust(triple)?.cargo(workspace, "build");
        command.args(["--quiet", "--no-default-features"]);
        for package in &packages {
            command.args(["--package", package]);
        }
        process::run(&mut command)?;
        println!(
            "{triple}: {} in {:.1} s",
            packages.join(", "),
            begin.elapsed().as_secs_f64()
        );
    }
    Ok(())
}
