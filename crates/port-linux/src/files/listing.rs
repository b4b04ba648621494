//! Entries of a directory, a batch at a time.
//!
//! Cookies are the kernel's own positions: nothing is kept between batches however long the directory
//! is, and entries that others add or remove meanwhile do not shift the rest.

use std::mem::MaybeUninit;

use cap_std::fs::Dir;
use rustix::fs::{FileType, RawDir, SeekFrom};
use thimble_abi::Errno;
use thimble_abi::wasi::filetype;
use thimble_runtime::port::Entry;

use super::attributes;
use crate::errno::from_rustix;

/// Bytes the kernel fills at once: some hundred entries, and more than the longest name.
const BATCH_BYTES: usize = 16 << 10;

/// At most `count` entries from `cookie` on; none at the end. Names that are not UTF-8, which a guest
/// could not say, are left out.
pub(super) fn entries(dir: &Dir, cookie: u64, count: u32) -> Result<Vec<Entry>, Errno> {
    // The descriptor is the directory's alone, and its one job at a time may move it.
    rustix::fs::seek(dir, SeekFrom::Start(cookie)).map_err(from_rustix)?;
    let own_inode = rustix::fs::fstat(dir).map_err(from_rustix)?.st_ino;
    let mut buffer = vec![MaybeUninit::uninit(); BATCH_BYTES];
    let mut found = RawDir::new(dir, &mut buffer);
    let mut entries = Vec::new();
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    while entries.len() < count {
        // A batch ends where the kernel would have to be asked again, unless there is nothing yet.
        if found.is_buffer_empty() && !entries.is_empty() {
            break;
        }
        let Some(entry) = found.next() else { break };
        let entry = entry.map_err(from_rustix)?;
        let Ok(name) = entry.file_name().to_str() else {
            continue;
        };
        let (inode, filetype) = match name {
            // What lies above a mount is none of the guest's business.
            "." | ".." => (own_inode, filetype::DIRECTORY),
            _ => (entry.ino(), kind(dir, name, entry.file_type())),
        };
        entries.push(Entry {
            name: name.to_owned(),
            inode,
            filetype,
            next: entry.next_entry_cookie(),
        });
    }
    Ok(entries)
}

/// The type of an entry: some file systems do not tell it with the name.
fn kind(dir: &Dir, name: &str, told: FileType) -> u8 {
    if told != FileType::Unknown {
        return attributes::filetype(told);
    }
    let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
    rustix::fs::statat(dir, name, flags).map_or(filetype::UNKNOWN, |stat| {
        attributes::filetype(FileType::from_raw_mode(stat.st_mode))
    })
}
