//! Everything that must pass, with the count of tests as the last line.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::bare;
use crate::firmware;
use crate::generate;
use crate::guests::{self, WithoutGo};
use crate::launch;
use crate::layers;
use crate::process;
use crate::report::{Report, Tally};
use crate::setup::{self, Need};
use crate::workspace::Workspace;

/// Takes every step; a failed one does not hide the next.
pub(crate) fn run(workspace: &Workspace, report: &mut Report) {
    if report
        .step("setup", || setup::prepare(workspace, Need::ALL))
        .is_none()
    {
        return;
    }
    let has_guests = report
        .step("guests", || guests::build(workspace, &[], WithoutGo::Fail))
        .is_some();
    let is_built = report.step("build", || build(workspace)).is_some();
    // The tests of boards run what was built here.
    report.step("devices", || firmware::Device::build_all(workspace));
    // Without the guests or a build there would only be the same complaint again, a hundred times.
    if has_guests && is_built {
        report.counting_step("tests", |tally| tests(workspace, tally));
    }
    report.step("layers", || layers::check(workspace));
    report.step("bare", || bare::build(workspace));
    report.step("firmware", || firmware::smoke(workspace));
    if has_guests && is_built {
        report.step("bench device", || firmware::smoke_device(workspace));
    }
    report.step("gen --check", || {
        generate::run(workspace, generate::Mode::Check)
    });
    if is_built {
        report.step("smoke", || launch::smoke(workspace));
    }
}

/// Builds everything that the tests need, all of it ours.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    process::run(
        workspace
            .cargo("build")
            .args(["--quiet", "--workspace", "--all-targets"]),
    )
}

fn tests(workspace: &Workspace, tally: &mut Tally) -> Result<()> {
    let mut command = workspace.cargo("test");
    command.args(["--workspace", "--no-fail-fast"]);
    stream(&mut command, tally)
}

/// Runs a command that runs tests: its output goes through as it comes, and its results are counted.
pub(crate) fn stream(command: &mut Command, tally: &mut Tally) -> Result<()> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{}`", process::line(command)))?;
    let pipe = child
        .stdout
        .take()
        .context("the tests' output cannot be read")?;
    let mut output = BufReader::new(pipe);
    let mut stdout = io::stdout();
    let mut line = Vec::new();
    // A test may print any bytes at all.
    while output.read_until(b'\n', &mut line)? > 0 {
        stdout.write_all(&line)?;
        stdout.flush()?;
        tally.observe(&String::from_utf8_lossy(&line));
        line.clear();
    }
    let status = child.wait()?;
    if !status.success() {
        bail!(
            "`{}` failed ({status}); the failures are above",
            process::line(command)
        );
    }
    Ok(())
}
