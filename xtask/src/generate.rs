//! The files that are written by a program and reviewed by people: `spec/`.
//!
//! `--check` changes nothing and fails when a file is not what the program would write now.

mod command_line;
#[cfg(test)]
mod tests;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::workspace::Workspace;

/// Whether to write the files or only to compare.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Writes what differs.
    Write,
    /// Fails if something differs.
    Check,
}

/// A file and what should be in it.
struct Generated {
    /// Below the repository.
    path: String,
    text: String,
}

/// Writes or checks every generated file.
pub(crate) fn run(workspace: &Workspace, mode: Mode) -> Result<()> {
    let mut generated = vec![Generated {
        path: "spec/abi.md".to_owned(),
        text: contract()?,
    }];
    generated.extend(command_line::files(workspace)?);
    let mut stale = Vec::new();
    for Generated { path, text } in &generated {
        let file = workspace.root.join(path);
        let old = fs::read_to_string(&file).unwrap_or_default();
        let Some(difference) = first_difference(&old, text) else {
            continue;
        };
        match mode {
            Mode::Check => stale.push(format!("{path}: {difference}")),
            Mode::Write => {
                write(&file, text)?;
                println!("{path} written");
            }
        }
    }
    if !stale.is_empty() {
        bail!(
            "generated files are not what the code says now:\n  {}\nrun `cargo xtask gen`, read the difference, and \
             commit it with the change that made it",
            stale.join("\n  ")
        );
    }
    println!("{} generated files are up to date", generated.len());
    Ok(())
}

/// What guests may call, from the tables that the engines link from.
fn contract() -> Result<String> {
    let mut text = String::new();
    thimble_abi::spec::markdown(&mut text)?;
    Ok(text)
}

fn write(file: &Path, text: &str) -> Result<()> {
    let cannot = || format!("cannot write {}", file.display());
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).with_context(cannot)?;
    }
    fs::write(file, text).with_context(cannot)
}

/// Where two texts part, if they do.
fn first_difference(old: &str, new: &str) -> Option<String> {
    if old == new {
        return None;
    }
    let (mut old_lines, mut new_lines) = (old.lines(), new.lines());
    let mut number = 1;
    loop {
        match (old_lines.next(), new_lines.next()) {
            (None, None) => return Some("only the end of the last line differs".to_owned()),
            (a, b) if a == b => number += 1,
            (a, b) => {
                let show = |line: Option<&str>| {
                    line.map_or("nothing".to_owned(), |line| format!("`{line}`"))
                };
                return Some(format!(
                    "line {number} is {}, should be {}",
                    show(a),
                    show(b)
                ));
            }
        }
    }
}
