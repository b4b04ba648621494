//! The one log that everything on the device shares: how it is reached, how keys are made, how changes are put
//! together.
//!
//! A key begins with whose kind of data it is ([`crate::records::prefix`]), then the length and the name of the
//! container: no name is the beginning of another one's keys.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

use thimble_abi::Errno;

use crate::machine::Lock;
use crate::records::{Change, Records, RecordsError};

/// Records that several parts of the device use, one at a time and for moments.
pub type SharedRecords = Arc<Lock<Box<dyn Records>>>;

/// Bytes of a container's name at most: as many as a part of a host name has, and one.
pub const OWNER_BYTES_MAX: usize = 64;

/// Bytes of a key at most: a prefix, a name with its length, and what stores put behind it.
const KEY_BYTES_MAX: usize = 80;

/// Changes that remove records, in one group: some hundred bytes of keys.
const DELETES_MAX: usize = 16;

/// A key of the records.
#[derive(Clone, Copy)]
pub(crate) struct Key {
    bytes: [u8; KEY_BYTES_MAX],
    length: usize,
}

impl Key {
    /// What all keys of a container's data begin with.
    ///
    /// # Errors
    /// [`Errno::NameTooLong`].
    pub(crate) fn owner(prefix: u8, owner: &str) -> Result<Self, Errno> {
        let length = u8::try_from(owner.len()).map_err(|_| Errno::NameTooLong)?;
        if owner.len() > OWNER_BYTES_MAX {
            return Err(Errno::NameTooLong);
        }
        let empty = Self {
            bytes: [0; KEY_BYTES_MAX],
            length: 0,
        };
        Ok(empty.then(&[prefix, length]).then(owner.as_bytes()))
    }

    /// This key with more behind it. What stores add is shorter than the room there is.
    pub(crate) fn then(mut self, bytes: &[u8]) -> Self {
        let room = self.bytes.iter_mut().skip(self.length);
        for (to, from) in room.zip(bytes) {
            *to = *from;
            self.length = self.length.saturating_add(1);
        }
        self
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// Goes through the keys that begin with a prefix, in their order; records may change meanwhile.
pub(crate) struct Cursor {
    prefix: Key,
    at: Vec<u8>,
    spare: Vec<u8>,
}

impl Cursor {
    /// Stands before the first key.
    pub(crate) const fn new(prefix: Key) -> Self {
        Self {
            prefix,
            at: Vec::new(),
            spare: Vec::new(),
        }
    }

    /// Stands behind a key, be there one or not.
    ///
    /// # Errors
    /// [`Errno::NoMemory`].
    pub(crate) fn after(prefix: Key, key: &Key) -> Result<Self, Errno> {
        let mut cursor = Self::new(prefix);
        extend(&mut cursor.at, key.as_bytes())?;
        Ok(cursor)
    }

    /// Goes to the next key; how long its value is, or `None` at the end.
    ///
    /// # Errors
    /// What the records say.
    pub(crate) fn next(&mut self, records: &mut dyn Records) -> Result<Option<usize>, Errno> {
        let found = records
            .next(self.prefix.as_bytes(), &self.at, &mut self.spare)
            .map_err(errno)?;
        core::mem::swap(&mut self.at, &mut self.spare);
        Ok(found)
    }

    /// The key where it stands.
    pub(crate) fn key(&self) -> &[u8] {
        &self.at
    }

    /// The key where it stands, without the prefix.
    pub(crate) fn rest(&self) -> &[u8] {
        self.at.get(self.prefix.length..).unwrap_or_default()
    }
}

/// Changes that are made together.
#[derive(Default)]
pub(crate) struct Batch<'a> {
    bytes: Vec<u8>,
    changes: Vec<Planned<'a>>,
    deletes: usize,
}

struct Planned<'a> {
    key: Range<usize>,
    value: Value<'a>,
}

enum Value<'a> {
    None,
    Own(Range<usize>),
    Borrowed(&'a [u8]),
}

impl<'a> Batch<'a> {
    /// Sets a key to a copy of a value.
    ///
    /// # Errors
    /// [`Errno::NoMemory`], as all that plan a change.
    pub(crate) fn put(&mut self, key: &Key, value: &[u8]) -> Result<(), Errno> {
        let key = self.keep(key.as_bytes())?;
        let value = self.keep(value)?;
        self.plan(key, Value::Own(value))
    }

    /// Sets a key to a value that stays where it is.
    pub(crate) fn put_borrowed(&mut self, key: &Key, value: &'a [u8]) -> Result<(), Errno> {
        let key = self.keep(key.as_bytes())?;
        self.plan(key, Value::Borrowed(value))
    }

    /// Sets a key to a value of this many zeros, to be filled in.
    pub(crate) fn put_zeros(&mut self, key: &Key, count: usize) -> Result<&mut [u8], Errno> {
        let key = self.keep(key.as_bytes())?;
        let start = self.bytes.len();
        self.bytes.try_reserve(count).map_err(|_| Errno::NoMemory)?;
        let end = start.saturating_add(count);
        self.bytes.resize(end, 0);
        self.plan(key, Value::Own(start..end))?;
        Ok(self.bytes.get_mut(start..end).unwrap_or_default())
    }

    /// Removes a key.
    pub(crate) fn delete(&mut self, key: &[u8]) -> Result<(), Errno> {
        let key = self.keep(key)?;
        self.deletes = self.deletes.saturating_add(1);
        self.plan(key, Value::None)
    }

    /// Removes the keys that a cursor has before it, as many as go into one group; whether these are all.
    ///
    /// # Errors
    /// What the records say, or [`Errno::NoMemory`].
    pub(crate) fn delete_all(
        &mut self,
        cursor: &mut Cursor,
        records: &mut dyn Records,
    ) -> Result<bool, Errno> {
        while cursor.next(records)?.is_some() {
            if self.deletes >= DELETES_MAX {
                return Ok(false);
            }
            self.delete(cursor.key())?;
        }
        Ok(true)
    }

    /// Makes the changes, all or none.
    ///
    /// # Errors
    /// What the records say; nothing has changed.
    pub(crate) fn apply(&self, records: &mut dyn Records) -> Result<(), Errno> {
        if self.changes.is_empty() {
            return Ok(());
        }
        let mut changes = Vec::new();
        changes
            .try_reserve_exact(self.changes.len())
            .map_err(|_| Errno::NoMemory)?;
        let bytes = |range: &Range<usize>| self.bytes.get(range.clone()).unwrap_or_default();
        changes.extend(self.changes.iter().map(|planned| {
            let key = bytes(&planned.key);
            match &planned.value {
                Value::None => Change::Delete { key },
                Value::Own(value) => Change::Put {
                    key,
                    value: bytes(value),
                },
                Value::Borrowed(value) => Change::Put { key, value },
            }
        }));
        records.apply(&changes).map_err(errno)
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<Range<usize>, Errno> {
        let start = self.bytes.len();
        extend(&mut self.bytes, bytes)?;
        Ok(start..self.bytes.len())
    }

    fn plan(&mut self, key: Range<usize>, value: Value<'a>) -> Result<(), Errno> {
        self.changes.try_reserve(1).map_err(|_| Errno::NoMemory)?;
        self.changes.push(Planned { key, value });
        Ok(())
    }
}

/// Removes every key that begins with a prefix, in several groups: a power cut leaves the last ones.
///
/// # Errors
/// What the records say, or [`Errno::NoMemory`].
pub(crate) fn delete_prefix(records: &mut dyn Records, prefix: Key) -> Result<(), Errno> {
    loop {
        let mut batch = Batch::default();
        let all = batch.delete_all(&mut Cursor::new(prefix), records)?;
        batch.apply(records)?;
        if all {
            return Ok(());
        }
    }
}

/// Puts bytes behind others.
///
/// # Errors
/// [`Errno::NoMemory`].
pub(crate) fn extend(to: &mut Vec<u8>, bytes: &[u8]) -> Result<(), Errno> {
    to.try_reserve(bytes.len()).map_err(|_| Errno::NoMemory)?;
    to.extend_from_slice(bytes);
    Ok(())
}

/// What guests see of the records' errors.
pub(crate) const fn errno(error: RecordsError) -> Errno {
    match error {
        RecordsError::Full { .. } | RecordsError::TooMany { .. } => Errno::NoSpace,
        RecordsError::TooLarge { .. } => Errno::TooBig,
        RecordsError::NoMemory => Errno::NoMemory,
        RecordsError::Device => Errno::Io,
    }
}

/// FNV-1a, 32 bits, mixed once more so that all bits depend on the last byte too. Who makes two names meet deceives
/// nobody but itself: whole names are kept and compared.
pub(crate) fn hash(bytes: &[u8]) -> u32 {
    const OFFSET: u32 = 0x811c_9dc5;
    const PRIME: u32 = 0x0100_0193;
    let hash = bytes.iter().fold(OFFSET, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(PRIME)
    });
    let mixed = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    mixed ^ (mixed >> 13)
}
