//! The content-addressed store of images: a folder that survives power cuts and that several processes share.
//!
//! The folder is an OCI image layout, so that other tools read it in place: `oci-layout`, `index.json` with an entry
//! per name, `blobs/sha256`. Beside them stand our own: `ingest/` (blobs that are not complete), `leases/` (what
//! sessions use), `pins/` (what containers and rollbacks use), `referrers/` (what is about what), `lock`, and
//! `index.json.backup`. Other tools know nothing of locks and leases: they may read at any time, and write only while
//! nobody else does.
//!
//! Durability: a blob is written in `ingest/`, flushed, renamed to its digest and its folder flushed before anybody
//! hears that it is there. Small files are replaced whole. Before something new relies on a name, or something old is
//! removed, the folder that says so is flushed: what another process did last may not be durable yet.
//!
//! Locks (`flock`, so that they end with their process): `lock` is held for an edit of the list, a lease or a pin, and
//! for all of a prune, never while a blob is written. A file in `ingest/` is locked by whoever writes it, one in
//! `leases/` as long as its session lives. Order: a session's own mutex, then `lock`; whoever holds `lock` never waits
//! for a file in `ingest/` or `leases/`.
//!
//! Referrers: signatures are found by the names in `referrers/`, `SUBJECT-MANIFEST`, empty files. One is durable
//! before the manifest is visible, so that a missing one means that there is no such signature, and thousands of blobs
//! need not be read; what it says is verified all the same. Entries in `index.json` would do as well, but each would be
//! an image to other tools, and would keep a signature whose image is gone. A missing folder is made anew from the
//! documents that are there.

mod blobs;
mod check;
mod disk;
mod error;
mod index;
mod ingest;
mod lease;
mod lock;
mod pins;
mod prune;
mod quota;
mod reach;
mod real;
mod recover;
mod referrers;
mod session;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use thimble_image::layout::{MARKER_FILE, blob_path};
use thimble_image::{Descriptor, Digest, Document, Reference};

use disk::Disk;

pub use check::Damage;
pub use error::{Shortage, StoreError};
pub use ingest::Writer;
pub use prune::{PruneMode, Pruned};
pub use quota::Usage;
pub use session::{Session, Trust};

/// What is told about recovery at most.
const NOTICES_MAX: usize = 100;

/// Bytes that the smallest file takes on most disks.
const BLOCK_BYTES: u64 = 4096;

/// A folder of images.
#[derive(Clone)]
pub struct ImageStore {
    inner: Arc<Inner>,
}

/// What a store may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreSettings {
    /// Bytes of all blobs at most, those included that are not complete.
    pub quota_bytes: Option<u64>,
    /// Bytes of the disk that are left to others.
    pub reserve_bytes: u64,
}

/// An image that has a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredImage {
    /// Its name: a [`Reference`] as text, or what another tool called it.
    pub name: String,
    /// Its manifest or index.
    pub root: Descriptor,
}

/// What the store and its sessions share.
struct Inner {
    disk: Box<dyn Disk>,
    settings: StoreSettings,
    /// Bytes that a power cut may cost a long download.
    sync_bytes: u64,
    notices: Mutex<Vec<String>>,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self {
            quota_bytes: None,
            reserve_bytes: 16 << 20,
        }
    }
}

impl ImageStore {
    /// Opens the store in this folder; makes it if it is missing, and repairs what can be repaired.
    ///
    /// # Errors
    /// If the disk fails, or the folder is a layout of another version.
    pub fn open(folder: &Path, settings: StoreSettings) -> Result<Self, StoreError> {
        let disk =
            real::RealDisk::open(folder, MARKER_FILE).map_err(|error| StoreError::Device {
                doing: "open",
                path: folder.display().to_string(),
                error,
            })?;
        Self::on(Box::new(disk), settings, ingest::SYNC_BYTES)
    }

    fn on(
        disk: Box<dyn Disk>,
        settings: StoreSettings,
        sync_bytes: u64,
    ) -> Result<Self, StoreError> {
        let inner = Inner {
            disk,
            settings,
            sync_bytes,
            notices: Mutex::default(),
        };
        inner.recover()?;
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Begins to use images: what is admitted, read or kept through the session is not removed while it lives.
    ///
    /// # Errors
    /// If the disk fails or is full.
    pub fn session(&self) -> Result<Session, StoreError> {
        Session::begin(self)
    }

    /// The images that have a name, in the order in which they got it.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn images(&self) -> Result<Vec<StoredImage>, StoreError> {
        Ok(self.inner.load_list()?.images())
    }

    /// The image of this name. If it has a digest, any image of that digest.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn find(&self, reference: &Reference) -> Result<Option<Descriptor>, StoreError> {
        let images = self.inner.load_list()?.images();
        let found = match reference.digest() {
            Some(digest) => images
                .into_iter()
                .find(|image| image.root.digest == *digest),
            None => {
                let name = reference.to_string();
                images.into_iter().find(|image| image.name == name)
            }
        };
        Ok(found.map(|image| image.root))
    }

    /// Gives an image a name, durably, and takes it from the image that had it.
    ///
    /// # Errors
    /// If something that the image needs is not here or is damaged, if the name has the digest of another image, if
    /// there are too many names, or if the disk fails or is full.
    pub fn tag(&self, reference: &Reference, root: &Descriptor) -> Result<(), StoreError> {
        if let Some(named) = reference.digest()
            && *named != root.digest
        {
            return Err(StoreError::OtherDigest {
                named: *named,
                image: root.digest,
            });
        }
        let held = self.inner.lock()?;
        self.inner.require_complete(root)?;
        // Whoever wrote the blobs may not have made their names durable yet.
        self.inner.sync_blobs()?;
        let mut list = self.inner.load_list_locked(&held)?;
        list.set(&reference.to_string(), root)?;
        self.inner.store_list(&held, &list)
    }

    /// Takes a name away, durably; answers whose it was. The image stays until it is pruned.
    ///
    /// # Errors
    /// If the disk fails or is full.
    pub fn untag(&self, name: &str) -> Result<Option<Descriptor>, StoreError> {
        let held = self.inner.lock()?;
        let mut list = self.inner.load_list_locked(&held)?;
        let Some(root) = list.remove(name) else {
            // Whoever took it away may have been killed before that was durable.
            self.inner.sync_folder("")?;
            return Ok(None);
        };
        self.inner.store_list(&held, &list)?;
        Ok(Some(root))
    }

    /// Reads a manifest or index, verified.
    ///
    /// # Errors
    /// If it is missing, damaged or something else, or if the disk fails.
    pub fn document(&self, blob: &Descriptor) -> Result<Document, StoreError> {
        self.inner.document(blob)
    }

    /// Reads a whole blob, verified.
    ///
    /// # Errors
    /// If it is missing, damaged or larger than that, or if the disk fails.
    pub fn read_verified(&self, digest: &Digest, bytes_max: u64) -> Result<Vec<u8>, StoreError> {
        self.inner.read_verified(digest, bytes_max)
    }

    /// The bytes of a blob that is here, as the disk says; its content is not looked at.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn length(&self, digest: &Digest) -> Result<Option<u64>, StoreError> {
        let path = blob_path(digest);
        let entry = self.inner.disk.entry(&path);
        let entry = entry.map_err(self.inner.fault("look up", &path))?;
        Ok(entry.map(|entry| entry.bytes))
    }

    /// The manifests whose subject this is, as a signature's is what it signs; in the order of their digests.
    ///
    /// # Errors
    /// If one of them is damaged, or the disk fails.
    pub fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, StoreError> {
        self.inner.referrers(subject)
    }

    /// Keeps a blob and what it needs for a container or a rollback, until the owner is unpinned. Durable.
    ///
    /// # Errors
    /// If it is not here, if the owner's name is empty or too long, or if the disk fails or is full.
    pub fn pin(&self, owner: &str, digest: &Digest) -> Result<(), StoreError> {
        self.inner.pin(owner, digest)
    }

    /// Takes all pins of an owner away; tells whether there were any.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn unpin(&self, owner: &str) -> Result<bool, StoreError> {
        self.inner.unpin(owner)
    }

    /// The digests that are pinned, by owner.
    ///
    /// # Errors
    /// If the disk fails or a pin is damaged.
    pub fn pins(&self) -> Result<BTreeMap<String, Vec<Digest>>, StoreError> {
        self.inner.pins()
    }

    /// Removes what no name, pin or session uses, or tells what it would remove.
    ///
    /// # Errors
    /// If a document in use cannot be read, in which case nothing is removed; or if the disk fails.
    pub fn prune(&self, mode: PruneMode) -> Result<Pruned, StoreError> {
        self.inner.prune(mode)
    }

    /// What the store takes and may take.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn usage(&self) -> Result<Usage, StoreError> {
        self.inner.usage()
    }

    /// Verifies every blob, and that every image has what it needs. Takes as long as reading everything.
    ///
    /// # Errors
    /// If the disk fails other than for a single blob.
    pub fn check(&self) -> Result<Vec<Damage>, StoreError> {
        self.inner.check()
    }

    /// What had to be repaired since the store was opened, for people.
    #[must_use]
    pub fn notices(&self) -> Vec<String> {
        self.inner.notices.lock().clone()
    }
}

impl std::fmt::Debug for ImageStore {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ImageStore")
            .field("settings", &self.inner.settings)
            .finish_non_exhaustive()
    }
}

impl Inner {
    fn notice(&self, text: String) {
        let mut notices = self.notices.lock();
        if notices.len() < NOTICES_MAX {
            notices.push(text);
        }
    }

    /// What to say of a failed operation.
    fn fault<'a>(
        &'a self,
        doing: &'static str,
        path: &'a str,
    ) -> impl FnOnce(std::io::Error) -> StoreError + 'a {
        move |error| self.write_fault(doing, path, 0, error)
    }

    /// What to say of failing to write that many bytes.
    fn write_fault(
        &self,
        doing: &'static str,
        path: &str,
        wanted_bytes: u64,
        error: std::io::Error,
    ) -> StoreError {
        if disk::is_full(&error) {
            return StoreError::NoRoom {
                wanted_bytes: wanted_bytes.max(BLOCK_BYTES),
                // Whatever else the disk says that it has: it did not take these.
                available_bytes: 0,
                why: Shortage::Disk,
            };
        }
        StoreError::Device {
            doing,
            path: path.to_owned(),
            error,
        }
    }
}
