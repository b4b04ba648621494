//! How much the store takes, and whether a blob has room in it.

use std::collections::BTreeMap;

use thimble_image::Digest;
use thimble_image::layout::BLOBS_FOLDER;

use super::disk;
use super::ingest::INGEST_FOLDER;
use super::lock::Held;
use super::{Inner, Shortage, StoreError};

/// What a store takes and may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// How many blobs it has.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Bytes of blobs that are not complete.
    pub ingest_bytes: u64,
    /// Bytes that it may have, if that is limited.
    pub quota_bytes: Option<u64>,
    /// Bytes that the disk has left.
    pub free_bytes: u64,
}

impl Inner {
    pub(super) fn usage(&self) -> Result<Usage, StoreError> {
        let blobs = self.lengths(BLOBS_FOLDER)?;
        let sum = |lengths: &BTreeMap<Digest, u64>| {
            lengths
                .values()
                .fold(0, |sum: u64, bytes| sum.saturating_add(*bytes))
        };
        Ok(Usage {
            blobs: blobs.len() as u64,
            bytes: sum(&blobs),
            ingest_bytes: sum(&self.lengths(INGEST_FOLDER)?),
            quota_bytes: self.settings.quota_bytes,
            free_bytes: self.free_bytes()?,
        })
    }

    /// Refuses a blob of that many bytes that is more than the quota and the disk hold, counting what is reserved for
    /// the blobs that others write at this time. What is here of the blob itself already counts as there.
    pub(super) fn require_room(
        &self,
        held: &Held,
        digest: &Digest,
        bytes: u64,
    ) -> Result<(), StoreError> {
        let here = self.lengths(INGEST_FOLDER)?;
        let mut to_come = self.leases(held)?.0;
        let blobs = self.lengths(BLOBS_FOLDER)?;
        to_come.retain(|other, _| other != digest && !blobs.contains_key(other));
        let length = |digest| here.get(digest).copied().unwrap_or(0);
        let reserved = to_come.iter().fold(0u64, |sum, (other, bytes)| {
            sum.saturating_add(bytes.saturating_sub(length(other)))
        });
        if let Some(quota_bytes) = self.settings.quota_bytes {
            let others = here.iter().filter(|(other, _)| *other != digest);
            let used = blobs
                .iter()
                .chain(others)
                .fold(reserved, |sum, (_, bytes)| sum.saturating_add(*bytes));
            let available_bytes = quota_bytes.saturating_sub(used);
            if bytes > available_bytes {
                return Err(StoreError::NoRoom {
                    wanted_bytes: bytes,
                    available_bytes,
                    why: Shortage::Quota,
                });
            }
        }
        let wanted_bytes = bytes.saturating_sub(length(digest));
        let taken = self.settings.reserve_bytes.saturating_add(reserved);
        let available_bytes = self.free_bytes()?.saturating_sub(taken);
        if wanted_bytes > available_bytes {
            return Err(StoreError::NoRoom {
                wanted_bytes,
                available_bytes,
                why: Shortage::Disk,
            });
        }
        Ok(())
    }

    /// The blobs in a folder, with their lengths. Files that are not called like one are others' business.
    pub(super) fn lengths(&self, folder: &str) -> Result<BTreeMap<Digest, u64>, StoreError> {
        let mut lengths = BTreeMap::new();
        for name in self.disk.list(folder).map_err(self.fault("list", folder))? {
            let Some(digest) = Digest::from_hex(&name) else {
                continue;
            };
            let path = disk::join(folder, &name);
            // It may have become complete, or be gone, meanwhile.
            let entry = self.disk.entry(&path);
            if let Some(entry) = entry.map_err(self.fault("look up", &path))? {
                lengths.insert(digest, entry.bytes);
            }
        }
        Ok(lengths)
    }

    fn free_bytes(&self) -> Result<u64, StoreError> {
        self.disk.free_bytes().map_err(self.fault("measure", ""))
    }
}
