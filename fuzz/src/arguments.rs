//! The command line.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::targets::{TARGETS, TargetSpec};

/// The seed of `--smoke`, so that it does the same everywhere.
const SMOKE_SEED: u64 = 1;
/// Time for each target in a smoke run, and otherwise.
const SMOKE_SECONDS: u64 = 5;
const SECONDS: u64 = 60;

/// What to do.
pub(crate) enum Mode {
    /// Say how to use it.
    Help,
    /// Run targets in workers.
    Fuzz(Plan),
    /// Examine one file in this process.
    Repeat {
        /// The target.
        target: &'static TargetSpec,
        /// The input.
        file: PathBuf,
    },
    /// Be a worker.
    Work(Order),
}

/// Which targets, for how long.
pub(crate) struct Plan {
    /// The targets, in order.
    pub(crate) targets: Vec<&'static TargetSpec>,
    /// The time for each.
    pub(crate) time: Duration,
    /// What randomness begins with.
    pub(crate) seed: u64,
    /// Save inputs that did something new to the corpus.
    pub(crate) keep: bool,
}

/// What a worker does.
pub(crate) struct Order {
    /// The target.
    pub(crate) target: &'static TargetSpec,
    /// How long.
    pub(crate) time: Duration,
    /// What randomness begins with.
    pub(crate) seed: u64,
    /// Save inputs that did something new to the corpus.
    pub(crate) keep: bool,
    /// Where the input under examination is put, for when the worker dies.
    pub(crate) scratch: PathBuf,
}

/// How to use it.
pub(crate) fn help() -> String {
    let mut text = String::from(
        "cargo xtask fuzz [TARGET …] [--smoke] [--seconds N] [--seed N] [--keep] [--repeat FILE]\n\n\
         --smoke        replay the corpus, then a few seconds from a fixed seed\n\
         --seconds N    time for each target (60)\n\
         --seed N       begin with this seed instead of a new one\n\
         --keep         save inputs that did something new to fuzz/corpus\n\
         --repeat FILE  examine this file with the one TARGET given\n\nTargets:\n",
    );
    for target in TARGETS {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {:<12} {}", target.name, target.summary);
    }
    text
}

/// Reads the arguments after the program's name.
pub(crate) fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Mode, String> {
    let mut arguments = arguments.map(|argument| argument.to_string_lossy().into_owned());
    let mut targets = Vec::new();
    let (mut smoke, mut keep) = (false, false);
    let (mut seconds, mut seed, mut file, mut scratch) = (None, None, None, None);
    while let Some(argument) = arguments.next() {
        let mut value = || {
            arguments
                .next()
                .ok_or_else(|| format!("{argument} needs a value"))
        };
        match argument.as_str() {
            "--help" | "-h" => return Ok(Mode::Help),
            "--smoke" => smoke = true,
            "--keep" => keep = true,
            "--seconds" => seconds = Some(number(&value()?)?),
            "--seed" => seed = Some(number(&value()?)?),
            "--repeat" => file = Some(PathBuf::from(value()?)),
            "--worker" => scratch = Some(PathBuf::from(value()?)),
            name => targets.push(target(name)?),
        }
    }
    let time = Duration::from_secs(seconds.unwrap_or(if smoke { SMOKE_SECONDS } else { SECONDS }));
    let seed = seed.unwrap_or_else(|| if smoke { SMOKE_SEED } else { new_seed() });
    match (file, scratch, targets.as_slice()) {
        (Some(file), _, [target]) => Ok(Mode::Repeat { target, file }),
        (Some(_), _, _) => Err("--repeat needs exactly one target".into()),
        (None, Some(scratch), [target]) => Ok(Mode::Work(Order {
            target,
            time,
            seed,
            keep,
            scratch,
        })),
        (None, Some(_), _) => Err("a worker needs exactly one target".into()),
        (None, None, []) => Ok(Mode::Fuzz(Plan {
            targets: TARGETS.iter().collect(),
            time,
            seed,
            keep,
        })),
        (None, None, _) => Ok(Mode::Fuzz(Plan {
            targets,
            time,
            seed,
            keep,
        })),
    }
}

fn target(name: &str) -> Result<&'static TargetSpec, String> {
    TARGETS
        .iter()
        .find(|target| target.name == name)
        .ok_or_else(|| format!("there is no target or option `{name}`"))
}

fn number(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|_| format!("`{text}` is not a number"))
}

fn new_seed() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    since.as_secs() ^ u64::from(since.subsec_nanos()) << 20
}
