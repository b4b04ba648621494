//! Writes the archive of a container's files to this machine. The archive is as hostile as the container: nothing is ever
//! written outside the target, links are not made, and only what belongs to the path that was asked for counts.

use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::Dir;

/// Levels of folders at most.
const DEPTH_MAX: usize = 128;

/// Writes what an archive holds: into `to` if that is a folder, else as `to`. The links that were left out.
pub(super) fn unpack(
    archive: impl Read,
    asked: Option<&str>,
    to: &Path,
) -> Result<Vec<String>, String> {
    let mut archive = tar::Archive::new(archive);
    let mut target: Option<Target> = None;
    let mut left_out = Vec::new();
    let entries = archive.entries().map_err(|error| broken(&error))?;
    for entry in entries {
        let mut entry = entry.map_err(|error| broken(&error))?;
        let path = parts(&entry.path().map_err(|error| broken(&error))?)?;
        let kind = entry.header().entry_type();
        let target = match &mut target {
            Some(target) => target,
            // The first one is what was asked for.
            None => target.insert(Target::open(to, asked, path.clone(), kind.is_dir())?),
        };
        let below = path.strip_prefix(&target.root).map_err(|_| {
            format!(
                "{}: the container sent what was not asked for",
                path.display()
            )
        })?;
        if kind.is_dir() {
            target.make_folder(below)?;
        } else if kind.is_file() {
            target.write(below, &mut entry)?;
        } else {
            left_out.push(path.display().to_string());
        }
    }
    if target.is_none() {
        return Err("the container sent nothing".into());
    }
    Ok(left_out)
}

fn broken(error: &io::Error) -> String {
    format!("the archive cannot be read: {error}")
}

/// The parts of a path, none of which leads upwards.
fn parts(path: &Path) -> Result<PathBuf, String> {
    let outside = || {
        format!(
            "{}: the container sent a path that leads elsewhere; nothing of it is written",
            path.display()
        )
    };
    let mut parts = PathBuf::new();
    for (depth, component) in path.components().enumerate() {
        match component {
            Component::Normal(part) if depth < DEPTH_MAX => parts.push(part),
            Component::CurDir => {}
            _ => return Err(outside()),
        }
    }
    Ok(parts)
}

/// Where the files go.
struct Target {
    /// Nothing is written outside of it.
    folder: Dir,
    /// What stands in the folder for what was asked for.
    name: PathBuf,
    /// How the archive calls what was asked for.
    root: PathBuf,
}

impl Target {
    fn open(
        to: &Path,
        asked: Option<&str>,
        root: PathBuf,
        is_folder: bool,
    ) -> Result<Self, String> {
        let told = |error: io::Error| format!("{}: {error}", to.display());
        let (folder, name) = match to.metadata() {
            Ok(found) if found.is_dir() => {
                let name = asked.map(PathBuf::from).unwrap_or_default();
                (to.to_owned(), name)
            }
            Ok(_) if is_folder => {
                return Err(format!(
                    "{}: is a file, and a folder was asked for",
                    to.display()
                ));
            }
            Ok(_) => split(to)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if !is_folder && to.as_os_str().as_encoded_bytes().ends_with(b"/") {
                    return Err(format!("{}: there is no such folder", to.display()));
                }
                split(to)?
            }
            Err(error) => return Err(told(error)),
        };
        let folder = Dir::open_ambient_dir(&folder, ambient_authority())
            .map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(Self { folder, name, root })
    }

    fn make_folder(&self, below: &Path) -> Result<(), String> {
        let path = self.name.join(below);
        if path.as_os_str().is_empty() {
            return Ok(());
        }
        self.folder
            .create_dir_all(&path)
            .map_err(|error| format!("{}: {error}", path.display()))
    }

    fn write(&self, below: &Path, content: &mut impl Read) -> Result<(), String> {
        let path = if below.as_os_str().is_empty() {
            self.name.clone()
        } else {
            self.name.join(below)
        };
        let told = |error: io::Error| format!("{}: {error}", path.display());
        if let Some(parent) = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
        {
            self.folder.create_dir_all(parent).map_err(told)?;
        }
        let mut file = self.folder.create(&path).map_err(told)?;
        io::copy(content, &mut file).map(drop).map_err(told)
    }
}

/// A path as its folder and the name in it.
fn split(to: &Path) -> Result<(PathBuf, PathBuf), String> {
    let name = to
        .file_name()
        .ok_or_else(|| format!("{}: is no name of a file or folder", to.display()))?;
    let folder = match to.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    Ok((folder, name.into()))
}
