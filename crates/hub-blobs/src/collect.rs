//! Collection of what nothing needs: marked from manifests and the caller's pins, deleted after a time of grace.
//!
//! Pushes go on meanwhile. What is to be deleted is written down first (`condemned`), then the marks are made again, and
//! only what is still unmarked goes. A push makes its manifest visible and then reads what is condemned: either the second
//! marking saw the manifest, or the push sees the sentence and is refused. Where anything is in doubt, nothing is deleted.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::TryStreamExt;
use object_store::{ObjectMeta, ObjectStoreExt, PutPayload};
use thimble_image::document::DOCUMENT_BYTES_MAX;
use thimble_image::{Descriptor, Digest, Document, media_type};

use crate::error::BlobError;
use crate::manifests::text;
use crate::place::{self, Entry};
use crate::space::{Space, present};
use crate::tags::prefix_of;
use crate::uploads::UploadId;

/// How long a sentence holds: much longer than it takes to carry it out.
const SENTENCE_HOLDS: Duration = Duration::from_secs(3600);
/// How long it is carried out at most, before it is made anew.
const CARRIED_OUT_WITHIN: Duration = Duration::from_secs(600);

/// What a collection is to do.
#[derive(Clone, Debug)]
pub struct Collection {
    /// Blobs and manifests that are needed, with all that they need, whatever repositories say.
    pub pins: BTreeSet<Digest>,
    /// How old something must be before it goes: longer than any push takes.
    pub grace: Duration,
    /// The time now.
    pub now: SystemTime,
}

/// What a collection did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Collected {
    /// Blobs that were kept.
    pub kept: u64,
    /// Blobs that were deleted.
    pub deleted: u64,
    /// Their bytes.
    pub deleted_bytes: u64,
    /// Uploads that were given up.
    pub uploads: u64,
    /// Files of writes that were cut.
    pub remains: u64,
}

impl Space {
    /// Deletes what nothing needs, and uploads that nobody goes on with.
    ///
    /// # Errors
    /// [`BlobError::Store`] if the store fails; what was not deleted yet stays.
    pub async fn collect(&self, collection: &Collection) -> Result<Collected, BlobError> {
        let began = tokio::time::Instant::now();
        let mut collected = Collected {
            uploads: self.collect_uploads(collection).await?,
            ..Collected::default()
        };
        let needed = self.needed(&collection.pins).await?;
        let mut doomed = Vec::new();
        let mut blobs = self.store().list(Some(&place::blobs(self.name_space())));
        while let Some(object) = blobs.try_next().await? {
            match place::digest_of(&object.location) {
                Some(digest) if !needed.contains(&digest) && is_old(&object, collection) => {
                    doomed.push((digest, object));
                }
                _ => collected.kept += 1,
            }
        }
        drop(blobs);
        if !doomed.is_empty() {
            self.condemn(doomed.iter().map(|(digest, _)| *digest))
                .await?;
            let needed = self.needed(&collection.pins).await?;
            for (digest, object) in doomed {
                let is_late = began.elapsed() > CARRIED_OUT_WITHIN;
                if is_late || needed.contains(&digest) || self.is_renewed(&object).await? {
                    collected.kept += 1;
                    continue;
                }
                present(self.store().delete(&object.location).await)?;
                collected.deleted += 1;
                collected.deleted_bytes += object.size;
            }
            let path = place::condemned(self.name_space());
            present(self.store().delete(&path).await)?;
            self.shared().ledger.forget(self.name_space());
        }
        collected.remains = self.collect_remains(collection).await;
        Ok(collected)
    }

    /// Whether a manifest of a repository needs it.
    ///
    /// # Errors
    /// [`BlobError::Store`] if the store fails.
    pub async fn is_needed(&self, digest: &Digest) -> Result<bool, BlobError> {
        Ok(self.needed(&BTreeSet::new()).await?.contains(digest))
    }

    /// What is about to be deleted.
    pub(crate) async fn condemned(&self) -> Result<BTreeSet<Digest>, BlobError> {
        let path = place::condemned(self.name_space());
        let Some(found) = present(self.store().get(&path).await)? else {
            return Ok(BTreeSet::new());
        };
        let age = age(&found.meta, SystemTime::now());
        if age > SENTENCE_HOLDS {
            return Ok(BTreeSet::new());
        }
        let lines = text(&found.bytes().await?);
        Ok(lines.lines().filter_map(|line| line.parse().ok()).collect())
    }

    async fn condemn(&self, digests: impl Iterator<Item = Digest>) -> Result<(), BlobError> {
        let lines: String = digests.map(|digest| format!("{digest}\n")).collect();
        let path = place::condemned(self.name_space());
        self.store().put(&path, PutPayload::from(lines)).await?;
        Ok(())
    }

    /// Whether it was written again since it was listed.
    async fn is_renewed(&self, object: &ObjectMeta) -> Result<bool, BlobError> {
        let now = present(self.store().head(&object.location).await)?;
        // Stores say the time more exactly in lists than of one object.
        let time = |object: &ObjectMeta| object.last_modified.timestamp();
        Ok(now.is_none_or(|now| time(&now) != time(object)))
    }

    /// All that pins and manifests of repositories need, themselves included.
    async fn needed(&self, pins: &BTreeSet<Digest>) -> Result<BTreeSet<Digest>, BlobError> {
        let entries = self.entries().await?;
        let manifests = entries.into_iter().filter_map(|(_, entry)| match entry {
            Entry::Manifest(digest) => Some(digest),
            Entry::Tag(_) | Entry::Referrer { .. } => None,
        });
        let mut needed: BTreeSet<Digest> = manifests.chain(pins.iter().copied()).collect();
        let mut open: Vec<Digest> = needed.iter().copied().collect();
        while let Some(digest) = open.pop() {
            for child in self.children_of(&digest).await? {
                // Only documents need something; modules are not read.
                if needed.insert(child.digest) && media_type::is_document(&child.media_type) {
                    open.push(child.digest);
                }
            }
        }
        Ok(needed)
    }

    /// What a blob needs: something if it is a manifest or an index.
    async fn children_of(&self, digest: &Digest) -> Result<Vec<Descriptor>, BlobError> {
        let bytes = match self.read_whole(digest, DOCUMENT_BYTES_MAX).await {
            Ok(bytes) => bytes,
            Err(BlobError::Missing | BlobError::TooLarge { .. }) => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let document = Document::parse(&bytes, None);
        Ok(document.map_or_else(
            |_| Vec::new(),
            |document| document.children().cloned().collect(),
        ))
    }

    /// Gives up uploads to which nothing was added for the time of grace.
    async fn collect_uploads(&self, collection: &Collection) -> Result<u64, BlobError> {
        let prefix = place::uploads(self.name_space());
        let objects: Vec<_> = self.store().list(Some(&prefix)).try_collect().await?;
        let id_of = |object: &ObjectMeta| {
            let relative = object.location.as_ref();
            let relative = relative.strip_prefix(prefix_of(&prefix).as_str())?;
            relative.split('/').next()?.parse::<UploadId>().ok()
        };
        let alive: BTreeSet<_> = objects
            .iter()
            .filter(|object| !is_old(object, collection))
            .filter_map(id_of)
            .collect();
        let all: BTreeSet<_> = objects.iter().filter_map(id_of).collect();
        let mut given_up = 0;
        for id in all.difference(&alive) {
            self.remove_upload(id).await?;
            given_up += 1;
        }
        Ok(given_up)
    }

    /// Removes files of writes that a power cut ended. They are no objects, and a bucket has none.
    async fn collect_remains(&self, collection: &Collection) -> u64 {
        let Some(folder) = self.shared().folder.clone() else {
            return 0;
        };
        let folder = folder.join(place::space(self.name_space()).as_ref());
        let (now, grace) = (collection.now, collection.grace);
        let removed = tokio::task::spawn_blocking(move || remove_remains(&folder, now, grace));
        removed.await.unwrap_or_default()
    }
}

fn remove_remains(folder: &std::path::Path, now: SystemTime, grace: Duration) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return 0;
    };
    let mut removed = 0;
    for entry in entries.flatten() {
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        if metadata.is_dir() {
            removed += remove_remains(&entry.path(), now, grace);
            continue;
        }
        let name = entry.file_name();
        let is_staged = name
            .to_string_lossy()
            .split_once('#')
            .is_some_and(|(_, id)| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()));
        let modified = metadata.modified().unwrap_or(now);
        let is_old = now.duration_since(modified).unwrap_or_default() > grace;
        if is_staged && is_old && std::fs::remove_file(entry.path()).is_ok() {
            removed += 1;
        }
    }
    removed
}

fn is_old(object: &ObjectMeta, collection: &Collection) -> bool {
    age(object, collection.now) > collection.grace
}

fn age(object: &ObjectMeta, now: SystemTime) -> Duration {
    let modified_s = u64::try_from(object.last_modified.timestamp()).unwrap_or(0);
    now.duration_since(UNIX_EPOCH + Duration::from_secs(modified_s))
        .unwrap_or_default()
}
