//! Where the repository and its build products lie, and a cargo that starts from there.
//!
//! Invariant: every path is absolute. Never reads the current directory, so that a command means the same from
//! any folder of the repository.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

/// The repository and its target folder.
pub(crate) struct Workspace {
    /// The repository's root.
    pub(crate) root: PathBuf,
    /// Where cargo builds: `CARGO_TARGET_DIR` or `target`.
    pub(crate) target: PathBuf,
}

impl Workspace {
    /// Finds the repository from where xtask was built, and the target folder from the environment.
    pub(crate) fn locate() -> Result<Self> {
        let manifest_dir = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = manifest_dir
            .parent()
            .context("xtask lies in no repository; run it as `cargo xtask`")?
            .to_owned();
        let target = match env::var_os("CARGO_TARGET_DIR") {
            Some(dir) => std::path::absolute(PathBuf::from(dir))
                .context("CARGO_TARGET_DIR is not a usable path")?,
            None => root.join("target"),
        };
        Ok(Self { root, target })
    }

    /// Where the guests are built: `<target>/guests`.
    pub(crate) fn guests(&self) -> PathBuf {
        self.target.join("guests")
    }

    /// A path as a person would write it: relative to the repository where it can be.
    pub(crate) fn short<'a>(&self, path: &'a Path) -> std::path::Display<'a> {
        path.strip_prefix(&self.root).unwrap_or(path).display()
    }

    /// The project's own cargo, started in the repository's root.
    pub(crate) fn cargo(&self, subcommand: &str) -> Command {
        let mut command = Command::new("cargo");
        self.inherit(&mut command);
        command.arg(subcommand);
        command
    }

    /// Gives a command the repository as its folder and an environment without what `cargo run` added for xtask
    /// itself: build scripts and tests must not take xtask's package for theirs.
    pub(crate) fn inherit(&self, command: &mut Command) {
        command
            .current_dir(&self.root)
            .env("CARGO_TARGET_DIR", &self.target);
        for (name, _) in env::vars_os() {
            let ours = name.to_str().is_some_and(|name| {
                name == "CARGO"
                    || name == "OUT_DIR"
                    || name.starts_with("CARGO_PKG_")
                    || name.starts_with("CARGO_MANIFEST_")
            });
            if ours {
                command.env_remove(name);
            }
        }
    }
}
