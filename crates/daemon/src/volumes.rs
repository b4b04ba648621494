//! Named folders that the daemon keeps for containers.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::PathBuf;

use parking_lot::Mutex;
use thimble_port_linux::files::Quota;

use crate::state::create_folders;

/// The volumes.
pub(crate) struct Volumes {
    folder: PathBuf,
    /// What containers that run may use of each; one for all that share a volume.
    quotas: Mutex<HashMap<String, Quota>>,
}

impl Volumes {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            quotas: Mutex::default(),
        }
    }

    /// Where a volume is.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A volume's folder, made if it is missing, and what may be used of it. The container that is started last says how
    /// much that is.
    pub(crate) fn open(
        &self,
        name: &str,
        bytes_max: u64,
        files_max: u64,
    ) -> io::Result<(PathBuf, Quota)> {
        let path = self.path(name);
        create_folders(&path)?;
        let mut quotas = self.quotas.lock();
        let quota = quotas
            .entry(name.to_owned())
            .or_insert_with(|| Quota::new(bytes_max, files_max));
        quota.set_max(bytes_max, files_max);
        Ok((path, quota.clone()))
    }

    /// Bytes in a volume: counted all the time while a container uses it, else now.
    pub(crate) fn used_bytes(&self, name: &str) -> u64 {
        if let Some(quota) = self.quotas.lock().get(name) {
            return quota.used_bytes();
        }
        bytes_below(&self.path(name))
    }

    /// Counts anew what is in a volume, after something was written past its quota.
    pub(crate) fn recount(&self, name: &str) {
        let quota = self.quotas.lock().get(name).cloned();
        if let Some(Err(error)) = quota.map(|quota| quota.recount()) {
            tracing::warn!("the files of the volume {name} cannot be counted: {error}");
        }
    }

    /// The names of all volumes.
    pub(crate) fn names(&self) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry?;
            if entry.file_type()?.is_dir()
                && let Ok(name) = entry.file_name().into_string()
            {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// Deletes a volume with everything in it; nobody may use it. Whether there was one.
    pub(crate) fn remove(&self, name: &str) -> io::Result<bool> {
        self.quotas.lock().remove(name);
        match fs::remove_dir_all(self.path(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            result => result.map(|()| true),
        }
    }
}

/// Bytes of the files below a folder; what cannot be read does not count.
fn bytes_below(folder: &std::path::Path) -> u64 {
    let mut left = vec![folder.to_owned()];
    let mut bytes = 0;
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            if metadata.is_dir() {
                left.push(entry.path());
            } else if metadata.is_file() {
                bytes += metadata.len();
            }
        }
    }
    bytes
}
