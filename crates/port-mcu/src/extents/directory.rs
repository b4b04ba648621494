//! Which extents there are, as the records have it.
//!
//! The key is the prefix and the image's key; the value is the first block, the number of blocks and the length in bytes,
//! each four bytes, the lowest first. The prefix alone is the key of the cursor: where the next image begins.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::flash::Region;
use crate::images::ImageStoreError;
use crate::records::{Change, Records, prefix};

use super::space::{self, Placed, Span};
use super::{Surveyed, with_capacity};

/// Bytes of an entry's value.
const ENTRY_BYTES: usize = 12;
/// The cursor's key, and what all keys begin with.
const ROOT: [u8; 1] = [prefix::IMAGE];

/// Where an image lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// Its blocks.
    pub(super) span: Span,
    /// Its bytes.
    pub(super) length_bytes: u32,
}

impl Extent {
    fn encode(self) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        let numbers = [self.span.start, self.span.blocks, self.length_bytes];
        for (place, number) in bytes.chunks_exact_mut(4).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        bytes
    }
}

/// Sees an image's key and where it lies.
type See<'a> = dyn FnMut(&[u8], Extent) -> Result<(), ImageStoreError> + 'a;

/// The directory.
pub(super) struct Directory {
    records: Box<dyn Records>,
    blocks: u32,
    block_bytes: u32,
}

impl Directory {
    /// The directory of a region.
    pub(super) fn new(region: &Region, records: Box<dyn Records>) -> Self {
        let block_bytes = region.block_bytes();
        Self {
            records,
            blocks: region.length_bytes() / block_bytes,
            block_bytes,
        }
    }

    /// Blocks of the region.
    pub(super) fn blocks(&self) -> u32 {
        self.blocks
    }

    /// Removes entries that cannot be.
    pub(super) fn survey(&mut self) -> Result<Surveyed, ImageStoreError> {
        let mut surveyed = Surveyed::default();
        let mut accepted: Vec<Span> = Vec::new();
        let mut key = Vec::new();
        let mut after = whole_key(&[])?;
        while self.records.next(&ROOT, &after, &mut key)?.is_some() {
            let extent = self
                .read(&key)?
                .filter(|extent| !accepted.iter().any(|other| other.overlaps(extent.span)));
            if let Some(extent) = extent {
                accepted
                    .try_reserve(1)
                    .map_err(|_| crate::records::RecordsError::NoMemory)?;
                accepted.push(extent.span);
                surveyed.images += 1;
            } else {
                self.records.apply(&[Change::Delete { key: &key }])?;
                surveyed.entries_removed += 1;
            }
            core::mem::swap(&mut key, &mut after);
        }
        Ok(surveyed)
    }

    /// Where the next image begins.
    pub(super) fn cursor(&mut self) -> Result<u32, ImageStoreError> {
        let mut bytes = [0; 4];
        let found = self.records.read(&ROOT, 0, &mut bytes)?;
        let cursor = u32::from_le_bytes(bytes);
        Ok(found.map_or(0, |_| cursor.checked_rem(self.blocks).unwrap_or(0)))
    }

    /// Everything that is placed, in the order of starts.
    pub(super) fn load(
        &mut self,
        pinned: &dyn Fn(&[u8]) -> bool,
    ) -> Result<Vec<Placed>, ImageStoreError> {
        let mut placed = Vec::new();
        self.visit(&mut |key, extent| {
            placed
                .try_reserve(1)
                .map_err(|_| crate::records::RecordsError::NoMemory)?;
            placed.push(Placed {
                span: extent.span,
                pinned: pinned(key),
            });
            Ok(())
        })?;
        space::sort(&mut placed);
        Ok(placed)
    }

    /// The image that lies there, with its whole key.
    pub(super) fn at(&mut self, span: Span) -> Result<Option<(Vec<u8>, Extent)>, ImageStoreError> {
        let mut found = None;
        self.visit(&mut |key, extent| {
            if extent.span == span {
                found = Some((whole_key(key)?, extent));
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// The image of a key.
    pub(super) fn find(&mut self, key: &[u8]) -> Result<Option<Extent>, ImageStoreError> {
        if key.is_empty() {
            return Ok(None);
        }
        self.read(&whole_key(key)?)
    }

    /// The first key after another.
    pub(super) fn next(
        &mut self,
        after: &[u8],
        key: &mut Vec<u8>,
    ) -> Result<bool, ImageStoreError> {
        let after = whole_key(after)?;
        let found = self.records.next(&ROOT, &after, key)?.is_some();
        if found {
            key.remove(0);
        }
        Ok(found)
    }

    /// Records an image, the cursor and other changes.
    pub(super) fn put(
        &mut self,
        key: &[u8],
        extent: &Extent,
        cursor: u32,
        also: &[Change<'_>],
    ) -> Result<(), ImageStoreError> {
        if key.is_empty() {
            return Err(ImageStoreError::NotBegun);
        }
        let key = whole_key(key)?;
        let (value, cursor) = (extent.encode(), cursor.to_le_bytes());
        let own = [
            Change::Put {
                key: &key,
                value: &value,
            },
            Change::Put {
                key: &ROOT,
                value: &cursor,
            },
        ];
        self.apply(&own, also)
    }

    /// Records that an image lies elsewhere. The key is a whole one.
    pub(super) fn replace(&mut self, key: &[u8], extent: &Extent) -> Result<(), ImageStoreError> {
        let value = extent.encode();
        Ok(self.records.apply(&[Change::Put { key, value: &value }])?)
    }

    /// Removes an image, with other changes.
    pub(super) fn remove(
        &mut self,
        key: &[u8],
        also: &[Change<'_>],
    ) -> Result<(), ImageStoreError> {
        if key.is_empty() {
            return self.apply(&[], also);
        }
        let key = whole_key(key)?;
        self.apply(&[Change::Delete { key: &key }], also)
    }

    fn apply(&mut self, own: &[Change<'_>], also: &[Change<'_>]) -> Result<(), ImageStoreError> {
        let mut changes = with_capacity(own.len() + also.len())?;
        changes.extend_from_slice(own);
        changes.extend_from_slice(also);
        Ok(self.records.apply(&changes)?)
    }

    fn visit(&mut self, see: &mut See<'_>) -> Result<(), ImageStoreError> {
        let mut key = Vec::new();
        let mut after = whole_key(&[])?;
        while self.records.next(&ROOT, &after, &mut key)?.is_some() {
            if let (Some(extent), Some(own)) = (self.read(&key)?, key.get(ROOT.len()..)) {
                see(own, extent)?;
            }
            core::mem::swap(&mut key, &mut after);
        }
        Ok(())
    }

    /// The entry of a whole key, if it can be.
    fn read(&mut self, key: &[u8]) -> Result<Option<Extent>, ImageStoreError> {
        let mut bytes = [0; ENTRY_BYTES];
        if self.records.read(key, 0, &mut bytes)? != Some(ENTRY_BYTES) {
            return Ok(None);
        }
        let mut numbers = bytes.chunks_exact(4).map(|chunk| {
            let mut number = [0; 4];
            number.copy_from_slice(chunk);
            u32::from_le_bytes(number)
        });
        let (Some(start), Some(blocks), Some(length_bytes)) =
            (numbers.next(), numbers.next(), numbers.next())
        else {
            return Ok(None);
        };
        let span = Span { start, blocks };
        let sound = blocks > 0
            && start < self.blocks
            && blocks <= self.blocks - start
            && length_bytes <= blocks * self.block_bytes;
        Ok(sound.then_some(Extent { span, length_bytes }))
    }
}

/// An image's key as the records have it.
fn whole_key(key: &[u8]) -> Result<Vec<u8>, ImageStoreError> {
    let mut whole = with_capacity(ROOT.len() + key.len())?;
    whole.extend_from_slice(&ROOT);
    whole.extend_from_slice(key);
    Ok(whole)
}
