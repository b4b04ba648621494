//! Collection of what nothing needs: marked from manifests and what the caller needs, deleted after a time of grace.
//!
//! Pushes and publications go on meanwhile. What is to be deleted is written down first (`condemned`), and told to the caller,
//! then the marks are made again, and only what is still unmarked goes. A push makes its manifest visible and then reads what
//! is condemned: either the second marking saw the manifest, or the push sees the sentence and is refused. The caller's own
//! needs are kept by the same rule. Where anything is in doubt, nothing is deleted.

use std::collections::BTreeSet;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::TryStreamExt;
use futures_util::future::BoxFuture;
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
pub const SENTENCE_HOLDS: Duration = Duration::from_secs(3600);
/// How long it is carried out at most, before it is made anew.
const CARRIED_OUT_WITHIN: Duration = Duration::from_secs(600);

/// What is needed whatever repositories say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pins {
    /// Manifests and indices, with all that they need.
    pub documents: BTreeSet<Digest>,
    /// Blobs, and nothing that they name.
    pub blobs: BTreeSet<Digest>,
}

/// Why a keeper could not do what it was asked.
pub type KeeperError = Box<dyn std::error::Error + Send + Sync>;

/// Who knows what else is needed, and must hear before something is deleted.
pub trait Keeper: Send + Sync {
    /// What it needs now.
    fn pins(&self) -> BoxFuture<'_, Result<Pins, KeeperError>>;

    /// These are about to be deleted. When this returned, nothing new needs one of them unless the next [`Keeper::pins`] says
    /// so.
    fn condemn<'a>(
        &'a self,
        digests: &'a BTreeSet<Digest>,
    ) -> BoxFuture<'a, Result<(), KeeperError>>;
}

/// Needs that do not change.
impl Keeper for Pins {
    fn pins(&self) -> BoxFuture<'_, Result<Self, KeeperError>> {
        Box::pin(async { Ok(self.clone()) })
    }

    fn condemn<'a>(&'a self, _: &'a BTreeSet<Digest>) -> BoxFuture<'a, Result<(), KeeperError>> {
        Box::pin(async { Ok(()) })
    }
}

/// What a collection is to do.
#[derive(Clone, Copy)]
pub struct Collection<'a> {
    /// Who knows what else is needed.
    pub keeper: &'a dyn Keeper,
    /// How old something must be before it goes: longer than any push takes.
    pub grace: Duration,
    /// The time now.
    pub now: SystemTime,
}

/// What a collection did, or would do.
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

/// Why a collection ended early. What was not deleted yet stays.
#[derive(Debug)]
#[non_exhaustive]
pub enum CollectError {
    /// The store failed.
    Blobs(BlobError),
    /// Nobody could say what is needed.
    Keeper(KeeperError),
}

impl fmt::Display for CollectError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Blobs(_) => "the blobs cannot be read or deleted",
            Self::Keeper(_) => "it cannot be found out what is needed",
        })
    }
}

impl std::error::Error for CollectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Blobs(error) => Some(error),
            Self::Keeper(error) => Some(error.as_ref()),
        }
    }
}

impl From<BlobError> for CollectError {
    fn from(error: BlobError) -> Self {
        Self::Blobs(error)
    }
}

impl From<object_store::Error> for CollectError {
    fn from(error: object_store::Error) -> Self {
        Self::Blobs(error.into())
    }
}

impl fmt::Debug for Collection<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Collection({:?})", self.grace)
    }
}

/// What nothing needed when it was looked for.
struct Doomed {
    objects: Vec<(Digest, ObjectMeta)>,
    kept: u64,
}

impl Space {
    /// Deletes what nothing needs, and uploads that nobody goes on with. One at a time for a name space.
    ///
    /// # Errors
    /// [`CollectError`]: the store or the keeper failed; what was not deleted yet stays.
    pub async fn collect(&self, collection: &Collection<'_>) -> Result<Collected, CollectError> {
        // What somebody else said before they died is not carried out any more.
        self.acquit().await?;
        let given_up = self.old_uploads(collection).await?;
        for id in &given_up {
            self.remove_upload(id).await?;
        }
        let doomed = self.doomed(collection).await?;
        let mut collected = Collected {
            kept: doomed.kept,
            uploads: given_up.len() as u64,
            ..Collected::default()
        };
        if !doomed.objects.is_empty() {
            self.carry_out(collection, doomed.objects, &mut collected)
                .await?;
            self.shared().ledger.forget(self.name_space());
        }
        collected.remains = self.collect_remains(collection).await;
        Ok(collected)
    }

    /// What [`Space::collect`] would do, files of cut writes excepted.
    ///
    /// # Errors
    /// As [`Space::collect`].
    pub async fn survey(&self, collection: &Collection<'_>) -> Result<Collected, CollectError> {
        let given_up = self.old_uploads(collection).await?;
        let doomed = self.doomed(collection).await?;
        Ok(Collected {
            kept: doomed.kept,
            deleted: doomed.objects.len() as u64,
            deleted_bytes: doomed.objects.iter().map(|(_, object)| object.size).sum(),
            uploads: given_up.len() as u64,
            remains: 0,
        })
    }

    /// What is old and not needed.
    async fn doomed(&self, collection: &Collection<'_>) -> Result<Doomed, CollectError> {
        let needed = self.needed(collection.keeper).await?;
        let mut doomed = Doomed {
            objects: Vec::new(),
            kept: 0,
        };
        let mut blobs = self.store().list(Some(&place::blobs(self.name_space())));
        while let Some(object) = blobs.try_next().await? {
            match place::digest_of(&object.location) {
                Some(digest) if !needed.contains(&digest) && is_old(&object, collection) => {
                    doomed.objects.push((digest, object));
                }
                _ => doomed.kept += 1,
            }
        }
        Ok(doomed)
    }

    /// Says what goes, looks once more whether something needs it, and deletes it.
    async fn carry_out(
        &self,
        collection: &Collection<'_>,
        doomed: Vec<(Digest, ObjectMeta)>,
        collected: &mut Collected,
    ) -> Result<(), CollectError> {
        let digests = doomed.iter().map(|(digest, _)| *digest).collect();
        let began = tokio::time::Instant::now();
        self.condemn(&digests).await?;
        let condemned = collection.keeper.condemn(&digests).await;
        condemned.map_err(CollectError::Keeper)?;
        let needed = self.needed(collection.keeper).await?;
        for (digest, object) in doomed {
            if needed.contains(&digest) || self.is_renewed(&object).await? {
                collected.kept += 1;
                continue;
            }
            // The sentence must still hold when it is carried out.
            if began.elapsed() > CARRIED_OUT_WITHIN {
                collected.kept += 1;
                continue;
            }
            present(self.store().delete(&object.location).await)?;
            collected.deleted += 1;
            collected.deleted_bytes += object.size;
        }
        Ok(self.acquit().await?)
    }

    async fn acquit(&self) -> Result<(), BlobError> {
        let path = place::condemned(self.name_space());
        present(self.store().delete(&path).await)?;
        Ok(())
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

    async fn condemn(&self, digests: &BTreeSet<Digest>) -> Result<(), BlobError> {
        let lines: String = digests.iter().map(|digest| format!("{digest}\n")).collect();
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

    /// All that the keeper and manifests of repositories need, themselves included.
    async fn needed(&self, keeper: &dyn Keeper) -> Result<BTreeSet<Digest>, CollectError> {
        let pins = keeper.pins().await.map_err(CollectError::Keeper)?;
        let entries = self.entries().await?;
        let manifests = entries.into_iter().filter_map(|(_, entry)| match entry {
            Entry::Manifest(digest) => Some(digest),
            Entry::Tag(_) | Entry::Referrer { .. } => None,
        });
        let documents: BTreeSet<Digest> = manifests.chain(pins.documents).collect();
        let mut open: Vec<Digest> = documents.iter().copied().collect();
        let mut needed = documents;
        while let Some(digest) = open.pop() {
            for child in self.children_of(&digest).await? {
                // Only documents need something; modules are not read.
                if needed.insert(child.digest) && media_type::is_document(&child.media_type) {
                    open.push(child.digest);
                }
            }
        }
        needed.extend(pins.blobs);
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

    /// Uploads to which nothing was added for the time of grace.
    async fn old_uploads(&self, collection: &Collection<'_>) -> Result<Vec<UploadId>, BlobError> {
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
        Ok(all.difference(&alive).cloned().collect())
    }

    /// Removes files of writes that a power cut ended. They are no objects, and a bucket has none.
    async fn collect_remains(&self, collection: &Collection<'_>) -> u64 {
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

fn is_old(object: &ObjectMeta, collection: &Collection<'_>) -> bool {
    age(object, collection.now) > collection.grace
}

fn age(object: &ObjectMeta, now: SystemTime) -> Duration {
    let modified_s = u64::try_from(object.last_modified.timestamp()).unwrap_or(0);
    now.duration_since(UNIX_EPOCH + Duration::from_secs(modified_s))
        .unwrap_or_default()
}
