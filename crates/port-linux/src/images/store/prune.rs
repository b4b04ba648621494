//! Removing what nobody uses.

use std::collections::BTreeSet;

use thimble_image::Digest;
use thimble_image::layout::{BLOBS_FOLDER, blob_path};

use super::disk::{self, FRESH};
use super::ingest::{self, INGEST_FOLDER};
use super::lock::Held;
use super::pins::PINS_FOLDER;
use super::reach::Reach;
use super::{Inner, StoreError};

/// Whether to remove.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PruneMode {
    /// Only tell what would be removed.
    DryRun,
    /// Remove it.
    Remove,
}

/// What was, or would be, removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Blobs that nobody uses.
    pub blobs: u64,
    /// Their bytes, and those of blobs that are not complete.
    pub bytes: u64,
    /// Blobs that are not complete and that nobody is writing.
    pub ingests: u64,
}

impl Inner {
    pub(super) fn prune(&self, mode: PruneMode) -> Result<Pruned, StoreError> {
        let held = self.lock()?;
        if mode == PruneMode::Remove {
            // What is read here must be what a power cut leaves: a name that was taken away in vain would come back
            // to an image that is gone.
            self.sync_folder("")?;
            self.sync_folder(PINS_FOLDER)?;
        }
        let list = self.load_list_locked(&held)?;
        if mode == PruneMode::Remove {
            self.mend_backup(&held)?;
        }
        let kept = Reach::of_store(self, &held, &list)?;
        let mut pruned = Pruned::default();
        self.prune_blobs(mode, &kept, &mut pruned)?;
        self.prune_ingests(mode, &held, &mut pruned)?;
        if mode == PruneMode::Remove {
            self.prune_notes(&held)?;
        }
        Ok(pruned)
    }

    fn prune_blobs(
        &self,
        mode: PruneMode,
        kept: &BTreeSet<Digest>,
        pruned: &mut Pruned,
    ) -> Result<(), StoreError> {
        for (digest, bytes) in self.lengths(BLOBS_FOLDER)? {
            if kept.contains(&digest) {
                continue;
            }
            if mode == PruneMode::Remove {
                let path = blob_path(&digest);
                self.disk
                    .unlink(&path)
                    .map_err(self.fault("remove", &path))?;
            }
            pruned.blobs = pruned.blobs.saturating_add(1);
            pruned.bytes = pruned.bytes.saturating_add(bytes);
        }
        if pruned.blobs > 0 && mode == PruneMode::Remove {
            self.sync_blobs()?;
        }
        Ok(())
    }

    /// Removes what dead writers left, unless a session that lives wants it.
    fn prune_ingests(
        &self,
        mode: PruneMode,
        held: &Held,
        pruned: &mut Pruned,
    ) -> Result<(), StoreError> {
        let wanted = self.leases(held)?.0;
        for (digest, bytes) in self.lengths(INGEST_FOLDER)? {
            if wanted.contains_key(&digest) {
                continue;
            }
            let path = ingest::path(&digest);
            let file = disk::open_if_there(&*self.disk, &path);
            let Some(file) = file.map_err(self.fault("open", &path))? else {
                continue;
            };
            if !file.try_lock().map_err(self.fault("lock", &path))? {
                continue;
            }
            if mode == PruneMode::Remove {
                disk::unlink_if_there(&*self.disk, &path).map_err(self.fault("remove", &path))?;
            }
            pruned.ingests = pruned.ingests.saturating_add(1);
            pruned.bytes = pruned.bytes.saturating_add(bytes);
        }
        Ok(())
    }

    /// Removes the leases of dead sessions, notes about manifests that are gone, and files that were not completed.
    fn prune_notes(&self, held: &Held) -> Result<(), StoreError> {
        let mut stale = self.leases(held)?.1;
        for hint in self.hints()? {
            let blob = blob_path(&hint.manifest);
            let entry = self.disk.entry(&blob);
            if entry.map_err(self.fault("look up", &blob))?.is_none() {
                stale.push(hint.path());
            }
        }
        for folder in ["", PINS_FOLDER] {
            let names = self.disk.list(folder).map_err(self.fault("list", folder))?;
            let unfinished = names.iter().filter(|name| name.ends_with(FRESH));
            stale.extend(unfinished.map(|name| disk::join(folder, name)));
        }
        for path in stale {
            disk::unlink_if_there(&*self.disk, &path).map_err(self.fault("remove", &path))?;
        }
        Ok(())
    }
}
