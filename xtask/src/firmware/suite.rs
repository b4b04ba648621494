//! `cargo xtask suite mcu`: the official test suite of WebAssembly on microcontrollers that QEMU plays.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::{Board, Firmware};
use crate::process;
use crate::workspace::Workspace;

/// Tells the firmware's build where the recorded suite is.
pub(super) const STREAM: &str = "THIMBLE_MCU_SUITE";

/// Where the engine's own test leaves what it recorded.
pub(super) fn stream(workspace: &Workspace) -> PathBuf {
    workspace.target.join("tmp/suite.bin")
}

/// Records the suite, by testing it on this machine, and executes it on each board.
pub(crate) fn replay(workspace: &Workspace, boards: &[&Board]) -> Result<()> {
    let mut record = workspace.cargo("test");
    record.args([
        "--quiet",
        "--package",
        "thimble-engine-inplace",
        "--test",
        "suite",
    ]);
    process::run(&mut record)?;
    boards
        .iter()
        .try_for_each(|board| execute(workspace, board))
}

/// Executes the suite that was recorded on a board.
pub(super) fn execute(workspace: &Workspace, board: &Board) -> Result<()> {
    super::build(workspace, board, &[Firmware::SUITE])?;
    let said = super::run(workspace, board, &Firmware::SUITE, &[])?;
    let text =
        fs::read_to_string(&said).with_context(|| format!("cannot read {}", said.display()))?;
    for line in text.lines() {
        println!("{}: {line}", board.name);
    }
    Ok(())
}
