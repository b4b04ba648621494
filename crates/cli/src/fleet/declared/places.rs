//! Which files count: those that are named, and the .yaml and .yml files of the folders that are.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

use super::files::wrong;

/// Folders inside each other at most.
const DEPTH_MAX: usize = 16;
/// Files at most.
const FILES_MAX: usize = 100_000;

/// All files of these places, in the same order on every machine.
pub(super) fn files(places: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let mut paths = Vec::new();
    for place in places {
        if place.is_dir() {
            find(place, &mut Vec::new(), &mut paths)?;
        } else {
            paths.push(place.clone());
        }
    }
    Ok(paths)
}

/// Finds the files of a folder. `within` are the folders around it, as they really are.
fn find(folder: &Path, within: &mut Vec<PathBuf>, paths: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let unreadable = |error: std::io::Error| wrong(folder, format_args!("cannot be read: {error}"));
    let real = folder.canonicalize().map_err(unreadable)?;
    if within.contains(&real) {
        return Err(wrong(
            folder,
            format_args!(
                "is a link back to {}, which it is in; remove the link",
                real.display()
            ),
        ));
    }
    if within.len() > DEPTH_MAX {
        return Err(wrong(
            folder,
            "there are too many folders inside each other",
        ));
    }
    within.push(real);
    let entries = fs::read_dir(folder).map_err(unreadable)?;
    let mut found = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(unreadable)?;
    found.sort();
    for path in found {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            find(&path, within, paths)?;
        } else if is_yaml(&path) {
            check(&path)?;
            paths.push(path);
        }
        if paths.len() > FILES_MAX {
            return Err(wrong(
                folder,
                format_args!("there are more than {FILES_MAX} files"),
            ));
        }
    }
    within.pop();
    Ok(())
}

fn is_yaml(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "yaml" || extension == "yml")
}

/// A pipe would be waited for without end.
fn check(path: &Path) -> Result<(), Failure> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(()),
        Ok(_) => Err(wrong(path, "is neither a file nor a folder")),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(wrong(
            path,
            "is a link to what is not there; correct or remove it",
        )),
        Err(error) => Err(wrong(path, format_args!("cannot be read: {error}"))),
    }
}
