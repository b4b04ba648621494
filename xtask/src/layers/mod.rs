//! Which crate may depend on which: the map of docs/architecture.md, checked.
//!
//! The rules and the checking are pure; reading manifests and sources happens here.

mod rules;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use self::rules::{Crate, Edge, EdgeKind};
use crate::metadata::{Metadata, Package};
use crate::workspace::Workspace;

/// Checks our crates and the edges between them.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let metadata = Metadata::of_members(workspace)?;
    let crates = metadata
        .members()
        .map(|package| read(package, &metadata))
        .collect::<Result<Vec<Crate>>>()?;
    let complaints = rules::complaints(&crates);
    if !complaints.is_empty() {
        bail!(
            "the crates are not as docs/architecture.md draws them:\n  {}",
            complaints.join("\n  ")
        );
    }
    let edges: usize = crates.iter().map(|package| package.edges.len()).sum();
    println!(
        "{} crates and {} edges between them are as drawn",
        crates.len(),
        edges
    );
    Ok(())
}

fn read(package: &Package, metadata: &Metadata) -> Result<Crate> {
    let folder = package
        .manifest_path
        .parent()
        .context("a manifest without a folder")?;
    let edges = package
        .dependencies
        .iter()
        // Also what lies outside the workspace: a path is ours wherever it leads.
        .filter(|dependency| dependency.path.is_some() || metadata.has_member(&dependency.name))
        .map(|dependency| Edge {
            to: dependency.name.clone(),
            kind: match dependency.kind.as_deref() {
                Some("dev") => EdgeKind::Dev,
                _ => EdgeKind::Linked,
            },
        })
        .collect();
    Ok(Crate {
        name: package.name.clone(),
        edges,
        attributes: crate_attributes(&folder.join("src/lib.rs"))?,
    })
}

/// The inner attributes of a library's root, one a line, without spaces; none if there is no library.
fn crate_attributes(path: &Path) -> Result<Option<Vec<String>>> {
    if !path.is_file() {
        return Ok(None);
    }
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let attributes = text
        .lines()
        .map(str::trim)
        .filter(|line| line.starts_with("#!["))
        .map(|line| {
            line.split_once("//")
                .map_or(line, |(code, _)| code)
                .split_whitespace()
                .collect()
        })
        .collect();
    Ok(Some(attributes))
}
