//! `cargo xtask qemu BOARD --run FILE [ARG…]`: one guest, as a container on a board, until it ends.

use std::convert::Infallible;
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;

use anyhow::{Context, Result, bail};

use super::Device;
use crate::process;
use crate::workspace::Workspace;

/// The package that operates boards.
pub(super) const OPERATOR: &str = "thimble-tests-boards";

/// What stands before the guest and its arguments.
const RUN: &str = "--run";

/// The arguments before and after `--run`, if it is there.
pub(crate) fn split(arguments: &[OsString]) -> Option<(&[OsString], &[OsString])> {
    let place = arguments.iter().position(|argument| argument == RUN)?;
    let (options, rest) = arguments.split_at_checked(place)?;
    Some((options, rest.get(1..).unwrap_or_default()))
}

/// Builds the board's firmware, and becomes the program that installs the guest there, runs it, and ends as it ends.
pub(crate) fn run(
    workspace: &Workspace,
    options: &[OsString],
    guest: &[OsString],
) -> Result<Infallible> {
    let Some((board, options)) = options.split_first() else {
        bail!("`qemu` needs a board: `cargo xtask qemu mps2-an386 --run FILE`");
    };
    let Some((file, words)) = guest.split_first() else {
        bail!("`--run` needs a guest: a .wasm file");
    };
    let name = board.to_str().context("a board's name is UTF-8")?;
    let device = Device::named(name)?;
    if device.emulator.is_none() {
        bail!("nobody plays {name}; it needs the real board");
    }
    device.build(workspace)?;
    let mut command = workspace.cargo("run");
    command
        .args([
            "--quiet",
            "--package",
            OPERATOR,
            "--",
            "run",
            "--board",
            name,
        ])
        .args(options)
        // The operator is started elsewhere.
        .arg(std::path::absolute(file)?)
        .args(words);
    let error = command.exec();
    Err(error).with_context(|| format!("cannot start `{}`", process::line(&command)))
}
