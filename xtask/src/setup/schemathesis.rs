//! The judge of the operators' interface: Schemathesis, in a virtual environment of Python below `target/`, with everything
//! that it needs as its list names it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Missing;
use crate::process;
use crate::workspace::Workspace;

/// What is installed, each with its version.
const SOURCE: &str = "tests/fleet/tests/whole/schemathesis.txt";
/// Where it is installed.
const PLACE: &str = "target/schemathesis";
/// The copy of the list that says what is there.
const INSTALLED: &str = "installed.txt";

/// Finds the program, or gets it.
pub(super) fn program(workspace: &Workspace) -> Result<PathBuf, Missing> {
    let place = workspace.root.join(PLACE);
    let source = workspace.root.join(SOURCE);
    let program = place.join("venv/bin/schemathesis");
    let is_same = fs::read(place.join(INSTALLED)).ok() == fs::read(&source).ok();
    if is_same && program.is_file() {
        return Ok(program);
    }
    let missing = |how| Missing {
        what: "schemathesis, a package of Python".to_owned(),
        why: "what the hub answers is compared with the description of its interface",
        packages: vec!["python3", "python3-venv"],
        how,
    };
    if process::find("python3").is_none() {
        return Err(missing(
            "Python 3.10 or later with venv, then `cargo xtask setup` again",
        ));
    }
    match install(&source, &place) {
        Ok(()) => Ok(program),
        Err(_) => Err(missing(
            "Python's venv and access to its packages, then `cargo xtask setup` again",
        )),
    }
}

fn install(source: &Path, place: &Path) -> anyhow::Result<()> {
    println!("installing schemathesis");
    let venv = place.join("venv");
    fs::create_dir_all(place)?;
    process::capture(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&venv),
    )?;
    let mut pip = Command::new(venv.join("bin/pip"));
    pip.args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--requirement",
    ]);
    process::capture(pip.arg(source))?;
    fs::copy(source, place.join(INSTALLED))?;
    Ok(())
}
