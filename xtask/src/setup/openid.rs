//! The OpenID provider that sign-in is tested against: a package of Node.js, below `target/`, by its lock file.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Missing;
use crate::process;
use crate::workspace::Workspace;

/// Where the package is named and locked.
const SOURCE: &str = "crates/hub/tests/openid";
/// Where it is installed.
const PLACE: &str = "target/openid-provider";
/// What is copied from the one to the other.
const FILES: [&str; 2] = ["package.json", "package-lock.json"];

/// Finds the provider, or gets it.
pub(super) fn provider(workspace: &Workspace) -> Result<PathBuf, Missing> {
    let place = workspace.root.join(PLACE);
    let source = workspace.root.join(SOURCE);
    if is_installed(&source, &place) {
        return Ok(place);
    }
    let missing = |how| Missing {
        what: "oidc-provider, a package of Node.js".to_owned(),
        why: "operators' sign-in is tested against a certified OpenID provider",
        packages: vec!["nodejs", "npm"],
        how,
    };
    if process::find("node").is_none() || process::find("npm").is_none() {
        return Err(missing(
            "Node.js 20 or later with npm, then `cargo xtask setup` again",
        ));
    }
    match install(&source, &place) {
        Ok(()) => Ok(place),
        Err(_) => Err(missing(
            "access to npm's packages, then `cargo xtask setup` again",
        )),
    }
}

/// What is installed is what the lock file says.
fn is_installed(source: &Path, place: &Path) -> bool {
    let is_same = FILES.iter().all(|file| {
        let here = fs::read(place.join(file));
        here.is_ok() && here.ok() == fs::read(source.join(file)).ok()
    });
    is_same
        && place
            .join("node_modules/oidc-provider/package.json")
            .is_file()
}

fn install(source: &Path, place: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(place)?;
    for file in FILES {
        fs::copy(source.join(file), place.join(file))?;
    }
    println!("installing oidc-provider");
    let mut command = Command::new("npm");
    command
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(place);
    process::capture(&mut command)?;
    Ok(())
}
