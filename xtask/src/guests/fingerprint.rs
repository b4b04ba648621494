//! What a build product was made from, as a short text: when it changes, the product is stale.
//!
//! Contents count, not dates: a checkout gives old files new dates. It detects change, it does not resist attack.

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
                "cannot read the folder {}; does `path` in examples/guests.toml name it?",
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

#[cfg(test)]
mod tests {
    use super::{files_below, of};
    use std::fs;
    use std::path::PathBuf;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("xtask-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("target")).unwrap();
        folder
    }

    #[test]
    fn changes_with_contents_names_and_command_only() {
        let root = folder("fingerprint");
        fs::write(root.join("a.c"), "int a;").unwrap();
        fs::write(root.join("target/product"), "1").unwrap();
        let now = |command| of(&root, command, &files_below(&root).unwrap()).unwrap();
        let first = now("cc");
        fs::write(root.join("a.c"), "int a;").unwrap();
        fs::write(root.join("target/product"), "2").unwrap();
        assert_eq!(now("cc"), first, "same contents");
        assert_ne!(now("cc -O2"), first, "another command");
        fs::write(root.join("a.c"), "int b;").unwrap();
        let second = now("cc");
        assert_ne!(second, first, "another content");
        fs::rename(root.join("a.c"), root.join("b.c")).unwrap();
        assert_ne!(now("cc"), second, "another name");
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn a_missing_folder_is_named() {
        let error = files_below(&PathBuf::from("/nowhere/at/all")).unwrap_err();
        assert!(format!("{error:#}").contains("/nowhere/at/all"));
    }
}
