//! The structures that calls write, as their bytes (the specification's layouts, little-endian).

#[cfg(test)]
mod tests;

use thimble_abi::Errno;
use thimble_abi::wasi::{DIRENT_BYTES, FDSTAT_BYTES, FILESTAT_BYTES, PRESTAT_BYTES};

use crate::memory;
use crate::port::{Entry, Metadata};

/// A `filestat`.
pub(super) fn filestat(metadata: &Metadata) -> [u8; FILESTAT_BYTES as usize] {
    let mut bytes = [0; FILESTAT_BYTES as usize];
    put(&mut bytes, 0, &metadata.device.to_le_bytes());
    put(&mut bytes, 8, &metadata.inode.to_le_bytes());
    put(&mut bytes, 16, &[metadata.filetype]);
    put(&mut bytes, 24, &metadata.links.to_le_bytes());
    put(&mut bytes, 32, &metadata.size.to_le_bytes());
    put(&mut bytes, 40, &metadata.accessed_nanos.to_le_bytes());
    put(&mut bytes, 48, &metadata.modified_nanos.to_le_bytes());
    put(&mut bytes, 56, &metadata.changed_nanos.to_le_bytes());
    bytes
}

/// An `fdstat`.
pub(super) fn fdstat(
    filetype: u8,
    flags: u16,
    rights: u64,
    inheriting: u64,
) -> [u8; FDSTAT_BYTES as usize] {
    let mut bytes = [0; FDSTAT_BYTES as usize];
    put(&mut bytes, 0, &[filetype]);
    put(&mut bytes, 2, &flags.to_le_bytes());
    put(&mut bytes, 8, &rights.to_le_bytes());
    put(&mut bytes, 16, &inheriting.to_le_bytes());
    bytes
}

/// A `prestat` of a directory whose path has this many bytes.
pub(super) fn prestat(path_bytes: u32) -> [u8; PRESTAT_BYTES as usize] {
    let mut bytes = [0; PRESTAT_BYTES as usize];
    put(&mut bytes, 4, &path_bytes.to_le_bytes());
    bytes
}

/// A `dirent`, without the name that follows it.
#[cfg_attr(
    not(feature = "files"),
    allow(dead_code, reason = "only listings use it")
)]
pub(super) fn dirent(entry: &Entry) -> [u8; DIRENT_BYTES as usize] {
    let name_bytes = u32::try_from(entry.name.len()).unwrap_or(u32::MAX);
    let mut bytes = [0; DIRENT_BYTES as usize];
    put(&mut bytes, 0, &entry.next.to_le_bytes());
    put(&mut bytes, 8, &entry.inode.to_le_bytes());
    put(&mut bytes, 16, &name_bytes.to_le_bytes());
    put(&mut bytes, 20, &[entry.filetype]);
    bytes
}

/// Checks that a structure of `len` bytes can be written at `offset`.
///
/// # Errors
/// [`Errno::Fault`] when any byte of it lies outside.
pub(super) fn check(memory: &[u8], offset: u32, len: u32) -> Result<(), Errno> {
    memory::range(memory.len(), offset, len).map(|_| ())
}

fn put(structure: &mut [u8], offset: usize, field: &[u8]) {
    for (to, from) in structure.iter_mut().skip(offset).zip(field) {
        *to = *from;
    }
}
