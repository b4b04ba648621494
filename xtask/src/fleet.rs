//! `cargo xtask bench fleet`: starting the programs that measure hubs and rollouts.

use std::ffi::OsString;
use std::process::Command;

use anyhow::{Result, bail};
use pico_args::Arguments;

use crate::process;
use crate::workspace::Workspace;

/// The package that loads a hub from outside, and its figures.
const LOAD: &str = "thimble-tests-fleet";
const LOAD_FIGURES: [&str; 5] = ["polls", "idle", "enrolments", "map", "plan"];
/// The figure of a rollout inside a hub, which is an example of the hub.
const ROLLOUT: &str = "rollout";
const ROLLOUT_PACKAGE: &str = "thimble-hub";
const ROLLOUT_EXAMPLE: &str = "rollout_100k";
/// The figures of the hub's store on both databases, an example of it: only told, and only when asked for.
const STORE: &str = "store";
const STORE_PACKAGE: &str = "thimble-hub-store";
const STORE_EXAMPLE: &str = "fleet_figures";

/// What is measured.
struct Wish {
    options: Vec<&'static str>,
    load: Vec<String>,
    has_rollout: bool,
    has_store: bool,
}

impl Wish {
    /// Everything that has a budget.
    fn all(options: Vec<&'static str>) -> Self {
        Self {
            options,
            load: LOAD_FIGURES.map(str::to_owned).to_vec(),
            has_rollout: true,
            has_store: false,
        }
    }

    fn read(mut arguments: Arguments) -> Result<Self> {
        let mut options = Vec::new();
        for option in ["--smoke", "--json"] {
            if arguments.contains(option) {
                options.push(option);
            }
        }
        let words = arguments.finish();
        if words.is_empty() {
            return Ok(Self::all(options));
        }
        let mut wish = Self {
            load: Vec::new(),
            has_rollout: false,
            ..Self::all(options)
        };
        for word in words {
            let name = word.to_string_lossy();
            match &*name {
                ROLLOUT => wish.has_rollout = true,
                STORE => wish.has_store = true,
                name if LOAD_FIGURES.contains(&name) => wish.load.push(name.to_owned()),
                name => bail!(
                    "`bench fleet` has no figure or option `{name}`: there are {}, {ROLLOUT}, {STORE}, --smoke and --json",
                    LOAD_FIGURES.join(", ")
                ),
            }
        }
        Ok(wish)
    }
}

/// Measures with these arguments, which follow `bench fleet`; a missed budget does not keep the other figures from being
/// measured.
pub(crate) fn measure(workspace: &Workspace, arguments: &[OsString]) -> Result<()> {
    let wish = Wish::read(Arguments::from_vec(arguments.to_vec()))?;
    let mut results = Vec::new();
    if !wish.load.is_empty() {
        let mut command = release(workspace, &["--package", LOAD]);
        command.arg("load").args(&wish.options).args(&wish.load);
        results.push(process::run(&mut command));
    }
    if wish.has_rollout {
        let example = ["--package", ROLLOUT_PACKAGE, "--example", ROLLOUT_EXAMPLE];
        results.push(process::run(
            release(workspace, &example).args(&wish.options),
        ));
    }
    if wish.has_store {
        let example = ["--package", STORE_PACKAGE, "--example", STORE_EXAMPLE];
        results.push(process::run(&mut release(workspace, &example)));
    }
    results.into_iter().collect()
}

/// Runs all that measures, tiny, as it was built with the tests: only to see that it runs.
pub(crate) fn smoke(workspace: &Workspace) -> Result<()> {
    let built = workspace.target.join("debug");
    process::run(Command::new(built.join(LOAD)).args(["load", "--smoke"]))?;
    process::run(Command::new(built.join("examples").join(ROLLOUT_EXAMPLE)).arg("--smoke"))
}

fn release(workspace: &Workspace, what: &[&str]) -> Command {
    let mut command = workspace.cargo("run");
    command.args(["--quiet", "--release"]).args(what).arg("--");
    command
}
