//! What cargo knows about our packages and everything below them.
//!
//! Reads only the few fields that the checks need; cargo keeps them stable.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::process;
use crate::workspace::Workspace;

/// The answer of `cargo metadata`.
#[derive(Deserialize)]
pub(crate) struct Metadata {
    /// Our packages first asked for, or all of the tree.
    pub(crate) packages: Vec<Package>,
    /// The ids of our own packages.
    pub(crate) workspace_members: BTreeSet<String>,
}

/// One package.
#[derive(Deserialize)]
pub(crate) struct Package {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) manifest_path: PathBuf,
    /// SPDX expression, as the package's author wrote it.
    pub(crate) license: Option<String>,
    pub(crate) license_file: Option<PathBuf>,
    pub(crate) dependencies: Vec<Dependency>,
}

/// One line of a package's manifest.
#[derive(Deserialize)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// The version asked for; `*` if none.
    pub(crate) req: String,
    /// `None` for an ordinary one, else `dev` or `build`.
    pub(crate) kind: Option<String>,
    /// Where it lies, if it is one of ours.
    pub(crate) path: Option<PathBuf>,
}

impl Metadata {
    /// Our own packages only; fast, and needs no network.
    pub(crate) fn of_members(workspace: &Workspace) -> Result<Self> {
        Self::ask(workspace, &["--no-deps"])
    }

    /// Our packages and all that they depend on.
    pub(crate) fn of_tree(workspace: &Workspace) -> Result<Self> {
        Self::ask(workspace, &[])
    }

    /// The same of firmware, which is a workspace of its own.
    pub(crate) fn of_firmware(workspace: &Workspace) -> Result<Self> {
        Self::ask(workspace, &["--manifest-path", "firmware/Cargo.toml"])
    }

    /// Our own packages.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages
            .iter()
            .filter(|package| self.workspace_members.contains(&package.id))
    }

    /// Whether one of our packages has this name.
    pub(crate) fn has_member(&self, name: &str) -> bool {
        self.members().any(|package| package.name == name)
    }

    fn ask(workspace: &Workspace, arguments: &[&str]) -> Result<Self> {
        let mut command = workspace.cargo("metadata");
        command
            .args(["--quiet", "--format-version", "1"])
            .args(arguments);
        let json = process::capture(&mut command)?;
        serde_json::from_str(&json).context("cargo metadata gave an answer that cannot be read")
    }
}
