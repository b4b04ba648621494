//! How much the files of a folder may take, whoever writes them and however.
//!
//! Every name costs a file and [`NAME_BYTES`], and the content of a file beyond that costs its length in whole blocks,
//! once, holes included. A file that was removed while somebody has it open costs what it did until it is closed.
//!
//! # Invariants
//!
//! Nothing grows before there is room for it. What changes lengths or names holds the right to do so
//! ([`Quota::begin`]), so that a count of the folder is right; a worker thread never waits for that right, nor for a
//! count. Renames and links do not lead from one quota to another.

mod scan;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use rustix::fs::Stat;

/// What a name takes at least: a block, as most file systems have it.
pub const NAME_BYTES: u64 = 4096;

/// How often a folder is counted anew when it seems full.
const RECOUNT_AFTER: Duration = Duration::from_secs(10);

/// What the files of one or more folders may take together. Clones are the same quota.
#[derive(Clone)]
pub struct Quota(Arc<Shared>);

struct Shared {
    /// Held by whoever changes lengths or names, or counts.
    changes: Mutex<()>,
    /// Held for moments.
    state: Mutex<State>,
    recount_after: Duration,
}

#[derive(Default)]
struct State {
    bytes_max: u64,
    files_max: u64,
    used: Charge,
    /// The folders, none inside another.
    roots: Vec<PathBuf>,
    counted_at: Option<Instant>,
    /// Regular files that somebody has open.
    open: BTreeMap<Inode, Open>,
}

/// What something costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Charge {
    pub(super) files: u64,
    pub(super) bytes: u64,
}

/// A file, whatever its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Inode {
    device: u64,
    number: u64,
}

struct Open {
    handles: u64,
    size: u64,
    /// Whether it has lost its last name.
    unlinked: bool,
}

/// There is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

/// The right to change lengths and names.
pub(super) struct Changes<'a> {
    quota: &'a Quota,
    _held: MutexGuard<'a, ()>,
}

impl Quota {
    /// A quota of so many bytes and so many files, directories and links.
    #[must_use]
    pub fn new(bytes_max: u64, files_max: u64) -> Self {
        Self::with_recount_after(bytes_max, files_max, RECOUNT_AFTER)
    }

    fn with_recount_after(bytes_max: u64, files_max: u64, recount_after: Duration) -> Self {
        Self(Arc::new(Shared {
            changes: Mutex::default(),
            state: Mutex::new(State {
                bytes_max,
                files_max,
                ..State::default()
            }),
            recount_after,
        }))
    }

    /// Changes what the files may take. What is there stays, even if it is more.
    pub fn set_max(&self, bytes_max: u64, files_max: u64) {
        let mut state = self.0.state.lock();
        state.bytes_max = bytes_max;
        state.files_max = files_max;
    }

    /// The bytes that the files take.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.0.state.lock().used.bytes
    }

    /// The files, directories and links that there are.
    #[must_use]
    pub fn used_files(&self) -> u64 {
        self.0.state.lock().used.files
    }

    /// The bytes that the files may take.
    #[must_use]
    pub fn bytes_max(&self) -> u64 {
        self.0.state.lock().bytes_max
    }

    /// The files, directories and links that there may be.
    #[must_use]
    pub fn files_max(&self) -> u64 {
        self.0.state.lock().files_max
    }

    /// Counts the folders anew: for who has changed them past the quota. May wait for storage, and for changes that do.
    ///
    /// # Errors
    /// When a folder cannot be read; the count stays as it was.
    pub fn recount(&self) -> io::Result<()> {
        self.begin().recount()
    }

    /// Adds a folder, unless it is there already. It must not lie in another one of this quota.
    pub(super) fn add_root(&self, path: &Path) -> io::Result<()> {
        let path = path.canonicalize()?;
        let _changes = self.begin();
        if self.0.state.lock().roots.contains(&path) {
            return Ok(());
        }
        let found = scan::count(&path)?;
        let mut state = self.0.state.lock();
        state.used.add(found);
        state.roots.push(path);
        state.counted_at = Some(Instant::now());
        Ok(())
    }

    /// Waits for the right to change lengths and names: for the pool's threads.
    pub(super) fn begin(&self) -> Changes<'_> {
        Changes {
            quota: self,
            _held: self.0.changes.lock(),
        }
    }

    /// The right to change lengths and names, if nobody has it.
    pub(super) fn try_begin(&self) -> Option<Changes<'_>> {
        let held = self.0.changes.try_lock()?;
        Some(Changes {
            quota: self,
            _held: held,
        })
    }

    /// Whether counting anew could find room and was not just done.
    pub(super) fn may_recount(&self) -> bool {
        let counted_at = self.0.state.lock().counted_at;
        counted_at.is_none_or(|at| at.elapsed() >= self.0.recount_after)
    }

    /// Whether both are the same.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Somebody has a regular file open; `stat` is asked while nobody else can tell of it.
    pub(super) fn opened(
        &self,
        stat: impl FnOnce() -> rustix::io::Result<Stat>,
    ) -> rustix::io::Result<Inode> {
        let mut state = self.0.state.lock();
        let stat = stat()?;
        let inode = Inode::of(&stat);
        let State { open, used, .. } = &mut *state;
        let open = open.entry(inode).or_insert_with(|| {
            let size = u64::try_from(stat.st_size).unwrap_or(0);
            let unlinked = stat.st_nlink == 0;
            if unlinked {
                // Somebody past the quota took its name away since it was opened.
                used.add(Charge::file(size));
            }
            Open {
                handles: 0,
                size,
                unlinked,
            }
        });
        open.handles = open.handles.saturating_add(1);
        Ok(inode)
    }

    /// Somebody closes a file.
    pub(super) fn closed(&self, inode: Inode) {
        let mut state = self.0.state.lock();
        let Some(open) = state.open.get_mut(&inode) else {
            return;
        };
        open.handles = open.handles.saturating_sub(1);
        if open.handles == 0 {
            let charge = Charge::file(open.size);
            let unlinked = open.unlinked;
            state.open.remove(&inode);
            if unlinked {
                state.used.remove(charge);
            }
        }
    }
}

impl std::fmt::Debug for Quota {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = self.0.state.lock();
        formatter
            .debug_struct("Quota")
            .field("bytes_max", &state.bytes_max)
            .field("files_max", &state.files_max)
            .field("used", &state.used)
            .finish_non_exhaustive()
    }
}

impl Changes<'_> {
    /// Makes room for something, counting anew first if it seems to have none and that is due.
    pub(super) fn reserve_or_recount(&self, charge: Charge) -> Result<(), Full> {
        self.reserve(charge).or_else(|full| {
            // A folder that cannot be read has no more room than was known.
            if self.quota.may_recount() && self.recount().is_ok() {
                self.reserve(charge)
            } else {
                Err(full)
            }
        })
    }

    /// Makes room for something.
    pub(super) fn reserve(&self, charge: Charge) -> Result<(), Full> {
        let mut state = self.quota.0.state.lock();
        let bytes = state.used.bytes.saturating_add(charge.bytes);
        let files = state.used.files.saturating_add(charge.files);
        let no_bytes = charge.bytes > 0 && bytes > state.bytes_max;
        let no_files = charge.files > 0 && files > state.files_max;
        if no_bytes || no_files {
            return Err(Full);
        }
        state.used = Charge { files, bytes };
        Ok(())
    }

    /// Gives room back.
    pub(super) fn release(&self, charge: Charge) {
        self.quota.0.state.lock().used.remove(charge);
    }

    /// An open file has this length now; room was made for `reserved` bytes.
    pub(super) fn settle(&self, inode: Inode, reserved: u64, size: u64) {
        let mut state = self.quota.0.state.lock();
        if let Some(open) = state.open.get_mut(&inode) {
            open.size = size;
        }
        let (reserved, content) = (content(reserved), content(size));
        state.used.bytes = state
            .used
            .bytes
            .saturating_sub(reserved)
            .saturating_add(content);
    }

    /// A name is gone; it was one of this many of a file, if it was one.
    pub(super) fn unnamed(&self, gone: Named) {
        let mut state = self.quota.0.state.lock();
        let charge = match gone {
            Named::File { inode, size } => match state.open.get_mut(&inode) {
                // It is given up when it is closed.
                Some(open) if !open.unlinked => {
                    open.unlinked = true;
                    return;
                }
                _ => Charge::file(size),
            },
            Named::Other => Charge::NAME,
        };
        state.used.remove(charge);
    }

    fn recount(&self) -> io::Result<()> {
        let roots = self.quota.0.state.lock().roots.clone();
        let mut used = Charge::default();
        let counted = roots.iter().try_for_each(|root| {
            used.add(scan::count(root)?);
            io::Result::Ok(())
        });
        let mut state = self.quota.0.state.lock();
        // Also if it failed: asking again at once would not help.
        state.counted_at = Some(Instant::now());
        counted?;
        for open in state.open.values().filter(|open| open.unlinked) {
            used.add(Charge::file(open.size));
        }
        state.used = used;
        Ok(())
    }
}

/// What a name is of.
#[derive(Clone, Copy)]
pub(super) enum Named {
    /// A regular file that has no other name.
    File {
        /// Which.
        inode: Inode,
        /// Its length.
        size: u64,
    },
    /// Anything else, or a file that has other names.
    Other,
}

impl Inode {
    /// The number of a file on its device.
    pub(super) const fn new(device: u64, number: u64) -> Self {
        Self { device, number }
    }

    fn of(stat: &Stat) -> Self {
        Self::new(stat.st_dev, stat.st_ino)
    }
}

impl Charge {
    /// A name, and content that fits with it.
    pub(super) const NAME: Self = Self {
        files: 1,
        bytes: NAME_BYTES,
    };

    /// A file of this length with one name.
    const fn file(size: u64) -> Self {
        Self {
            files: 1,
            bytes: NAME_BYTES.saturating_add(content(size)),
        }
    }

    /// That a file of one length gets another one.
    pub(super) const fn growth(before: u64, after: u64) -> Self {
        Self {
            files: 0,
            bytes: content(after).saturating_sub(content(before)),
        }
    }

    const fn add(&mut self, other: Self) {
        self.files = self.files.saturating_add(other.files);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }

    const fn remove(&mut self, other: Self) {
        self.files = self.files.saturating_sub(other.files);
        self.bytes = self.bytes.saturating_sub(other.bytes);
    }
}

/// What a length costs beyond the file's name.
const fn content(size: u64) -> u64 {
    let blocks = size.div_ceil(NAME_BYTES).saturating_sub(1);
    blocks.saturating_mul(NAME_BYTES)
}
