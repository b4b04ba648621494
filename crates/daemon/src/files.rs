//! Files in containers' volumes, for operators: read as tar archives, and written from them.
//!
//! Every path is resolved below the folder that is mounted, whatever links a guest has made in it.

#[cfg(test)]
mod tests;

use std::io::{self, ErrorKind, Read, Write};
use std::path::{Component, Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, Metadata, MetadataExt, OpenOptions};
use thimble_device_api::{Problem, ProblemKind};

use crate::container::Entry;
use crate::device::{Device, disk_problem};
use crate::settle::{self, Place as Mounted};

/// Levels of folders at most.
const DEPTH_MAX: usize = 64;

/// A path inside a container.
pub(crate) struct Place {
    /// The folder that is mounted.
    folder: PathBuf,
    /// The rest of the path, below it.
    below: PathBuf,
    /// As it was given.
    shown: String,
    /// The volume, if it is one.
    pub(crate) volume: Option<String>,
}

/// What is to be sent.
pub(crate) struct Source {
    directory: Dir,
    below: PathBuf,
    /// What it is called in the archive.
    name: PathBuf,
}

impl Device {
    /// Finds a path in a container's volumes.
    pub(crate) fn place(&self, entry: &Entry, path: &str) -> Result<Place, Problem> {
        let spec = std::sync::Arc::clone(&entry.inner().spec);
        let image = self
            .images
            .open(&entry.image.reference, Some(&entry.image.digest))?;
        let settled = settle::settle(&entry.name, &spec, &image.stem, &image.config, &self.binds)?;
        let missing = || {
            let targets: Vec<&str> = settled
                .mounts
                .iter()
                .map(|mount| mount.target.as_str())
                .collect();
            let there = if targets.is_empty() {
                "it has none".to_owned()
            } else {
                format!("it has {}", targets.join(", "))
            };
            Problem::new(
                ProblemKind::NoSuchFile,
                format_args!("the path is in none of the container's volumes; {there}"),
            )
            .about(path)
        };
        let wanted = normal(path).ok_or_else(missing)?;
        let found = settled
            .mounts
            .iter()
            .filter_map(|mount| {
                let below = wanted.strip_prefix(normal(&mount.target)?).ok()?;
                Some((mount, below.to_owned()))
            })
            .min_by_key(|(_, below)| below.components().count());
        let (mount, below) = found.ok_or_else(missing)?;
        let folder = match &mount.place {
            Mounted::Bind(path) => path.clone(),
            Mounted::Volume(name) => {
                let path = self.volumes.path(name);
                crate::state::create_folders(&path)
                    .map_err(|error| disk_problem("making the volume", &error))?;
                path
            }
        };
        Ok(Place {
            folder,
            below,
            shown: path.to_owned(),
            volume: match &mount.place {
                Mounted::Volume(name) => Some(name.clone()),
                Mounted::Bind(_) => None,
            },
        })
    }
}

/// An absolute path in its shortest form, without what leads upwards.
fn normal(path: &str) -> Option<PathBuf> {
    let rest = path.strip_prefix('/')?;
    let mut parts = PathBuf::new();
    for component in Path::new(rest).components() {
        match component {
            Component::Normal(part) => parts.push(part),
            Component::CurDir => {}
            _ => return None,
        }
    }
    Some(parts)
}

impl Place {
    fn directory(&self) -> io::Result<Dir> {
        Dir::open_ambient_dir(&self.folder, ambient_authority())
    }

    /// Opens what is there, to be sent.
    pub(crate) fn open(&self) -> Result<Source, Problem> {
        let found = self.directory().and_then(|directory| {
            if !self.below.as_os_str().is_empty() {
                directory.symlink_metadata(&self.below)?;
            }
            Ok(directory)
        });
        let directory = found.map_err(|error| self.problem(&error))?;
        let name = self
            .below
            .file_name()
            .or_else(|| self.folder.file_name())
            .map_or_else(|| PathBuf::from("files"), PathBuf::from);
        Ok(Source {
            directory,
            below: self.below.clone(),
            name,
        })
    }

    fn problem(&self, error: &io::Error) -> Problem {
        if error.kind() == ErrorKind::NotFound {
            return Problem::new(
                ProblemKind::NoSuchFile,
                "there is no such file in the volume",
            )
            .about(&self.shown);
        }
        disk_problem("opening the file", error).about(&self.shown)
    }
}

impl Source {
    /// Writes the archive.
    pub(crate) fn write_to(&self, writer: &mut impl Write) -> io::Result<()> {
        let mut archive = tar::Builder::new(writer);
        archive.follow_symlinks(false);
        let mut left = vec![(self.below.clone(), self.name.clone(), 0)];
        while let Some((path, name, depth)) = left.pop() {
            let is_top = path.as_os_str().is_empty();
            let metadata = if is_top {
                self.directory.dir_metadata()?
            } else {
                self.directory.symlink_metadata(&path)?
            };
            let mut header = header(&metadata);
            if metadata.is_dir() {
                archive.append_data(&mut header, name.join(""), io::empty())?;
                if depth >= DEPTH_MAX {
                    continue;
                }
                let entries = if is_top {
                    self.directory.entries()?
                } else {
                    self.directory.read_dir(&path)?
                };
                for entry in entries {
                    let entry = entry?;
                    left.push((
                        path.join(entry.file_name()),
                        name.join(entry.file_name()),
                        depth + 1,
                    ));
                }
            } else if metadata.is_symlink() {
                let target = self.directory.read_link_contents(&path)?;
                archive.append_link(&mut header, &name, target)?;
            } else if metadata.is_file() {
                let file = self.directory.open(&path)?;
                // It may grow while it is read; the header has promised.
                let mut content = Padded {
                    file: file.into_std(),
                    left: metadata.len(),
                };
                archive.append_data(&mut header, &name, &mut content)?;
            }
        }
        archive.finish()
    }
}

fn header(metadata: &Metadata) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    let kind = if metadata.is_dir() {
        tar::EntryType::Directory
    } else if metadata.is_symlink() {
        tar::EntryType::Symlink
    } else {
        tar::EntryType::Regular
    };
    header.set_entry_type(kind);
    header.set_size(if metadata.is_file() {
        metadata.len()
    } else {
        0
    });
    header.set_mode(metadata.mode() & 0o777);
    header.set_mtime(u64::try_from(metadata.mtime()).unwrap_or(0));
    header.set_uid(0);
    header.set_gid(0);
    header
}

/// Exactly so many bytes of a file, with zeros where it has become shorter.
struct Padded {
    file: std::fs::File,
    left: u64,
}

impl Read for Padded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let room = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let Some(buffer) = buffer.get_mut(..room) else {
            return Ok(0);
        };
        let mut count = self.file.read(buffer)?;
        if count == 0 && room > 0 {
            buffer.fill(0);
            count = room;
        }
        self.left -= u64::try_from(count).unwrap_or(0);
        Ok(count)
    }
}

/// Writes the files of an archive below a place.
pub(crate) fn unpack(place: &Place, archive: impl Read) -> Result<(), Problem> {
    let directory = place.directory().map_err(|error| place.problem(&error))?;
    if !place.below.as_os_str().is_empty() {
        directory
            .create_dir_all(&place.below)
            .map_err(|error| place.problem(&error))?;
    }
    let mut archive = tar::Archive::new(archive);
    let broken = |error: &io::Error| match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::ReadOnlyFilesystem => {
            disk_problem("writing the files", error)
        }
        _ => Problem::new(
            ProblemKind::Invalid,
            format_args!("the archive cannot be unpacked: {error}"),
        ),
    };
    let entries = archive.entries().map_err(|error| broken(&error))?;
    for entry in entries {
        let mut entry = entry.map_err(|error| broken(&error))?;
        let path = entry.path().map_err(|error| broken(&error))?.into_owned();
        unpack_entry(&directory, &place.below, &path, &mut entry).map_err(|error| {
            let problem = broken(&error);
            Problem {
                detail: format!("{}: {}", path.display(), problem.detail),
                ..problem
            }
        })?;
    }
    Ok(())
}

fn unpack_entry(
    directory: &Dir,
    below: &Path,
    path: &Path,
    entry: &mut tar::Entry<'_, impl Read>,
) -> io::Result<()> {
    let inside = path
        .components()
        .all(|component| matches!(component, Component::Normal(_) | Component::CurDir));
    if !inside || path.components().count() > DEPTH_MAX {
        return Err(io::Error::new(
            ErrorKind::InvalidData,
            "its path leads out of the archive or is too deep",
        ));
    }
    let target = below.join(path);
    match entry.header().entry_type() {
        tar::EntryType::Directory => {
            if target.as_os_str().is_empty() {
                return Ok(());
            }
            directory.create_dir_all(&target)
        }
        tar::EntryType::Regular | tar::EntryType::Continuous => {
            if let Some(parent) = target
                .parent()
                .filter(|parent| !parent.as_os_str().is_empty())
            {
                directory.create_dir_all(parent)?;
            }
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true);
            let mut file = directory.open_with(&target, &options)?;
            io::copy(entry, &mut file)?;
            file.sync_all()
        }
        tar::EntryType::Symlink => {
            let link = entry
                .link_name()?
                .ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "the link says nothing"))?;
            directory.symlink(link, &target)
        }
        tar::EntryType::XGlobalHeader => Ok(()),
        other => Err(io::Error::new(
            ErrorKind::InvalidData,
            format!("is of a kind ({other:?}) that is not written"),
        )),
    }
}
