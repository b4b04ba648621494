//! Counts what a folder costs.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir};
use rustix::io::Errno as Os;

use super::{Charge, Inode, content};

/// Bytes of entries that the kernel gives at once.
const BATCH_BYTES: usize = 16 << 10;

const FLAGS: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// A directory on the way from the root to where the count is.
struct Level {
    inode: Inode,
    /// Directories in it that were not looked into.
    pending: Vec<CString>,
}

/// What all below a folder costs. One descriptor is open however deep it goes: a guest makes it as deep as it likes.
///
/// # Errors
/// When the folder cannot be read, or somebody moves its directories meanwhile.
pub(super) fn count(root: &Path) -> io::Result<Charge> {
    let mut count = Count {
        used: Charge::default(),
        linked: BTreeSet::new(),
        buffer: vec![MaybeUninit::uninit(); BATCH_BYTES],
    };
    let mut current = rustix::fs::open(root, FLAGS.difference(OFlags::NOFOLLOW), Mode::empty())?;
    let mut levels = vec![count.enter(&current)?];
    while let Some(level) = levels.last_mut() {
        if let Some(name) = level.pending.pop() {
            match rustix::fs::openat(&current, &name, FLAGS, Mode::empty()) {
                Ok(directory) => {
                    current = directory;
                    levels.push(count.enter(&current)?);
                }
                // Somebody past the quota took it away.
                Err(Os::NOENT | Os::NOTDIR | Os::LOOP) => {}
                Err(error) => return Err(error.into()),
            }
            continue;
        }
        levels.pop();
        if let Some(above) = levels.last() {
            current = rustix::fs::openat(&current, c"..", FLAGS, Mode::empty())?;
            if Inode::of(&rustix::fs::fstat(&current)?) != above.inode {
                return Err(io::Error::other(
                    "a directory was moved while its folder was counted; count it again",
                ));
            }
        }
    }
    Ok(count.used)
}

struct Count {
    used: Charge,
    /// Files with several names whose content was counted.
    linked: BTreeSet<Inode>,
    buffer: Vec<MaybeUninit<u8>>,
}

impl Count {
    /// Counts the entries of a directory.
    fn enter(&mut self, directory: &OwnedFd) -> io::Result<Level> {
        let mut level = Level {
            inode: Inode::of(&rustix::fs::fstat(directory)?),
            pending: Vec::new(),
        };
        let mut entries = RawDir::new(directory, &mut self.buffer);
        while let Some(entry) = entries.next() {
            let entry = entry?;
            let name = entry.file_name();
            if matches!(name.to_bytes(), b"." | b"..") {
                continue;
            }
            let stat = match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
                Err(Os::NOENT) => continue,
                stat => stat?,
            };
            self.used.add(Charge::NAME);
            let file_type = FileType::from_raw_mode(stat.st_mode);
            if file_type == FileType::Directory {
                level.pending.push(name.to_owned());
            }
            let mut is_first = || stat.st_nlink < 2 || self.linked.insert(Inode::of(&stat));
            if file_type == FileType::RegularFile && is_first() {
                self.used.add(Charge {
                    files: 0,
                    bytes: content(u64::try_from(stat.st_size).unwrap_or(0)),
                });
            }
        }
        Ok(level)
    }
}
