//! Names in directories. A name lies under its hash, so that finding it is one look, and the place of a name never
//! changes: a listing goes on where it was, whatever was added or removed meanwhile.

use alloc::string::String;
use alloc::vec::Vec;

use thimble_abi::Errno;
use thimble_runtime::port::Entry;

use super::layout::{ENTRY_HEAD_BYTES, Kind, Slot, entry_head, parse_entry};
use super::tree::Session;
use crate::shared::{Batch, Cursor, extend, hash};

/// Entries that one request gets at most: with names of usual length a few hundred bytes.
const ENTRIES_MAX: u32 = 16;

/// Cookies of `..` and of the first name.
const PARENT: u64 = 1;
const FIRST: u64 = 2;

/// A name that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) slot: Slot,
    pub(super) what: What,
}

/// What a name is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Inode(u32, Kind),
    /// It cannot be read; it may be the name that was looked for.
    Damaged,
}

impl Session<'_> {
    /// Looks for a name in a directory.
    pub(super) fn find(&mut self, directory: u32, name: &str) -> Result<Option<Named>, Errno> {
        let hash = hash(name.as_bytes());
        let mut cursor = Cursor::new(self.keys.bucket(directory, hash));
        let mut damaged = None;
        while cursor.next(self.records)?.is_some() {
            let Some((&number, [])) = cursor.rest().split_first() else {
                continue;
            };
            let slot = Slot { hash, number };
            self.load(cursor.key())?;
            match parse_entry(&self.scratch) {
                Some((inode, kind, own)) if own == name => {
                    let what = What::Inode(inode, kind);
                    return Ok(Some(Named { slot, what }));
                }
                Some(_) => {}
                None => damaged = Some(slot),
            }
        }
        Ok(damaged.map(|slot| Named {
            slot,
            what: What::Damaged,
        }))
    }

    /// Plans a name that is not there yet.
    pub(super) fn add_name(
        &mut self,
        batch: &mut Batch<'_>,
        directory: u32,
        name: &str,
        (inode, kind): (u32, Kind),
    ) -> Result<(), Errno> {
        let hash = hash(name.as_bytes());
        let mut number: u8 = 0;
        let mut cursor = Cursor::new(self.keys.bucket(directory, hash));
        while cursor.next(self.records)?.is_some() {
            if cursor.rest() == [number] {
                number = number.checked_add(1).ok_or(Errno::NoSpace)?;
            }
        }
        self.set_name(batch, directory, Slot { hash, number }, name, (inode, kind))
    }

    /// Plans a name in a slot that is free, or whose name it takes over.
    pub(super) fn set_name(
        &self,
        batch: &mut Batch<'_>,
        directory: u32,
        slot: Slot,
        name: &str,
        (inode, kind): (u32, Kind),
    ) -> Result<(), Errno> {
        let key = self.keys.entry(directory, slot);
        let value = batch.put_zeros(&key, ENTRY_HEAD_BYTES.saturating_add(name.len()))?;
        let head = entry_head(inode, kind);
        for (to, from) in value.iter_mut().zip(head.iter().chain(name.as_bytes())) {
            *to = *from;
        }
        Ok(())
    }

    /// Whether a directory has no names.
    pub(super) fn is_empty(&mut self, directory: u32) -> Result<bool, Errno> {
        let mut cursor = Cursor::new(self.keys.entries(directory));
        Ok(cursor.next(self.records)?.is_none())
    }

    /// Entries of a directory from a cookie on. What is damaged is left out.
    pub(super) fn list(
        &mut self,
        directory: u32,
        cookie: u64,
        count: u32,
    ) -> Result<Vec<Entry>, Errno> {
        let count = usize::try_from(count.min(ENTRIES_MAX)).unwrap_or(usize::MAX);
        let mut entries = Vec::new();
        entries.try_reserve(count).map_err(|_| Errno::NoMemory)?;
        if self.inode(directory)?.links == 0 {
            return Ok(entries);
        }
        for (own, name) in [(0, "."), (PARENT, "..")] {
            if cookie <= own && entries.len() < count {
                // What lies above a volume is none of the guest's business.
                let next = own.saturating_add(1);
                entries.push(entry(name, directory, Kind::Directory, next)?);
            }
        }
        let Some(mut cursor) = self.cursor_at(directory, cookie)? else {
            return Ok(entries);
        };
        while entries.len() < count && cursor.next(self.records)?.is_some() {
            let Some(slot) = Slot::parse(cursor.rest()) else {
                continue;
            };
            self.load(cursor.key())?;
            if let Some((inode, kind, name)) = parse_entry(&self.scratch) {
                let next = slot.position().saturating_add(FIRST).saturating_add(1);
                entries.push(entry(name, inode, kind, next)?);
            }
        }
        Ok(entries)
    }

    /// A cursor before the name with this cookie, or `None` behind all that can be.
    fn cursor_at(&self, directory: u32, cookie: u64) -> Result<Option<Cursor>, Errno> {
        let prefix = self.keys.entries(directory);
        let Some(before) = cookie
            .checked_sub(FIRST)
            .and_then(|position| position.checked_sub(1))
        else {
            return Ok(Some(Cursor::new(prefix)));
        };
        let Some(slot) = Slot::at(before) else {
            return Ok(None);
        };
        Cursor::after(prefix, &self.keys.entry(directory, slot)).map(Some)
    }

    fn load(&mut self, key: &[u8]) -> Result<(), Errno> {
        match self.records.get(key, &mut self.scratch) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Errno::Io),
            Err(error) => Err(crate::shared::errno(error)),
        }
    }
}

fn entry(name: &str, inode: u32, kind: Kind, next: u64) -> Result<Entry, Errno> {
    Ok(Entry {
        name: text(name)?,
        inode: inode.into(),
        filetype: kind.filetype(),
        next,
    })
}

/// A copy of a text.
///
/// # Errors
/// [`Errno::NoMemory`].
pub(super) fn text(from: &str) -> Result<String, Errno> {
    let mut bytes = Vec::new();
    extend(&mut bytes, from.as_bytes())?;
    String::from_utf8(bytes).map_err(|_| Errno::Io)
}
