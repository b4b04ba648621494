//! What is known of each container, on the disk: a file per container.
//!
//! A file is replaced whole: written beside the old one, flushed, renamed over it, and the folder flushed, before
//! anybody hears that it is so. Its first line names the form and the SHA-256 of the rest, which is JSON. A file that
//! is damaged is set aside under another name and told; the others are not touched by that.

#[cfg(test)]
mod tests;

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use thimble_device_api::{ContainerSpec, ExitRecord, ImageIdentity, Timestamp};
use thimble_image::Digest;

use crate::identity::Id;

/// What a file begins with: the form and its version.
const MARK: &str = "thimble-container 1 ";
const SUFFIX: &str = "state";
const TEMPORARY: &str = "tmp";
const DAMAGED: &str = "damaged";
/// Bytes of a file at most: requests have a mebibyte, records of ends the rest.
const FILE_BYTES_MAX: u64 = 4 << 20;
/// Room that is kept for what must be written even when the disk is full: that a container is stopped, or has ended.
const RESERVE_FILE: &str = "reserve";
const RESERVE_BYTES: u64 = 256 << 10;
/// Ends that are kept of a container.
pub(crate) const ENDS_MAX: usize = 10;

/// What an operator wants of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Desired {
    /// It runs.
    Running,
    /// It is kept from running, in the middle of a run.
    Paused,
    /// It does not run.
    Stopped,
}

/// A container as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Saved {
    pub(crate) id: Id,
    pub(crate) name: String,
    pub(crate) spec: ContainerSpec,
    pub(crate) image: ImageIdentity,
    pub(crate) created_at: Timestamp,
    pub(crate) desired: Desired,
    #[serde(default)]
    pub(crate) started_at: Option<Timestamp>,
    /// The latest first.
    #[serde(default)]
    pub(crate) ends: Vec<ExitRecord>,
    #[serde(default)]
    pub(crate) restarts: u32,
    /// How often in a row the daemon itself failed while it ran this.
    #[serde(default)]
    pub(crate) host_failures: u32,
}

/// A file that was damaged, and where it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Damage {
    /// Where it is now.
    pub(crate) path: PathBuf,
    /// What is wrong with it.
    pub(crate) reason: String,
}

impl std::fmt::Display for Damage {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "the state of a container was damaged and is set aside as {}: {}",
            self.path.display(),
            self.reason
        )
    }
}

/// The folder of states.
#[derive(Debug)]
pub(crate) struct StateStore {
    folder: PathBuf,
}

impl StateStore {
    /// Opens the folder; makes it if it is missing.
    pub(crate) fn open(folder: PathBuf) -> io::Result<Self> {
        create_folders(&folder)?;
        let store = Self { folder };
        // Without room for it there is none to keep.
        let _ = store.fill_reserve();
        Ok(store)
    }

    /// Everything that is there, and what was damaged. Leftovers of writes that a power cut ended are removed.
    pub(crate) fn load(&self) -> io::Result<(Vec<Saved>, Vec<Damage>)> {
        let mut states = Vec::new();
        let mut damages = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            match path.extension().and_then(|extension| extension.to_str()) {
                // On a disk that cannot be written to it stays, and harms nobody.
                Some(TEMPORARY) => drop(fs::remove_file(&path)),
                Some(SUFFIX) => match read(&path) {
                    Ok(saved) if path == self.path(saved.id) => states.push(saved),
                    Ok(saved) => {
                        damages.push(set_aside(&path, format!("it says that it is {}", saved.id)))
                    }
                    Err(reason) => damages.push(set_aside(&path, reason)),
                },
                _ => {}
            }
        }
        states.sort_by_key(|saved| (saved.created_at, saved.id));
        Ok((states, damages))
    }

    /// Writes the state of a container that is there already, durably; from the reserve when the disk is full.
    pub(crate) fn save(&self, saved: &Saved) -> io::Result<()> {
        match self.write(saved) {
            Err(error) if error.kind() == ErrorKind::StorageFull => {
                drop(fs::remove_file(self.folder.join(RESERVE_FILE)));
                self.write(saved)
            }
            result => result,
        }
    }

    /// Writes the state of a new container, durably. The reserve is not for that, and is filled first.
    pub(crate) fn add(&self, saved: &Saved) -> io::Result<()> {
        self.fill_reserve()?;
        self.write(saved)
    }

    /// Takes room for bad times, unless it is there.
    fn fill_reserve(&self) -> io::Result<()> {
        let path = self.folder.join(RESERVE_FILE);
        if fs::metadata(&path).is_ok_and(|metadata| metadata.len() == RESERVE_BYTES) {
            return Ok(());
        }
        let file = File::create(&path)?;
        rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, RESERVE_BYTES).map_err(
            |error| {
                drop(fs::remove_file(&path));
                io::Error::from(error)
            },
        )
    }

    fn write(&self, saved: &Saved) -> io::Result<()> {
        let body = serde_json::to_vec_pretty(saved)?;
        let mut bytes = format!("{MARK}{}\n", Digest::of(&body)).into_bytes();
        bytes.extend_from_slice(&body);
        let target = self.path(saved.id);
        let temporary = target.with_extension(TEMPORARY);
        let written =
            write_through(&temporary, &bytes).and_then(|()| fs::rename(&temporary, &target));
        if let Err(error) = written {
            // It is removed at the next start if it cannot be now.
            let _ = fs::remove_file(&temporary);
            return Err(error);
        }
        self.sync()
    }

    /// Whether the disk lets states be removed, as one that is read-only does not.
    pub(crate) fn check_removable(&self) -> io::Result<()> {
        rustix::fs::access(&self.folder, rustix::fs::Access::WRITE_OK)?;
        Ok(())
    }

    /// Forgets a state, durably.
    pub(crate) fn remove(&self, id: Id) -> io::Result<()> {
        match fs::remove_file(self.path(id)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => self.sync(),
        }
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }

    fn path(&self, id: Id) -> PathBuf {
        self.folder.join(format!("{id}.{SUFFIX}"))
    }
}

/// Makes a folder and those above it that are missing, each noted on the disk.
pub(crate) fn create_folders(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    create_folders(parent)?;
    match fs::create_dir(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => File::open(parent)?.sync_all(),
    }
}

fn write_through(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_data()
}

fn read(path: &Path) -> Result<Saved, String> {
    let size = fs::metadata(path).map_err(|error| error.to_string())?.len();
    if size > FILE_BYTES_MAX {
        return Err(format!("it has {size} bytes, more than any state"));
    }
    let bytes = fs::read(path).map_err(|error| error.to_string())?;
    let end = bytes
        .iter()
        .position(|byte| *byte == b'\n')
        .ok_or("it has no first line")?;
    let (head, body) = bytes.split_at(end);
    let body = body.get(1..).unwrap_or_default();
    let head = std::str::from_utf8(head).map_err(|_| "its first line is not text")?;
    let digest = head
        .strip_prefix(MARK)
        .ok_or("it is of a form that this version does not know")?;
    if digest != Digest::of(body).to_string() {
        return Err("its content is not what its checksum says".to_owned());
    }
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

/// Renames a damaged file, so that somebody can look at it.
fn set_aside(path: &Path, reason: String) -> Damage {
    let aside = path.with_extension(format!("{SUFFIX}.{DAMAGED}"));
    let path = match fs::rename(path, &aside) {
        Ok(()) => aside,
        Err(_) => path.to_owned(),
    };
    Damage { path, reason }
}
