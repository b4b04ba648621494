//! `spec/cli/`: completion scripts and manual pages, as `thimble` writes them itself.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use super::Generated;
use crate::metadata::Metadata;
use crate::process;
use crate::test;
use crate::workspace::Workspace;

/// The shells, and what their scripts are called where they are installed.
const SHELLS: [(&str, &str); 3] = [
    ("bash", "thimble.bash"),
    ("zsh", "_thimble"),
    ("fish", "thimble.fish"),
];

/// The files, or none before there is a command line.
pub(super) fn files(workspace: &Workspace) -> Result<Vec<Generated>> {
    if !Metadata::of_members(workspace)?.has_member("thimble-cli") {
        println!("not in the workspace yet: thimble-cli, so neither completions nor manual");
        return Ok(Vec::new());
    }
    // As the tests build it: another selection of packages would compile everything a second time.
    test::build(workspace)?;
    let thimble = workspace.target.join("debug/thimble");
    let mut files = Vec::new();
    for (shell, name) in SHELLS {
        let mut command = Command::new(&thimble);
        let text = process::capture(command.args(["completions", shell]))?;
        files.push(Generated {
            path: format!("spec/cli/{name}"),
            text,
        });
    }
    let folder = workspace.target.join("man");
    if folder.exists() {
        // A page of a command that is gone must not come back.
        fs::remove_dir_all(&folder)?;
    }
    process::capture(Command::new(&thimble).arg("man").arg(&folder))?;
    for page in fs::read_dir(&folder).context("`thimble man` wrote no folder")? {
        let page = page?;
        let text = fs::read_to_string(page.path())?;
        let name = page.file_name().to_string_lossy().into_owned();
        files.push(Generated {
            path: format!("spec/cli/man/{name}"),
            text,
        });
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}
