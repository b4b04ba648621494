//! Which manifests are about another one.

use futures_util::{StreamExt, TryStreamExt};
use object_store::{ObjectStoreExt, PutPayload};
use thimble_image::{Descriptor, Digest};

use crate::error::BlobError;
use crate::names::Repository;
use crate::place;
use crate::space::{Space, present};

/// Descriptors that are read at a time.
const PARALLEL_READS: usize = 8;

impl Space {
    /// The manifests about this one, in the order of their digests: those after the given one, of this kind if one is
    /// given, at most so many; and whether there are more.
    ///
    /// # Errors
    /// The store failed.
    pub async fn referrers(
        &self,
        repository: &Repository,
        subject: &Digest,
        artifact_type: Option<&str>,
        after: Option<Digest>,
        max: usize,
    ) -> Result<(Vec<Descriptor>, bool), BlobError> {
        let prefix = place::referrers(self.name_space(), repository, subject);
        let objects = self.store().list(Some(&prefix));
        let digests =
            objects.try_filter_map(|object| async move { Ok(place::digest_of(&object.location)) });
        let mut digests: Vec<Digest> = digests.try_collect().await?;
        digests.sort();
        digests.retain(|digest| after.is_none_or(|after| *digest > after));
        let found = futures_util::stream::iter(digests.into_iter().map(|digest| {
            let path = place::referrer(self.name_space(), repository, subject, &digest);
            async move {
                match present(self.store().get(&path).await)? {
                    Some(found) => Ok(Some(found.bytes().await?)),
                    None => Ok::<_, BlobError>(None),
                }
            }
        }))
        .buffered(PARALLEL_READS);
        let mut found = std::pin::pin!(found);
        let mut descriptors = Vec::new();
        while let Some(bytes) = found.try_next().await? {
            // Anything else was not written by us.
            let descriptor = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
            let Some(descriptor): Option<Descriptor> = descriptor else {
                continue;
            };
            if artifact_type.is_some_and(|kind| descriptor.artifact_type.as_deref() != Some(kind)) {
                continue;
            }
            if descriptors.len() == max {
                return Ok((descriptors, true));
            }
            descriptors.push(descriptor);
        }
        Ok((descriptors, false))
    }

    pub(crate) async fn put_referrer(
        &self,
        repository: &Repository,
        subject: &Digest,
        descriptor: &Descriptor,
    ) -> Result<(), BlobError> {
        let path = place::referrer(self.name_space(), repository, subject, &descriptor.digest);
        // Strings, numbers and maps with string keys: nothing that JSON cannot hold.
        let bytes = serde_json::to_vec(descriptor).unwrap_or_default();
        self.store().put(&path, PutPayload::from(bytes)).await?;
        Ok(())
    }
}
