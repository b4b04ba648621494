//! The supervisor's way to the records: one lock, held for one call.

use alloc::vec::Vec;

use thimble_port_mcu::records::RecordsError;

use crate::batch::Batch;
use crate::denied::Outcome;
use crate::parts::SharedRecords;

/// The value of a key, if there is one.
///
/// # Errors
/// Storage failed, or there is no memory.
#[inline(never)]
pub(crate) fn get(records: &SharedRecords, key: &[u8]) -> Outcome<Option<Vec<u8>>> {
    let mut value = Vec::new();
    let is_there = records.take()?.get(key, &mut value)?;
    Ok(is_there.then_some(value))
}

/// The first bytes of a key's value, which may be fewer than these.
///
/// # Errors
/// Storage failed.
pub(crate) fn read<const LENGTH: usize>(
    records: &SharedRecords,
    key: &[u8],
) -> Outcome<Option<[u8; LENGTH]>> {
    let mut buffer = [0; LENGTH];
    let length = records.take()?.read(key, 0, &mut buffer)?;
    Ok(length.filter(|length| *length == LENGTH).map(|_| buffer))
}

/// Makes changes, all or none.
///
/// # Errors
/// Storage is full or failed; nothing has changed.
#[inline(never)]
pub(crate) fn apply(records: &SharedRecords, batch: &Batch) -> Outcome<()> {
    if batch.is_empty() {
        return Ok(());
    }
    Ok(records.take()?.apply(&batch.changes())?)
}

/// The first key after `after` with this prefix, put into `key`; whether there is one.
///
/// # Errors
/// Storage failed.
pub(crate) fn next(
    records: &SharedRecords,
    prefix: &[u8],
    after: &[u8],
    key: &mut Vec<u8>,
) -> Outcome<bool> {
    Ok(records.take()?.next(prefix, after, key)?.is_some())
}

/// All keys with this prefix, in order.
///
/// # Errors
/// Storage failed, or there is no memory.
pub(crate) fn keys(records: &SharedRecords, prefix: &[u8]) -> Outcome<Vec<Vec<u8>>> {
    let mut keys = Vec::new();
    let mut after = Vec::new();
    let mut key = Vec::new();
    while next(records, prefix, &after, &mut key)? {
        keys.try_reserve(1).map_err(|_| RecordsError::NoMemory)?;
        after.clear();
        after.extend_from_slice(&key);
        keys.push(core::mem::take(&mut key));
    }
    Ok(keys)
}
