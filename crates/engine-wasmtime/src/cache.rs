//! Keeps native code from one process to the next, and believes nothing it finds.
//!
//! A private folder holds one file for each module, engine and processor, named by a digest of all three,
//! and a secret key. A file is native code followed by its seal: a keyed hash of name and code. Nothing is
//! used whose seal does not match, or that anybody else could have written. The folder may vanish, fill up
//! or be shared with other processes at any moment: at worst something is compiled again.

#[cfg(test)]
mod tests;

use std::fs::{DirBuilder, File};
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat, Timespec, Timestamps};
use rustix::io::Errno;

use crate::artifact::{Artifact, Draft};
use crate::settings::{CacheSettings, Notice, NoticeSink};

/// The file that holds the key.
const KEY_FILE: &str = "key";
const KEY_BYTES: usize = 32;
/// What follows the code in a file.
const SEAL_BYTES: usize = 32;
/// How a file of native code ends.
const NATIVE_SUFFIX: &str = ".native";
/// How a file ends that is being written.
const DRAFT_SUFFIX: &str = ".draft";
/// A draft that old was left by a process that died.
const DRAFT_AGE_SECONDS: i64 = 3_600;
/// Permissions of files.
const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);

/// A module's digest with all that its native code depends on.
pub(crate) type Digest = [u8; 32];

/// Why a folder cannot be a cache.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CacheError {
    /// It belongs to another user.
    ForeignOwner {
        /// The folder.
        folder: PathBuf,
        /// That user.
        owner: u32,
    },
    /// Others than its owner may use it.
    OpenToOthers {
        /// The folder.
        folder: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It is something else than a folder, or a symbolic link.
    NotAFolder {
        /// The path.
        folder: PathBuf,
    },
}

impl std::fmt::Display for CacheError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::ForeignOwner { folder, owner } => write!(
                formatter,
                "the cache folder {} belongs to user {owner}; choose another one or change its owner",
                folder.display()
            ),
            Self::OpenToOthers { folder, mode } => write!(
                formatter,
                "the cache folder {} is open to others (mode {mode:o}); whoever writes to it could run code here: chmod 700 it",
                folder.display()
            ),
            Self::NotAFolder { folder } => {
                write!(
                    formatter,
                    "the cache folder {} is not a folder",
                    folder.display()
                )
            }
        }
    }
}

impl std::error::Error for CacheError {}

/// An open cache.
#[derive(Debug)]
pub(crate) struct Cache {
    folder: OwnedFd,
    path: PathBuf,
    key: [u8; KEY_BYTES],
    bytes_max: u64,
    notices: NoticeSink,
}

impl Cache {
    /// Opens the folder, making it and its key if they are missing. `None`, with a notice, if it cannot
    /// be used for now.
    ///
    /// # Errors
    /// [`CacheError`] if it must not be used.
    pub(crate) fn open(
        settings: &CacheSettings,
        notices: &NoticeSink,
    ) -> Result<Option<Self>, CacheError> {
        let path = settings.folder.clone();
        let opened = open_folder(&path).and_then(|folder| match folder {
            Ok(folder) => Ok(Ok((own_key(&folder, &path, notices)?, folder))),
            Err(refusal) => Ok(Err(refusal)),
        });
        match opened {
            Ok(Ok((key, folder))) => Ok(Some(Self {
                folder,
                path,
                key,
                bytes_max: settings.bytes_max,
                notices: notices.clone(),
            })),
            Ok(Err(refusal)) => Err(refusal),
            Err(error) => {
                let reason = format!("{}: {error}", path.display());
                notices.tell(&Notice::CacheWriteFailed { reason });
                Ok(None)
            }
        }
    }

    /// The native code of this digest, if it is there and untouched.
    pub(crate) fn get(&self, digest: &Digest) -> Option<Artifact> {
        let name = file_name(digest);
        match self.read(digest, &name) {
            Ok(artifact) => Some(artifact),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                self.reject(digest, &error.to_string());
                None
            }
        }
    }

    /// Removes a file that cannot be used.
    pub(crate) fn reject(&self, digest: &Digest, reason: &str) {
        let name = file_name(digest);
        // If it cannot be removed it is still not used.
        let _ = rustix::fs::unlinkat(&self.folder, &*name, AtFlags::empty());
        let notice = Notice::CacheFileRejected {
            path: self.path.join(name),
            reason: reason.into(),
        };
        self.notices.tell(&notice);
    }

    /// Keeps native code; a notice if that fails.
    pub(crate) fn put(&self, digest: &Digest, artifact: &Artifact) {
        let size = artifact.bytes().len() as u64 + SEAL_BYTES as u64;
        if size > self.bytes_max {
            let reason = format!(
                "{size} bytes are more than the whole cache may have, {}",
                self.bytes_max
            );
            self.notices.tell(&Notice::CacheWriteFailed { reason });
            return;
        }
        let seal = self.seal(digest, artifact.bytes());
        if let Err(error) = write_file(&self.folder, &file_name(digest), &[artifact.bytes(), &seal])
        {
            let reason = format!("{}: {error}", self.path.display());
            self.notices.tell(&Notice::CacheWriteFailed { reason });
        }
        // Whatever is too much now is so again after the next write.
        let _ = self.trim();
    }

    fn read(&self, digest: &Digest, name: &str) -> io::Result<Artifact> {
        let (mut file, size) = open_private(&self.folder, name)?;
        let code_bytes = size
            .checked_sub(SEAL_BYTES as u64)
            .ok_or_else(|| damaged("it is cut off"))?;
        let mut draft = Draft::new()?;
        draft.fill(&mut file, code_bytes)?;
        let mut seal = [0; SEAL_BYTES];
        file.read_exact(&mut seal)?;
        let artifact = draft.seal()?;
        // From here on the bytes cannot change. Comparing hashes takes the same time whatever they are.
        if blake3::Hash::from_bytes(self.seal(digest, artifact.bytes()))
            != blake3::Hash::from_bytes(seal)
        {
            return Err(damaged("its seal does not match"));
        }
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: rustix::fs::UTIME_NOW,
        };
        // Only the order of removal depends on it.
        let _ = rustix::fs::futimens(
            &file,
            &Timestamps {
                last_access: now,
                last_modification: now,
            },
        );
        Ok(artifact)
    }

    fn seal(&self, digest: &Digest, code: &[u8]) -> [u8; SEAL_BYTES] {
        blake3::Hasher::new_keyed(&self.key)
            .update(digest)
            .update(code)
            .finalize()
            .into()
    }

    /// Removes what was used longest ago until the rest fits, and drafts of processes that died.
    fn trim(&self) -> io::Result<()> {
        let mut files = Vec::new();
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime).tv_sec;
        for entry in rustix::fs::Dir::read_from(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let Ok(stat) = rustix::fs::statat(&self.folder, name, AtFlags::SYMLINK_NOFOLLOW) else {
                continue;
            };
            if name.to_bytes().ends_with(NATIVE_SUFFIX.as_bytes()) {
                files.push((
                    stat.st_mtime,
                    stat.st_mtime_nsec,
                    name.to_owned(),
                    u64::try_from(stat.st_size).unwrap_or(0),
                ));
            } else if name.to_bytes().ends_with(DRAFT_SUFFIX.as_bytes())
                && now - stat.st_mtime > DRAFT_AGE_SECONDS
            {
                rustix::fs::unlinkat(&self.folder, name, AtFlags::empty())?;
            }
        }
        let mut total: u64 = files.iter().map(|(.., size)| size).sum();
        files.sort_unstable();
        for (.., name, size) in files {
            if total <= self.bytes_max {
                break;
            }
            rustix::fs::unlinkat(&self.folder, &*name, AtFlags::empty())?;
            total = total.saturating_sub(size);
        }
        Ok(())
    }
}

fn file_name(digest: &Digest) -> String {
    use std::fmt::Write as _;
    let mut name = String::with_capacity(64 + NATIVE_SUFFIX.len());
    for byte in digest {
        // Writing to a string cannot fail.
        let _ = write!(name, "{byte:02x}");
    }
    name.push_str(NATIVE_SUFFIX);
    name
}

fn damaged(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

/// Opens the folder, making it if it is missing. The outer error is the system's, the inner one a refusal.
fn open_folder(path: &Path) -> io::Result<Result<OwnedFd, CacheError>> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = match rustix::fs::openat(CWD, path, flags, Mode::empty()) {
        Ok(folder) => folder,
        Err(Errno::NOTDIR | Errno::LOOP) => {
            return Ok(Err(CacheError::NotAFolder {
                folder: path.into(),
            }));
        }
        Err(error) => return Err(made.err().unwrap_or_else(|| error.into())),
    };
    let stat = rustix::fs::fstat(&folder)?;
    if stat.st_uid != rustix::process::geteuid().as_raw() {
        return Ok(Err(CacheError::ForeignOwner {
            folder: path.into(),
            owner: stat.st_uid,
        }));
    }
    if is_open_to_others(&stat) {
        return Ok(Err(CacheError::OpenToOthers {
            folder: path.into(),
            mode: stat.st_mode & 0o7777,
        }));
    }
    Ok(Ok(folder))
}

fn is_open_to_others(stat: &Stat) -> bool {
    stat.st_mode & 0o077 != 0
}

/// Opens a file that only this user can have written, with its size.
fn open_private(folder: &OwnedFd, name: &str) -> io::Result<(File, u64)> {
    // NONBLOCK: a pipe in the file's place must not stop us here.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = rustix::fs::openat(folder, name, flags, Mode::empty())?;
    let stat = rustix::fs::fstat(&file)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(damaged("it is not a file"));
    }
    if stat.st_uid != rustix::process::geteuid().as_raw() {
        return Err(damaged("it belongs to another user"));
    }
    if is_open_to_others(&stat) {
        return Err(damaged("it is open to others"));
    }
    Ok((file.into(), u64::try_from(stat.st_size).unwrap_or(0)))
}

/// A name that no other process uses at this time, and no other thread of this one.
fn draft_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!(
        "{}-{}-{}-{count}{DRAFT_SUFFIX}",
        std::process::id(),
        now.tv_sec,
        now.tv_nsec
    )
}

/// Writes a draft of a file.
fn write_draft(folder: &OwnedFd, name: &str, parts: &[&[u8]]) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut file = File::from(rustix::fs::openat(folder, name, flags, PRIVATE)?);
    parts.iter().try_for_each(|part| file.write_all(part))
}

/// Writes a file in one step: others see the old one, or the new one in full.
fn write_file(folder: &OwnedFd, name: &str, parts: &[&[u8]]) -> io::Result<()> {
    let draft = draft_name();
    let outcome = write_draft(folder, &draft, parts)
        .and_then(|()| Ok(rustix::fs::renameat(folder, &*draft, folder, name)?));
    if outcome.is_err() {
        let _ = rustix::fs::unlinkat(folder, &*draft, AtFlags::empty());
    }
    outcome
}

/// The folder's key, made if there is none. Of several processes that make one at once, all use the first.
fn own_key(folder: &OwnedFd, path: &Path, notices: &NoticeSink) -> io::Result<[u8; KEY_BYTES]> {
    match read_key(folder) {
        Ok(key) => return Ok(key),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => {
            rustix::fs::unlinkat(folder, KEY_FILE, AtFlags::empty())?;
            let notice = Notice::CacheFileRejected {
                path: path.join(KEY_FILE),
                reason: error.to_string(),
            };
            notices.tell(&notice);
        }
    }
    let mut key = [0; KEY_BYTES];
    let filled = rustix::rand::getrandom(&mut key, rustix::rand::GetRandomFlags::empty())?;
    if filled != KEY_BYTES {
        return Err(io::Error::other("the system gave too few random bytes"));
    }
    let draft = draft_name();
    let outcome = write_draft(folder, &draft, &[&key]).and_then(|()| {
        match rustix::fs::linkat(folder, &*draft, folder, KEY_FILE, AtFlags::empty()) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            // File systems without hard links; two first uses at once may then cost one compilation.
            Err(_) => Ok(rustix::fs::renameat(folder, &*draft, folder, KEY_FILE)?),
        }
    });
    let _ = rustix::fs::unlinkat(folder, &*draft, AtFlags::empty());
    outcome?;
    read_key(folder)
}

fn read_key(folder: &OwnedFd) -> io::Result<[u8; KEY_BYTES]> {
    let (mut file, size) = open_private(folder, KEY_FILE)?;
    if size != KEY_BYTES as u64 {
        return Err(damaged("it has the wrong length"));
    }
    let mut key = [0; KEY_BYTES];
    file.read_exact(&mut key)?;
    Ok(key)
}
