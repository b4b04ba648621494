//! What a build product was made from, as a short text: when it changes, the product is stale.
//!
//! Contents count, not dates: a checkout gives old files new dates. It detects change, it does not resist attack.

#[cfg(test)]
mod tests;

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The fingerprint of a command and the files it reads; files are named relative to `root`.
pub(crate) fn of(root: &Path, command: &str, inputs: &[PathBuf]) -> Result<String> {
    let mut hasher = DefaultHasher::new();
    command.hash(&mut hasher);
    for path in inputs {
        let contents = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        path.strip_prefix(root).unwrap_or(path).hash(&mut hasher);
        contents.hash(&mut hasher);
    }
    Ok(format!("{:016x}\n", hasher.finish()))
}

/// All files below a folder, in one order; build products and hidden files do not count.
pub(crate) fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).with_context(|| {
            format!(
                "cannot read the folder {}; does `path` or `headers` in guests.toml name it?",
                folder.display()
            )
        })?;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            if name == "target" || name.to_string_lossy().starts_with('.') {
                continue;
            }
            match entry.file_type()?.is_dir() {
                true => folders.push(entry.path()),
                false => files.push(entry.path()),
            }
        }
    }
    files.sort();
    Ok(files)
}
