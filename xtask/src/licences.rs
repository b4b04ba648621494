//! Whether everything we link may be shipped: licences and versions against `deny.toml`.
//!
//! `cargo deny` does more (advisories, sources) and runs too where it is installed; this part needs only cargo.

#[cfg(test)]
mod tests;

use std::fs;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::metadata::{Metadata, Package};
use crate::process;
use crate::workspace::Workspace;

/// The part of `deny.toml` that is read here.
#[derive(Deserialize)]
struct Policy {
    licenses: Licences,
}

#[derive(Deserialize)]
struct Licences {
    allow: Vec<String>,
}

/// Checks the whole dependency tree.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let path = workspace.root.join("deny.toml");
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let allowed = toml::from_str::<Policy>(&text)
        .context("deny.toml cannot be read")?
        .licenses
        .allow;
    let trees = [
        Metadata::of_tree(workspace)?,
        Metadata::of_firmware(workspace)?,
    ];
    let mut complaints: Vec<String> = Vec::new();
    for tree in &trees {
        let packages = tree.packages.iter();
        complaints.extend(packages.filter_map(|package| licence_complaint(package, &allowed)));
        complaints.extend(tree.members().flat_map(wildcard_complaints));
    }
    if !complaints.is_empty() {
        bail!(
            "what we ship must have a licence that deny.toml allows, and a version:\n  {}\nreplace the package, or \
             change deny.toml and say why in docs/adr/",
            complaints.join("\n  ")
        );
    }
    println!(
        "{} packages have a licence that deny.toml allows",
        trees.iter().map(|tree| tree.packages.len()).sum::<usize>()
    );
    if process::find("cargo-deny").is_some() {
        return process::run(workspace.cargo("deny").args(["--all-features", "check"]));
    }
    println!("cargo-deny is not installed: advisories and sources were not checked");
    Ok(())
}

fn licence_complaint(package: &Package, allowed: &[String]) -> Option<String> {
    let Package {
        name,
        version,
        license,
        license_file,
        ..
    } = package;
    let Some(expression) = license else {
        let hint = if license_file.is_some() {
            ", only a file: read it"
        } else {
            ""
        };
        return Some(format!("{name} {version} names no licence{hint}"));
    };
    match is_allowed(expression, allowed) {
        Ok(true) => None,
        Ok(false) => Some(format!("{name} {version} is under {expression}")),
        Err(reason) => Some(format!(
            "{name} {version} is under {expression}, which cannot be read: {reason}"
        )),
    }
}

/// Whether an expression can be satisfied with allowed licences only.
fn is_allowed(expression: &str, allowed: &[String]) -> Result<bool, String> {
    // Old manifests write `MIT/Apache-2.0`.
    let parsed = spdx::Expression::parse_mode(expression, spdx::ParseMode::LAX)
        .map_err(|error| error.reason.to_string())?;
    Ok(parsed.evaluate(|requirement| allowed.contains(&requirement.to_string())))
}

fn wildcard_complaints(package: &Package) -> Vec<String> {
    let ours = |name: &str| name == "xtask" || name.starts_with("thimble");
    package
        .dependencies
        .iter()
        .filter(|dependency| {
            dependency.req == "*" && dependency.path.is_none() && !ours(&dependency.name)
        })
        .map(|dependency| {
            format!(
                "{} asks for any version of {}",
                package.name, dependency.name
            )
        })
        .collect()
}
