//! What the store asks of a file system: few operations, so that tests can fail each of them and cut the power.
//!
//! Paths are relative to the store's folder. Nothing is durable before it is synchronized: a file's content by
//! [`DiskFile::sync`], its name by [`Disk::sync_folder`].

use std::io;

use rustix::io::Errno;

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Open {
    /// To read it.
    Read,
    /// To read and write it; it is made if it is missing.
    Make,
    /// To read and write it; it must be missing.
    MakeNew,
}

/// A file that has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its length.
    pub(super) bytes: u64,
    /// Device and inode: tells whether a name and an open file are the same.
    pub(super) identity: (u64, u64),
}

/// A folder on a file system.
pub(super) trait Disk: Send + Sync {
    /// Makes a folder unless it is there; tells whether it made it.
    fn make_folder(&self, path: &str) -> io::Result<bool>;
    fn open(&self, path: &str, how: Open) -> io::Result<Box<dyn DiskFile>>;
    /// The file of this name, if there is one.
    fn entry(&self, path: &str) -> io::Result<Option<Entry>>;
    /// The names in a folder, in no order.
    fn list(&self, folder: &str) -> io::Result<Vec<String>>;
    /// Gives a file another name, in place of the one that has it, if any.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    fn unlink(&self, path: &str) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn sync_folder(&self, folder: &str) -> io::Result<()>;
    /// Bytes that may still be written.
    fn free_bytes(&self) -> io::Result<u64>;
}

/// An open file. Its lock, if it has one, ends with it.
pub(super) trait DiskFile: Send + Sync {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
    /// Writes as many of these bytes as the disk takes at once.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<usize>;
    fn truncate(&self, bytes: u64) -> io::Result<()>;
    /// Makes content and length durable.
    fn sync(&self) -> io::Result<()>;
    fn entry(&self) -> io::Result<Entry>;
    /// Locks it against everybody else who opened it; waits for that.
    fn lock(&self) -> io::Result<()>;
    /// Locks it unless somebody else has.
    fn try_lock(&self) -> io::Result<bool>;
}

/// Reads from this offset until the buffer is full or the file ends.
pub(super) fn read_full(file: &dyn DiskFile, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        let read = file.read_at(offset.saturating_add(filled as u64), rest)?;
        if read == 0 {
            break;
        }
        filled += read;
    }
    Ok(filled)
}

/// Reads a whole file; nothing if it has more bytes than that.
pub(super) fn read_whole(file: &dyn DiskFile, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
    let bytes = file.entry()?.bytes;
    let Some(length) = usize::try_from(bytes).ok().filter(|_| bytes <= bytes_max) else {
        return Ok(None);
    };
    let mut content = vec![0; length];
    let read = read_full(file, 0, &mut content)?;
    content.truncate(read);
    Ok(Some(content))
}

/// Writes all bytes.
pub(super) fn write_all(file: &dyn DiskFile, offset: u64, bytes: &[u8]) -> io::Result<()> {
    let mut done = 0;
    while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
        match file.write_at(offset.saturating_add(done as u64), rest)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            written => done += written,
        }
    }
    Ok(())
}

/// Puts a file with this content in the place of the one that has the name, if any, durably. Whatever happens, the
/// name has all of the one or all of the other.
pub(super) fn replace(disk: &dyn Disk, folder: &str, name: &str, content: &[u8]) -> io::Result<()> {
    let path = join(folder, name);
    let fresh = format!("{path}{FRESH}");
    // Always a new file: one whose flush has failed before may pretend that the next one works.
    unlink_if_there(disk, &fresh)?;
    let result = disk.open(&fresh, Open::MakeNew).and_then(|file| {
        write_all(&*file, 0, content)?;
        file.sync()?;
        disk.rename(&fresh, &path)
    });
    if let Err(error) = result {
        // What is left over does no harm: the next one begins by removing it.
        let _ = disk.unlink(&fresh);
        return Err(error);
    }
    disk.sync_folder(folder)
}

/// What a file is called until it is complete.
pub(super) const FRESH: &str = ".new";

/// Removes a name that may be missing; tells whether it was there.
pub(super) fn unlink_if_there(disk: &dyn Disk, path: &str) -> io::Result<bool> {
    match disk.unlink(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Opens a file that may be missing.
pub(super) fn open_if_there(disk: &dyn Disk, path: &str) -> io::Result<Option<Box<dyn DiskFile>>> {
    match disk.open(path, Open::Read) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The path of a name in a folder; the store's own folder is empty.
pub(super) fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() {
        name.to_owned()
    } else {
        format!("{folder}/{name}")
    }
}

/// Whether the disk, or what its user may have of it, is full.
pub(super) fn is_full(error: &io::Error) -> bool {
    let full = [Errno::NOSPC, Errno::DQUOT].map(|errno| Some(errno.raw_os_error()));
    full.contains(&error.raw_os_error())
}
