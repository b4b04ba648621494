//! Containers' files, as records: volumes with directories, files, hard and symbolic links.
//!
//! # Invariants
//!
//! - A container reaches its own volumes only, and no path leads out of a volume.
//! - Every change is one group of records: a power cut leaves what was before or what is after it, and what was
//!   answered is on storage. Only the removal of content takes several groups; what is left of it is found when the
//!   files are opened the next time, and cannot come back before.
//! - What the files cost is checked before anything changes, against [`Quota`].
//! - Nothing is kept in memory but who has what open, and three numbers for each container that has something open.
//!
//! Never: a wait, or a panic over what lies on storage. A damaged record is an error of what it belongs to.

mod charge;
mod content;
mod count;
mod directory;
mod entries;
mod file;
mod layout;
mod names;
#[cfg(test)]
mod tests;
mod tree;
mod walk;

use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::fmt;

use thimble_abi::Errno;
use thimble_runtime::port::Directory;

use crate::machine::Lock;
use crate::records::prefix;
use crate::shared::{Key, OWNER_BYTES_MAX, SharedRecords};
use directory::RecordDirectory;
use entries::What;
use layout::{Keys, Kind, NAME_BYTES_MAX, VOLUMES};
use tree::{Handle, Session, Tree};

pub use charge::{NAME_BYTES, Quota, Usage};

/// Bytes that a record must be able to have: a chunk with the longest key.
pub const RECORD_BYTES_MIN: usize = 600;

/// Tells nanoseconds since 1970.
pub type NowNanos = Arc<dyn Fn() -> u64 + Send + Sync>;

/// The files of all containers.
pub struct Volumes {
    records: SharedRecords,
    now_nanos: NowNanos,
    /// Containers that have something open.
    trees: Lock<Vec<Opened>>,
}

struct Opened {
    container: Box<str>,
    tree: Weak<Tree>,
}

/// Why files could not be opened, counted or removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VolumeError {
    /// A name is empty or too long.
    Name {
        /// Bytes that it has.
        bytes: usize,
        /// Bytes that it may have.
        bytes_max: usize,
    },
    /// Records are too small for files.
    Records {
        /// Bytes that a record can have.
        bytes_max: usize,
        /// Bytes that it must be able to have.
        bytes_min: usize,
    },
    /// The container has files open.
    InUse,
    /// The records are in use, further up the stack.
    Busy,
    /// The records cannot be read or changed.
    Storage(Errno),
}

impl Volumes {
    /// Containers' files among these records, whose groups must take [`RECORD_BYTES_MIN`] and a kilobyte more.
    #[must_use]
    pub const fn new(records: SharedRecords, now_nanos: NowNanos) -> Self {
        Self {
            records,
            now_nanos,
            trees: Lock::new(Vec::new()),
        }
    }

    /// Opens a volume of a container, which is made if it is not there. The quota is that of all its volumes together,
    /// from now on.
    ///
    /// # Errors
    /// [`VolumeError`].
    pub fn open(
        &self,
        container: &str,
        volume: &str,
        quota: Quota,
    ) -> Result<Box<dyn Directory>, VolumeError> {
        check_name(volume, NAME_BYTES_MAX)?;
        let tree = match self.tree(container)? {
            Some(tree) => tree,
            None => self.count(container, quota)?,
        };
        tree.set_quota(quota);
        let root = with(&tree, |session| {
            let root = session.volume(volume)?;
            session.state.opened(root, false)?;
            Ok(root)
        })?;
        let handle = Handle { tree, inode: root };
        self.remember(container, &handle.tree)?;
        Ok(Box::new(RecordDirectory::new(handle, root)))
    }

    /// Changes what a container's files may take. What is there stays, even if it is more.
    ///
    /// # Errors
    /// [`VolumeError::Busy`].
    pub fn set_quota(&self, container: &str, quota: Quota) -> Result<(), VolumeError> {
        if let Some(tree) = self.tree(container)? {
            tree.set_quota(quota);
        }
        Ok(())
    }

    /// What a container's files take, counted if none is open.
    ///
    /// # Errors
    /// [`VolumeError`].
    pub fn usage(&self, container: &str) -> Result<Usage, VolumeError> {
        let none = Quota {
            bytes_max: 0,
            files_max: 0,
        };
        let tree = match self.tree(container)? {
            Some(tree) => tree,
            None => self.count(container, none)?,
        };
        tree.used().ok_or(VolumeError::Busy)
    }

    /// Removes all files of a container that has none open. What a power cut leaves of them is removed before they are
    /// used again.
    ///
    /// # Errors
    /// [`VolumeError`].
    pub fn remove(&self, container: &str) -> Result<(), VolumeError> {
        if self.tree(container)?.is_some() {
            return Err(VolumeError::InUse);
        }
        let none = Quota {
            bytes_max: 0,
            files_max: 0,
        };
        let tree = self.new_tree(container, none)?;
        with(&tree, |session| session.remove_all())
    }

    /// The files of a container, if something of them is open.
    fn tree(&self, container: &str) -> Result<Option<Arc<Tree>>, VolumeError> {
        let trees = self.trees.take().map_err(|_| VolumeError::Busy)?;
        let opened = trees.iter().find(|opened| *opened.container == *container);
        Ok(opened.and_then(|opened| opened.tree.upgrade()))
    }

    fn remember(&self, container: &str, tree: &Arc<Tree>) -> Result<(), VolumeError> {
        let mut trees = self.trees.take().map_err(|_| VolumeError::Busy)?;
        trees.retain(|opened| opened.tree.strong_count() > 0);
        if trees.iter().any(|opened| *opened.container == *container) {
            return Ok(());
        }
        trees
            .try_reserve(1)
            .map_err(|_| VolumeError::Storage(Errno::NoMemory))?;
        trees.push(Opened {
            container: container.into(),
            tree: Arc::downgrade(tree),
        });
        Ok(())
    }

    fn new_tree(&self, container: &str, quota: Quota) -> Result<Arc<Tree>, VolumeError> {
        check_name(container, OWNER_BYTES_MAX)?;
        self.check_records()?;
        let owner = Key::owner(prefix::FILE, container).map_err(VolumeError::Storage)?;
        let (records, now_nanos) = (Arc::clone(&self.records), Arc::clone(&self.now_nanos));
        Ok(Arc::new(Tree::new(Keys(owner), records, quota, now_nanos)))
    }

    fn check_records(&self) -> Result<(), VolumeError> {
        let records = self.records.take().map_err(|_| VolumeError::Busy)?;
        let bytes_max = records.record_bytes_max();
        if bytes_max < RECORD_BYTES_MIN {
            return Err(VolumeError::Records {
                bytes_max,
                bytes_min: RECORD_BYTES_MIN,
            });
        }
        Ok(())
    }

    fn count(&self, container: &str, quota: Quota) -> Result<Arc<Tree>, VolumeError> {
        let tree = self.new_tree(container, quota)?;
        with(&tree, |session| session.count())?;
        Ok(tree)
    }
}

impl Session<'_> {
    /// The root of a volume, which costs nothing: who declares a container says how many there are.
    fn volume(&mut self, name: &str) -> Result<u32, Errno> {
        match self.find(VOLUMES, name)?.map(|named| named.what) {
            Some(What::Inode(root, Kind::Directory)) => return Ok(root),
            Some(_) => return Err(Errno::Io),
            None => {}
        }
        self.create_volume(name)
    }
}

fn with<T>(
    tree: &Tree,
    work: impl FnOnce(&mut Session<'_>) -> Result<T, Errno>,
) -> Result<T, VolumeError> {
    tree.try_with(work)
        .ok_or(VolumeError::Busy)?
        .map_err(VolumeError::Storage)
}

const fn check_name(name: &str, bytes_max: usize) -> Result<(), VolumeError> {
    if name.is_empty() || name.len() > bytes_max {
        return Err(VolumeError::Name {
            bytes: name.len(),
            bytes_max,
        });
    }
    Ok(())
}

impl fmt::Debug for Volumes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Volumes").finish_non_exhaustive()
    }
}

impl fmt::Display for VolumeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name { bytes, bytes_max } => write!(
                formatter,
                "a name has {bytes} bytes; it has 1 to {bytes_max}"
            ),
            Self::Records {
                bytes_max,
                bytes_min,
            } => write!(
                formatter,
                "records have {bytes_max} bytes at most and files need {bytes_min}; make the log's blocks larger"
            ),
            Self::InUse => formatter.write_str("the container has files open; stop it first"),
            Self::Busy => formatter.write_str("storage is in use; try again"),
            Self::Storage(errno) => {
                write!(formatter, "storage cannot be used: {}", errno.text())
            }
        }
    }
}

impl core::error::Error for VolumeError {}
