//! The command line.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use pico_args::Arguments;

use crate::figure::Figure;

/// What was asked for.
pub(crate) struct Options {
    /// Everything tiny: only to see that it runs.
    pub(crate) smoke: bool,
    /// One JSON object a line instead of tables.
    pub(crate) json: bool,
    /// A missed budget is a failure.
    pub(crate) enforce: bool,
    /// The sources of wasm3, to compare with.
    pub(crate) wasm3: Option<PathBuf>,
    only: Vec<String>,
    thimble: Option<PathBuf>,
    /// Where cargo builds: guests and what is made here lie below it.
    target: PathBuf,
    /// Where this program and the command `thimble` lie that were built alike.
    programs: PathBuf,
}

impl Options {
    /// Reads the arguments; `None` if help was asked for.
    pub(crate) fn parse(arguments: Vec<OsString>, figures: &[&str]) -> Result<Option<Self>> {
        let mut arguments = Arguments::from_vec(arguments);
        if arguments.contains(["-h", "--help"]) {
            return Ok(None);
        }
        let program = std::env::current_exe().context("cannot find this program's own file")?;
        let programs = program.parent().context("this program lies in no folder")?;
        let mut options = Self {
            smoke: arguments.contains("--smoke"),
            json: arguments.contains("--json"),
            enforce: arguments.contains("--enforce"),
            wasm3: arguments.opt_value_from_os_str("--wasm3", path)?,
            only: arguments.values_from_str("--only")?,
            thimble: arguments.opt_value_from_os_str("--thimble", path)?,
            target: programs.parent().unwrap_or(programs).to_path_buf(),
            programs: programs.to_path_buf(),
        };
        for name in arguments.finish() {
            options.only.push(name.into_string().unwrap_or_default());
        }
        if let Some(name) = options
            .only
            .iter()
            .find(|name| !figures.iter().any(|figure| is_meant(name, figure)))
        {
            bail!(
                "there is no figure `{name}`; there are {}",
                figures.join(", ")
            );
        }
        Ok(Some(options))
    }

    /// Whether a figure is to be measured.
    pub(crate) fn wants(&self, figure: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| is_meant(name, figure))
    }

    /// The number of repetitions: `full`, or `smoke` of them if it is only to be seen that it runs.
    pub(crate) fn times(&self, full: usize, smoke: usize) -> usize {
        if self.smoke { smoke } else { full }
    }

    /// The command `thimble`, if it is built.
    pub(crate) fn thimble(&self) -> Result<PathBuf, String> {
        let path = self
            .thimble
            .clone()
            .unwrap_or_else(|| self.programs.join("thimble"));
        if path.is_file() {
            return Ok(path);
        }
        Err(format!(
            "no {}: build it with `cargo xtask build`, or say --thimble PATH",
            path.display()
        ))
    }

    /// A guest that `cargo xtask guests` builds.
    pub(crate) fn guest(&self, name: &str) -> Result<PathBuf, String> {
        let path = self.target.join("guests").join(name).with_extension("wasm");
        if path.is_file() {
            Ok(path)
        } else {
            Err(format!("no {}: run `cargo xtask guests`", path.display()))
        }
    }

    /// A folder for what is made on the way.
    pub(crate) fn scratch(&self) -> Result<PathBuf> {
        let folder = self.target.join("bench");
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(folder)
    }
}

/// Whether a name is a figure's, or that of its group: `daemon` is all whose names begin with `daemon-`.
fn is_meant(name: &str, figure: &str) -> bool {
    figure
        .strip_prefix(name)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

fn path(text: &std::ffi::OsStr) -> Result<PathBuf, std::convert::Infallible> {
    Ok(Path::new(text).to_path_buf())
}

/// The help.
pub(crate) fn help(figures: &[Figure]) -> String {
    let mut text = "\
Measures what Thimble promises in numbers.

Usage: cargo xtask bench [OPTIONS] [FIGURE...]

  --smoke         everything tiny: only to see that it runs
  --only FIGURE   only this figure, or those of a group, as `daemon` (or name them without an option)
  --json          one JSON object a line
  --enforce       fail if a budget is missed
  --thimble PATH  the command to measure (default: the one beside this program)
  --wasm3 FOLDER  compare with wasm3, whose C sources are in this folder

Figures:
"
    .to_owned();
    for figure in figures {
        text.push_str(&format!("  {:15} {}\n", figure.name, figure.about));
    }
    text
}
