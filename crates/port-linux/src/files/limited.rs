//! What changes files and directories, within a quota where there is one.

use std::fs;
use std::io;

use cap_std::fs::{Dir, Metadata, MetadataExt, OpenOptions};
use rustix::fs::Stat;
use rustix::io::Errno as Os;
use thimble_abi::Errno;

use super::quota::{Changes, Charge, Full, Inode, Named, Quota};
use crate::errno::{from_io, from_rustix};

/// The error that guests see of a quota: programs know how to live with a full disk.
const FULL: Errno = Errno::NoSpace;

/// A regular file, counted where there is a quota.
pub(super) struct Tracked {
    file: fs::File,
    counted: Option<Counted>,
}

/// What a file is to its quota while it is open.
struct Counted {
    quota: Quota,
    inode: Inode,
}

/// What a change makes of a file's length.
#[derive(Clone, Copy)]
pub(super) enum Length {
    /// It ends there or later.
    AtLeast(u64),
    /// So much longer.
    Longer(u64),
    /// Just that.
    Exactly(u64),
}

/// Why a change was not made at once.
pub(super) enum Refusal {
    /// The kernel says so.
    Os(Os),
    /// There is no room, and it was counted lately.
    Full,
    /// It may have to wait.
    Busy,
}

impl Tracked {
    /// A regular file that was just opened.
    pub(super) fn new(file: fs::File, quota: Option<&Quota>) -> rustix::io::Result<Self> {
        let counted = match quota {
            Some(quota) => Some(Counted {
                inode: quota.opened(|| rustix::fs::fstat(&file))?,
                quota: quota.clone(),
            }),
            None => None,
        };
        Ok(Self { file, counted })
    }

    /// The file, for what does not change its length.
    pub(super) const fn file(&self) -> &fs::File {
        &self.file
    }

    /// Changes its length: `change` is repeated while it is interrupted. May wait.
    pub(super) fn change<T>(
        &self,
        length: Length,
        mut change: impl FnMut() -> rustix::io::Result<T>,
    ) -> Result<T, Errno> {
        let mut change = || uninterrupted(&mut change);
        let result = match &self.counted {
            None => change(),
            Some(counted) => {
                let changes = counted.quota.begin();
                let reserve = |charge| changes.reserve_or_recount(charge);
                self.counted_change(&changes, counted.inode, length, reserve, change)
                    .map_err(|Full| FULL)?
            }
        };
        result.map_err(from_rustix)
    }

    /// Changes its length if nothing has to be waited for.
    pub(super) fn try_change<T>(
        &self,
        length: Length,
        change: impl FnOnce() -> rustix::io::Result<T>,
    ) -> Result<T, Refusal> {
        let result = match &self.counted {
            None => change(),
            Some(counted) => {
                let changes = counted.quota.try_begin().ok_or(Refusal::Busy)?;
                let reserve = |charge| changes.reserve(charge);
                self.counted_change(&changes, counted.inode, length, reserve, change)
                    .map_err(|Full| {
                        if counted.quota.may_recount() {
                            Refusal::Busy
                        } else {
                            Refusal::Full
                        }
                    })?
            }
        };
        result.map_err(Refusal::Os)
    }

    /// Cuts it to no bytes; what it is then.
    pub(super) fn cut(&self, changes: &Changes<'_>) -> rustix::io::Result<Stat> {
        let mut cut = || rustix::fs::ftruncate(&self.file, 0);
        let mut cut = || uninterrupted(&mut cut);
        match &self.counted {
            None => cut()?,
            Some(counted) => {
                let reserve = |charge| changes.reserve(charge);
                self.counted_change(changes, counted.inode, Length::Exactly(0), reserve, cut)
                    .unwrap_or(Err(Os::NOSPC))?;
            }
        }
        rustix::fs::fstat(&self.file)
    }

    fn counted_change<T>(
        &self,
        changes: &Changes<'_>,
        inode: Inode,
        length: Length,
        reserve: impl FnOnce(Charge) -> Result<(), Full>,
        change: impl FnOnce() -> rustix::io::Result<T>,
    ) -> Result<rustix::io::Result<T>, Full> {
        let before = match self.size() {
            Ok(size) => size,
            Err(error) => return Ok(Err(error)),
        };
        let reserved = before.max(length.after(before));
        reserve(Charge::growth(before, reserved))?;
        let result = change();
        // A write may be short, and one that fails may have left something.
        changes.settle(inode, reserved, self.size().unwrap_or(reserved));
        Ok(result)
    }

    fn size(&self) -> rustix::io::Result<u64> {
        let stat = rustix::fs::fstat(&self.file)?;
        Ok(u64::try_from(stat.st_size).unwrap_or(0))
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        if let Some(Counted { quota, inode }) = &self.counted {
            quota.closed(*inode);
        }
    }
}

impl Length {
    /// A file's length after the change.
    const fn after(self, before: u64) -> u64 {
        match self {
            Self::AtLeast(end) if end < before => before,
            Self::AtLeast(end) | Self::Exactly(end) => end,
            Self::Longer(bytes) => before.saturating_add(bytes),
        }
    }
}

/// Adds a name with `add`.
pub(super) fn add<T>(
    quota: Option<&Quota>,
    add: impl FnOnce() -> io::Result<T>,
) -> Result<T, Errno> {
    let Some(quota) = quota else {
        return add().map_err(|error| from_io(&error));
    };
    add_counted(&quota.begin(), add)
}

fn add_counted<T>(changes: &Changes<'_>, add: impl FnOnce() -> io::Result<T>) -> Result<T, Errno> {
    changes
        .reserve_or_recount(Charge::NAME)
        .map_err(|Full| FULL)?;
    add().map_err(|error| {
        changes.release(Charge::NAME);
        from_io(&error)
    })
}

/// Opens a file with `options`, and makes it if it is not there and `create` says so.
pub(super) fn open(
    changes: Option<&Changes<'_>>,
    dir: &Dir,
    path: &str,
    options: &OpenOptions,
    create: Create,
) -> Result<fs::File, Errno> {
    let open = |create: Create| {
        let mut options = options.clone();
        options
            .create(create != Create::No)
            .create_new(create == Create::Exclusive);
        dir.open_with(path, &options)
            .map(cap_std::fs::File::into_std)
    };
    let Some(changes) = changes.filter(|_| create != Create::No) else {
        return open(create).map_err(|error| from_io(&error));
    };
    if create == Create::IfAbsent {
        match open(Create::No) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            opened => return opened.map_err(|error| from_io(&error)),
        }
    }
    add_counted(changes, || open(create))
}

/// What to do about a file that may not be there.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Create {
    /// Nothing.
    No,
    /// Make it if it is not there.
    IfAbsent,
    /// Make it, and fail if it is there.
    Exclusive,
}

/// Removes a name with `remove`.
pub(super) fn remove(
    quota: Option<&Quota>,
    dir: &Dir,
    path: &str,
    remove: impl FnOnce() -> io::Result<()>,
) -> io::Result<()> {
    let Some(quota) = quota else {
        return remove();
    };
    let changes = quota.begin();
    let found = dir.symlink_metadata(path);
    remove()?;
    if let Ok(found) = found {
        changes.unnamed(named(&found));
    }
    Ok(())
}

/// Renames with `rename`, which may replace what is there.
pub(super) fn rename(
    quota: Option<&Quota>,
    (dir, from): (&Dir, &str),
    (target, to): (&Dir, &str),
    rename: impl FnOnce() -> io::Result<()>,
) -> io::Result<()> {
    let Some(quota) = quota else {
        return rename();
    };
    let changes = quota.begin();
    let moved = dir.symlink_metadata(from.trim_end_matches('/'));
    let replaced = target.symlink_metadata(to.trim_end_matches('/'));
    rename()?;
    if let (Ok(moved), Ok(replaced)) = (moved, replaced) {
        // Two names of one file both stay, and so does what is renamed to itself.
        if inode(&moved) != inode(&replaced) {
            changes.unnamed(named(&replaced));
        }
    }
    Ok(())
}

fn uninterrupted<T>(call: &mut dyn FnMut() -> rustix::io::Result<T>) -> rustix::io::Result<T> {
    loop {
        match call() {
            Err(Os::INTR) => {}
            result => return result,
        }
    }
}

fn named(found: &Metadata) -> Named {
    if found.is_file() && found.nlink() < 2 {
        Named::File {
            inode: inode(found),
            size: found.size(),
        }
    } else {
        Named::Other
    }
}

fn inode(found: &Metadata) -> Inode {
    Inode::new(found.dev(), found.ino())
}
