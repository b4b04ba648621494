//! The store's folder on a real file system. Every path is followed from the open folder, step by step, and never
//! through a symbolic link.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{self as unix, AtFlags, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use super::disk::{Disk, DiskFile, Entry, Open};

/// The folder on the disk.
pub(super) struct RealDisk {
    root: OwnedFd,
}

struct RealFile(File);

impl RealDisk {
    /// Opens a folder; makes it durably if it is missing or does not have this file yet.
    pub(super) fn open(folder: &Path, marker: &str) -> io::Result<Self> {
        if !folder.join(marker).exists() {
            fs::create_dir_all(folder)?;
            // Somebody else may have made them and lost power before they were durable. A parent that belongs to
            // others may refuse, and is durable for as long as they care.
            for parent in folder.canonicalize()?.ancestors().skip(1) {
                let _ = File::open(parent).and_then(|parent| parent.sync_all());
            }
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = unix::open(folder, flags, Mode::empty())?;
        Ok(Self { root })
    }

    /// Calls a function with the folder that a path is in, and its last part.
    fn at<T>(
        &self,
        path: &str,
        call: impl FnOnce(&OwnedFd, &str) -> rustix::io::Result<T>,
    ) -> io::Result<T> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        if folder.is_empty() {
            return Ok(call(&self.root, name)?);
        }
        Ok(call(&self.folder(folder, OFlags::PATH)?, name)?)
    }

    fn folder(&self, path: &str, access: OFlags) -> rustix::io::Result<OwnedFd> {
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut parts = path.split('/').filter(|part| !part.is_empty()).peekable();
        let mut folder = None;
        while let Some(part) = parts.next() {
            let access = if parts.peek().is_some() {
                OFlags::PATH
            } else {
                access
            };
            let parent = folder.as_ref().unwrap_or(&self.root).as_fd();
            folder = Some(unix::openat(parent, part, flags | access, Mode::empty())?);
        }
        match folder {
            Some(folder) => Ok(folder),
            None => unix::openat(&self.root, ".", flags | access, Mode::empty()),
        }
    }
}

impl Disk for RealDisk {
    fn make_folder(&self, path: &str) -> io::Result<bool> {
        match self.at(path, |folder, name| {
            unix::mkdirat(folder, name, Mode::from_raw_mode(0o755))
        }) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.folder(path, OFlags::PATH)?;
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    fn open(&self, path: &str, how: Open) -> io::Result<Box<dyn DiskFile>> {
        let access = match how {
            Open::Read => OFlags::RDONLY,
            Open::Make => OFlags::RDWR | OFlags::CREATE,
            Open::MakeNew => OFlags::RDWR | OFlags::CREATE | OFlags::EXCL,
        };
        // Something else than a file could make the opening wait.
        let flags = access | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = self.at(path, |folder, name| {
            let file = unix::openat(folder, name, flags, Mode::from_raw_mode(0o644))?;
            regular(&unix::fstat(&file)?)?;
            Ok(file)
        })?;
        Ok(Box::new(RealFile(file.into())))
    }

    fn entry(&self, path: &str) -> io::Result<Option<Entry>> {
        let stat = self.at(path, |folder, name| {
            unix::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)
        });
        match stat {
            Ok(stat) => Ok(Some(regular(&stat)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let entries = unix::Dir::new(self.folder(folder, OFlags::RDONLY)?)?;
        let mut names = Vec::new();
        for entry in entries {
            // A name that is not text is not one of ours.
            match entry?.file_name().to_str() {
                Ok("." | "..") | Err(_) => {}
                Ok(name) => names.push(name.to_owned()),
            }
        }
        Ok(names)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.at(from, |from_folder, from_name| {
            Ok(self.at(to, |to_folder, to_name| {
                unix::renameat(from_folder, from_name, to_folder, to_name)
            }))
        })?
    }

    fn unlink(&self, path: &str) -> io::Result<()> {
        self.at(path, |folder, name| {
            unix::unlinkat(folder, name, AtFlags::empty())
        })
    }

    fn sync_folder(&self, folder: &str) -> io::Result<()> {
        Ok(unix::fsync(self.folder(folder, OFlags::RDONLY)?)?)
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let disk = unix::fstatvfs(&self.root)?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }
}

impl DiskFile for RealFile {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        again(|| self.0.read_at(buffer, offset))
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        again(|| self.0.write_at(bytes, offset))
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        self.0.set_len(bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn entry(&self) -> io::Result<Entry> {
        Ok(regular(&unix::fstat(&self.0)?)?)
    }

    fn lock(&self) -> io::Result<()> {
        again(|| Ok(unix::flock(&self.0, FlockOperation::LockExclusive)?))
    }

    fn try_lock(&self) -> io::Result<bool> {
        let operation = FlockOperation::NonBlockingLockExclusive;
        match again(|| Ok(unix::flock(&self.0, operation)?)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn regular(stat: &unix::Stat) -> rustix::io::Result<Entry> {
    if !unix::FileType::from_raw_mode(stat.st_mode).is_file() {
        return Err(Errno::ISDIR);
    }
    Ok(Entry {
        bytes: u64::try_from(stat.st_size).unwrap_or(0),
        #[allow(
            clippy::useless_conversion,
            clippy::unnecessary_cast,
            reason = "the types of these differ between architectures"
        )]
        identity: (stat.st_dev.into(), stat.st_ino.into()),
    })
}

fn again<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
