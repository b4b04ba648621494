//! Containers' keys and values, as records.
//!
//! A value lies under a hash of its key, in one record or in several, the first of which begins with the key. All of
//! them are written in one group, so that a power cut leaves the old value or the new one.
//!
//! ```text
//! key    prefix::VALUE, length of name, name, hash (u32), slot (u8), part (u16)     big-endian
//! value  of part 0: length of key (u16), length of value (u32), key, bytes          little-endian
//!        of others: bytes
//! ```

use alloc::vec::Vec;
use core::task::{Context, Poll};

use thimble_abi::Errno;
use thimble_runtime::port::{KeyValue, StoreReply, StoreRequest};

use crate::records::{Records, prefix};
use crate::shared::{Batch, Cursor, Key, SharedRecords, delete_prefix, errno, hash};

#[cfg(test)]
mod tests;

/// Keys of one container.
const KEYS_MAX: usize = 4096;

/// Bytes before the key in a value's first record.
const HEAD_BYTES: usize = 6;

/// Bytes of a record's key behind the container's: a hash, a slot and a part.
const PLACE_BYTES: usize = 7;

/// Key-value data of all containers. Clones are the same.
#[derive(Clone)]
pub struct RecordStore {
    records: SharedRecords,
}

/// What a container's keys and values take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreUsage {
    /// Keys.
    pub keys: usize,
    /// Bytes of keys and values together.
    pub bytes: u64,
}

impl RecordStore {
    /// Key-value data among these records.
    #[must_use]
    pub const fn new(records: SharedRecords) -> Self {
        Self { records }
    }

    /// Removes all data of a container. After a power cut some keys may be left: it is to be repeated then.
    ///
    /// # Errors
    /// [`Errno::Busy`] while somebody else uses the records, else what they say.
    pub fn remove(&self, container: &str) -> Result<(), Errno> {
        let mut records = self.records.take().map_err(|_| Errno::Busy)?;
        delete_prefix(&mut **records, Key::owner(prefix::VALUE, container)?)
    }

    /// What a container's data take, as its limit counts them.
    ///
    /// # Errors
    /// [`Errno::Busy`] while somebody else uses the records, else what they say.
    pub fn usage(&self, container: &str) -> Result<StoreUsage, Errno> {
        let mut records = self.records.take().map_err(|_| Errno::Busy)?;
        let owner = Key::owner(prefix::VALUE, container)?;
        Pairs {
            records: &mut **records,
            owner,
        }
        .usage(None)
    }
}

impl KeyValue for RecordStore {
    fn poll(
        &self,
        context: &mut Context<'_>,
        container: &str,
        request: StoreRequest<'_>,
    ) -> Poll<Result<StoreReply, Errno>> {
        let Ok(mut records) = self.records.take() else {
            // Somebody further up the stack has them, and will be done when this is asked again.
            context.waker().wake_by_ref();
            return Poll::Pending;
        };
        let owner = match Key::owner(prefix::VALUE, container) {
            Ok(owner) => owner,
            Err(errno) => return Poll::Ready(Err(errno)),
        };
        let mut pairs = Pairs {
            records: &mut **records,
            owner,
        };
        Poll::Ready(match request {
            StoreRequest::Get { key } => pairs.get(key).map(StoreReply::Value),
            StoreRequest::Set {
                key,
                value,
                limit_bytes,
            } => pairs
                .set(key, value, limit_bytes)
                .map(|()| StoreReply::Done),
            StoreRequest::Delete { key } => pairs.delete(key).map(|()| StoreReply::Done),
        })
    }
}

/// The data of one container.
struct Pairs<'a> {
    records: &'a mut dyn Records,
    owner: Key,
}

/// Where a key's value is.
enum Found {
    /// In this slot.
    At(Slot, Head),
    /// Nowhere, but this slot of the same hash cannot be read: it may be this key's.
    Damaged(Slot),
    /// Nowhere; this slot is free.
    Free(Slot),
}

/// What all keys of a value's records begin with.
#[derive(Clone, Copy)]
struct Slot(Key);

/// What the first record of a value tells.
#[derive(Clone, Copy)]
struct Head {
    key_bytes: usize,
    value_bytes: usize,
}

impl Pairs<'_> {
    fn get(&mut self, key: &[u8]) -> Result<Vec<u8>, Errno> {
        let (slot, head) = match self.find(key)? {
            Found::At(slot, head) => (slot, head),
            Found::Damaged(_) => return Err(Errno::Io),
            Found::Free(_) => return Err(Errno::NoEntry),
        };
        // A length that is damaged must not ask for more memory than there are bytes.
        let mut cursor = Cursor::new(slot.0);
        let mut stored = 0_usize;
        while let Some(length) = cursor.next(self.records)? {
            stored = stored.saturating_add(length);
        }
        let before = HEAD_BYTES.saturating_add(head.key_bytes);
        if stored.checked_sub(before) != Some(head.value_bytes) {
            return Err(Errno::Io);
        }
        let mut value = Vec::new();
        value
            .try_reserve_exact(head.value_bytes)
            .map_err(|_| Errno::NoMemory)?;
        value.resize(head.value_bytes, 0);
        let mut rest = value.as_mut_slice();
        let mut offset = before;
        let mut cursor = Cursor::new(slot.0);
        while let Some(length) = cursor.next(self.records)? {
            let count = length.saturating_sub(offset);
            let (piece, after) = rest.split_at_mut_checked(count).ok_or(Errno::Io)?;
            self.records
                .read(cursor.key(), offset, piece)
                .map_err(errno)?;
            rest = after;
            offset = 0;
        }
        Ok(value)
    }

    fn set(&mut self, key: &[u8], value: &[u8], limit_bytes: u64) -> Result<(), Errno> {
        let slot = match self.find(key)? {
            Found::At(slot, _) | Found::Damaged(slot) | Found::Free(slot) => slot,
        };
        let others = self.usage(Some(slot))?;
        let bytes = others
            .bytes
            .saturating_add(bytes_of(key.len()))
            .saturating_add(bytes_of(value.len()));
        if others.keys >= KEYS_MAX || bytes > limit_bytes {
            return Err(Errno::NoSpace);
        }
        let mut batch = Batch::default();
        let parts = self.put(&mut batch, slot, key, value)?;
        // What the old value had more is gone in the same moment.
        let mut cursor = Cursor::new(slot.0);
        while cursor.next(self.records)?.is_some() {
            if part(cursor.rest()).is_none_or(|part| part >= parts) {
                batch.delete(cursor.key())?;
            }
        }
        batch.apply(self.records)
    }

    /// Plans a value's records; how many.
    fn put<'a>(
        &self,
        batch: &mut Batch<'a>,
        slot: Slot,
        key: &[u8],
        value: &'a [u8],
    ) -> Result<u32, Errno> {
        let place = slot.0.as_bytes().len().saturating_add(2);
        let piece_max = self.records.record_bytes_max().saturating_sub(place);
        let before = HEAD_BYTES.saturating_add(key.len());
        let first = piece_max.checked_sub(before).ok_or(Errno::TooBig)?;
        let (first, mut rest) = value.split_at_checked(first).unwrap_or((value, &[]));
        let room = before.saturating_add(first.len());
        let head = batch.put_zeros(&slot.part(0), room)?;
        let lengths = (
            u16::try_from(key.len()).map_err(|_| Errno::NameTooLong)?,
            u32::try_from(value.len()).map_err(|_| Errno::TooBig)?,
        );
        let (key_bytes, value_bytes) = (lengths.0.to_le_bytes(), lengths.1.to_le_bytes());
        let bytes = key_bytes.iter().chain(&value_bytes).chain(key).chain(first);
        for (to, from) in head.iter_mut().zip(bytes) {
            *to = *from;
        }
        let mut parts: u16 = 1;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at_checked(piece_max).unwrap_or((rest, &[]));
            if piece.is_empty() {
                return Err(Errno::TooBig);
            }
            batch.put_borrowed(&slot.part(parts), piece)?;
            parts = parts.checked_add(1).ok_or(Errno::TooBig)?;
            rest = after;
        }
        Ok(parts.into())
    }

    fn delete(&mut self, key: &[u8]) -> Result<(), Errno> {
        let slot = match self.find(key)? {
            Found::At(slot, _) | Found::Damaged(slot) => slot,
            Found::Free(_) => return Err(Errno::NoEntry),
        };
        let mut batch = Batch::default();
        let mut cursor = Cursor::new(slot.0);
        while cursor.next(self.records)?.is_some() {
            batch.delete(cursor.key())?;
        }
        batch.apply(self.records)
    }

    /// Where a key's value is, or could be.
    fn find(&mut self, key: &[u8]) -> Result<Found, Errno> {
        let bucket = self.owner.then(&hash(key).to_be_bytes());
        let mut cursor = Cursor::new(bucket);
        let mut free: Option<u8> = Some(0);
        let mut damaged = None;
        while let Some(length) = cursor.next(self.records)? {
            let Some((&number, _)) = cursor.rest().split_first() else {
                continue;
            };
            if free == Some(number) {
                free = number.checked_add(1);
            }
            if part(cursor.rest().get(1..).unwrap_or_default()) != Some(0) {
                continue;
            }
            let slot = Slot(bucket.then(&[number]));
            match self.head(cursor.key(), length)? {
                None => damaged = damaged.or(Some(slot)),
                Some(head) if self.is_of(cursor.key(), head, key)? => {
                    return Ok(Found::At(slot, head));
                }
                Some(_) => {}
            }
        }
        if let Some(slot) = damaged {
            return Ok(Found::Damaged(slot));
        }
        let number = free.ok_or(Errno::NoSpace)?;
        Ok(Found::Free(Slot(bucket.then(&[number]))))
    }

    fn head(&mut self, record: &[u8], length: usize) -> Result<Option<Head>, Errno> {
        let mut bytes = [0; HEAD_BYTES];
        self.records.read(record, 0, &mut bytes).map_err(errno)?;
        let [k0, k1, v0, v1, v2, v3] = bytes;
        let key_bytes = usize::from(u16::from_le_bytes([k0, k1]));
        let value_bytes = usize::try_from(u32::from_le_bytes([v0, v1, v2, v3]));
        let whole = length >= HEAD_BYTES.saturating_add(key_bytes);
        Ok(value_bytes.ok().filter(|_| whole).map(|value_bytes| Head {
            key_bytes,
            value_bytes,
        }))
    }

    /// Whether a value is this key's.
    fn is_of(&mut self, record: &[u8], head: Head, key: &[u8]) -> Result<bool, Errno> {
        if head.key_bytes != key.len() {
            return Ok(false);
        }
        let mut at = HEAD_BYTES;
        let mut buffer = [0; 64];
        for piece in key.chunks(buffer.len()) {
            let own = buffer.get_mut(..piece.len()).unwrap_or_default();
            self.records.read(record, at, own).map_err(errno)?;
            if own != piece {
                return Ok(false);
            }
            at = at.saturating_add(piece.len());
        }
        Ok(true)
    }

    /// What all keys and values take but those of one slot.
    fn usage(&mut self, except: Option<Slot>) -> Result<StoreUsage, Errno> {
        let mut usage = StoreUsage::default();
        let mut cursor = Cursor::new(self.owner);
        while let Some(length) = cursor.next(self.records)? {
            if except.is_some_and(|slot| cursor.key().starts_with(slot.0.as_bytes())) {
                continue;
            }
            let place = cursor.rest().get(PLACE_BYTES.saturating_sub(2)..);
            let head = part(place.unwrap_or_default()) == Some(0);
            let bytes = if head {
                usage.keys = usage.keys.saturating_add(1);
                length.saturating_sub(HEAD_BYTES)
            } else {
                length
            };
            usage.bytes = usage.bytes.saturating_add(bytes_of(bytes));
        }
        Ok(usage)
    }
}

impl Slot {
    fn part(self, number: u16) -> Key {
        self.0.then(&number.to_be_bytes())
    }
}

/// The number of a part, from the end of its key.
fn part(bytes: &[u8]) -> Option<u32> {
    let bytes: [u8; 2] = bytes.try_into().ok()?;
    Some(u16::from_be_bytes(bytes).into())
}

fn bytes_of(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
