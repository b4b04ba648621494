//! Safe access to a guest's linear memory: every offset and length is checked in full before use.

use alloc::vec::Vec;
use core::ops::Range;

use thimble_abi::Errno;

/// The range of `len` bytes from `offset`, if it lies wholly inside a memory of `size` bytes.
///
/// # Errors
/// [`Errno::Fault`] when any byte of it lies outside.
pub fn range(size: usize, offset: u32, len: u32) -> Result<Range<usize>, Errno> {
    let start = usize::try_from(offset).map_err(|_| Errno::Fault)?;
    let len = usize::try_from(len).map_err(|_| Errno::Fault)?;
    let end = start.checked_add(len).ok_or(Errno::Fault)?;
    if end > size {
        Err(Errno::Fault)
    } else {
        Ok(start..end)
    }
}

/// Bytes of the guest's memory, for reading.
///
/// # Errors
/// [`Errno::Fault`] when any of them lies outside.
pub fn bytes(memory: &[u8], offset: u32, len: u32) -> Result<&[u8], Errno> {
    memory
        .get(range(memory.len(), offset, len)?)
        .ok_or(Errno::Fault)
}

/// Bytes of the guest's memory, for writing.
///
/// # Errors
/// [`Errno::Fault`] when any of them lies outside.
pub fn bytes_mut(memory: &mut [u8], offset: u32, len: u32) -> Result<&mut [u8], Errno> {
    let range = range(memory.len(), offset, len)?;
    memory.get_mut(range).ok_or(Errno::Fault)
}

/// Copies `source` to `offset`.
///
/// # Errors
/// [`Errno::Fault`] when not all of it fits; nothing is written then.
pub fn write(memory: &mut [u8], offset: u32, source: &[u8]) -> Result<(), Errno> {
    let len = u32::try_from(source.len()).map_err(|_| Errno::Fault)?;
    bytes_mut(memory, offset, len)?.copy_from_slice(source);
    Ok(())
}

/// Reads a little-endian number.
///
/// # Errors
/// [`Errno::Fault`] when it lies outside.
pub fn read_u32(memory: &[u8], offset: u32) -> Result<u32, Errno> {
    let bytes = bytes(memory, offset, 4)?;
    Ok(u32::from_le_bytes(
        bytes.try_into().map_err(|_| Errno::Fault)?,
    ))
}

/// Reads a little-endian number.
///
/// # Errors
/// [`Errno::Fault`] when it lies outside.
pub fn read_u64(memory: &[u8], offset: u32) -> Result<u64, Errno> {
    let bytes = bytes(memory, offset, 8)?;
    Ok(u64::from_le_bytes(
        bytes.try_into().map_err(|_| Errno::Fault)?,
    ))
}

/// Writes a little-endian number.
///
/// # Errors
/// [`Errno::Fault`] when it lies outside.
pub fn write_u32(memory: &mut [u8], offset: u32, value: u32) -> Result<(), Errno> {
    write(memory, offset, &value.to_le_bytes())
}

/// Writes a little-endian number.
///
/// # Errors
/// [`Errno::Fault`] when it lies outside.
pub fn write_u64(memory: &mut [u8], offset: u32, value: u64) -> Result<(), Errno> {
    write(memory, offset, &value.to_le_bytes())
}

/// A NUL-terminated string of at most `max` bytes, without its NUL.
///
/// # Errors
/// [`Errno::Fault`] when it begins outside or the memory ends before its NUL; [`Errno::NameTooLong`] when
/// there is no NUL within `max` bytes.
pub fn c_string(memory: &[u8], offset: u32, max: u32) -> Result<&[u8], Errno> {
    let start = usize::try_from(offset).map_err(|_| Errno::Fault)?;
    let rest = memory.get(start..).ok_or(Errno::Fault)?;
    let max = usize::try_from(max).unwrap_or(usize::MAX);
    match rest
        .iter()
        .take(max.saturating_add(1))
        .position(|byte| *byte == 0)
    {
        Some(end) => rest.get(..end).ok_or(Errno::Fault),
        None if rest.len() > max => Err(Errno::NameTooLong),
        None => Err(Errno::Fault),
    }
}

/// One buffer of a WASI `iovec` list, checked.
pub type Buffer = Range<usize>;

/// Reads a list of `iovec`s (offset u32, length u32) and checks that each lies inside the memory.
///
/// # Errors
/// [`Errno::Fault`] when the list or one of its buffers lies outside; [`Errno::Invalid`] when it has more
/// than `max` entries or its lengths add up to more than 4 GiB.
pub fn buffers(memory: &[u8], list: u32, count: u32, max: u32) -> Result<Vec<Buffer>, Errno> {
    if count > max {
        return Err(Errno::Invalid);
    }
    let table = bytes(memory, list, count.checked_mul(8).ok_or(Errno::Fault)?)?;
    let mut total: u32 = 0;
    let mut found = Vec::with_capacity(table.len() / 8);
    for entry in table.chunks_exact(8) {
        let (offset, len) = (read_u32(entry, 0)?, read_u32(entry, 4)?);
        total = total.checked_add(len).ok_or(Errno::Invalid)?;
        found.push(range(memory.len(), offset, len)?);
    }
    Ok(found)
}
