//! Runs each target in a worker process, and says what became of it.

use std::fs;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus};
use std::time::{Duration, Instant};

use crate::arguments::Plan;
use crate::finding::{self, Violation};
use crate::targets::TargetSpec;
use crate::watchdog::EXIT_HUNG;
use crate::worker::EXIT_FOUND;

/// Workers of one target that may die before it is given up.
const DEATHS_MAX: u64 = 8;

/// Runs the plan. Fails if anything was found.
pub(crate) fn run(plan: &Plan) -> ExitCode {
    let mut found = false;
    for target in &plan.targets {
        match supervise(target, plan) {
            Ok(of_target) => found |= of_target,
            Err(error) => {
                eprintln!("{}: {error}", target.name);
                found = true;
            }
        }
    }
    if found {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    }
}

/// Runs one target for its time; whether anything was found.
fn supervise(target: &TargetSpec, plan: &Plan) -> io::Result<bool> {
    let scratch = tempfile::NamedTempFile::new()?;
    let begin = Instant::now();
    let mut found = false;
    for death in 0..DEATHS_MAX {
        let left = plan.time.saturating_sub(begin.elapsed());
        if death > 0 && left < Duration::from_secs(1) {
            break;
        }
        let seed = plan.seed.wrapping_add(death);
        let status = work(target, plan, seed, left, scratch.path())?;
        let Some(violation) = death_of(status) else {
            found |= status.code() == Some(i32::from(EXIT_FOUND));
            break;
        };
        found = true;
        finding::report(target.name, seed, &violation, &fs::read(scratch.path())?)?;
    }
    Ok(found)
}

fn work(
    target: &TargetSpec,
    plan: &Plan,
    seed: u64,
    time: Duration,
    scratch: &Path,
) -> io::Result<ExitStatus> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg(target.name).arg("--worker").arg(scratch);
    command.args(["--seed", &seed.to_string()]);
    command.args(["--seconds", &time.as_secs().max(1).to_string()]);
    if plan.keep {
        command.arg("--keep");
    }
    command.status()
}

/// How a worker died, if it did.
fn death_of(status: ExitStatus) -> Option<Violation> {
    let words = "the worker process ended while it examined this input";
    match (status.code(), status.signal()) {
        (Some(0), _) => None,
        (Some(code), _) if code == i32::from(EXIT_FOUND) => None,
        (Some(code), _) if code == i32::from(EXIT_HUNG) => Some(Violation::new("hangs", words)),
        (Some(code), _) => Some(Violation::new(format!("exits with {code}"), words)),
        (None, signal) => Some(Violation::new(
            format!("dies of signal {}", signal.unwrap_or(0)),
            words,
        )),
    }
}
