//! Finds the program that loads a dynamically linked one, so that it may be executed too.
//!
//! A release is linked statically and has none; a developer's build has one.

use std::fs::File;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// ELF, 64 bits, little-endian.
const MAGIC: [u8; 6] = [0x7f, b'E', b'L', b'F', 2, 1];
/// `e_phoff`, `e_phentsize` and `e_phnum` in the header.
const TABLE_AT: usize = 32;
const ENTRY_BYTES_AT: usize = 54;
const ENTRIES_AT: usize = 56;
const HEADER_BYTES: usize = 64;
/// `p_offset` and `p_filesz` in an entry of the table.
const OFFSET_AT: usize = 8;
const SIZE_AT: usize = 32;
const ENTRY_BYTES: usize = 56;
/// The entry that names the loader.
const PT_INTERP: u32 = 3;
/// Entries that are looked at; linkers write about ten.
const ENTRIES_MAX: u16 = 64;
/// A path's length on Linux.
const PATH_BYTES_MAX: usize = 4096;

/// The loader of a program. `None` if it has none, or is nothing that this system could load.
pub(super) fn of(program: &Path) -> Option<PathBuf> {
    let file = File::open(program).ok()?;
    let mut header = [0; HEADER_BYTES];
    file.read_exact_at(&mut header, 0).ok()?;
    if !header.starts_with(&MAGIC) {
        return None;
    }
    let table = u64::from_le_bytes(array(&header, TABLE_AT)?);
    let entry_bytes = u64::from(u16::from_le_bytes(array(&header, ENTRY_BYTES_AT)?));
    let entries = u16::from_le_bytes(array(&header, ENTRIES_AT)?);
    (0..entries.min(ENTRIES_MAX)).find_map(|index| {
        let at = table.checked_add(entry_bytes.checked_mul(u64::from(index))?)?;
        loader(&file, at)
    })
}

fn loader(file: &File, entry_at: u64) -> Option<PathBuf> {
    let mut entry = [0; ENTRY_BYTES];
    file.read_exact_at(&mut entry, entry_at).ok()?;
    if u32::from_le_bytes(array(&entry, 0)?) != PT_INTERP {
        return None;
    }
    let size = usize::try_from(u64::from_le_bytes(array(&entry, SIZE_AT)?)).ok()?;
    let mut path = vec![0; size.min(PATH_BYTES_MAX)];
    file.read_exact_at(&mut path, u64::from_le_bytes(array(&entry, OFFSET_AT)?))
        .ok()?;
    path.truncate(path.iter().position(|byte| *byte == 0)?);
    Some(PathBuf::from(std::ffi::OsString::from_vec(path)))
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}
