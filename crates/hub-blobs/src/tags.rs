//! Tags of repositories, and which repositories there are.

use std::collections::BTreeSet;

use futures_util::{StreamExt, TryStreamExt};
use object_store::{ObjectStoreExt, PutPayload};
use thimble_image::Digest;

use crate::error::BlobError;
use crate::manifests::{Manifest, text};
use crate::names::{Repository, Tag};
use crate::place::{self, Entry};
use crate::space::{Space, present};

/// Tags that are read at a time.
const PARALLEL_READS: usize = 8;

impl Space {
    /// The tags of a repository after this one, in the order of their bytes, at most so many; and whether there are more.
    ///
    /// # Errors
    /// [`BlobError::Missing`] if there is no such repository, or the store failed.
    pub async fn tags(
        &self,
        repository: &Repository,
        after: Option<&str>,
        max: usize,
    ) -> Result<(Vec<Tag>, bool), BlobError> {
        let mut tags = self.all_tags(repository).await?;
        if tags.is_empty() && !self.has_repository(repository).await? {
            return Err(BlobError::Missing);
        }
        if let Some(after) = after {
            tags.retain(|tag| tag.as_str() > after);
        }
        let has_more = tags.len() > max;
        Ok((tags.into_iter().take(max).collect(), has_more))
    }

    /// The repositories, in the order of their names.
    ///
    /// # Errors
    /// The store failed.
    pub async fn repositories(&self) -> Result<Vec<Repository>, BlobError> {
        let entries = self.entries().await?;
        let repositories: BTreeSet<_> = entries
            .into_iter()
            .map(|(repository, _)| repository)
            .collect();
        Ok(repositories.into_iter().collect())
    }

    /// Everything that repositories have.
    pub(crate) async fn entries(&self) -> Result<Vec<(Repository, Entry)>, BlobError> {
        let folder = place::repositories(self.name_space());
        let prefix = prefix_of(&folder);
        let objects = self.store().list(Some(&folder));
        let entries = objects.try_filter_map(|object| {
            let relative = object.location.as_ref().strip_prefix(prefix.as_str());
            let entry = relative.and_then(place::entry);
            async move { Ok(entry) }
        });
        Ok(entries.try_collect().await?)
    }

    pub(crate) async fn tags_and_digests(
        &self,
        repository: &Repository,
    ) -> Result<Vec<(Tag, Digest)>, BlobError> {
        let tags = self.all_tags(repository).await?;
        futures_util::stream::iter(tags.into_iter().map(|tag| async move {
            let manifest = self.tag(repository, &tag).await?;
            Ok(manifest.map(|manifest| (tag, manifest.digest)))
        }))
        .buffer_unordered(PARALLEL_READS)
        .try_filter_map(|found| async move { Ok(found) })
        .try_collect()
        .await
    }

    pub(crate) async fn tag(
        &self,
        repository: &Repository,
        tag: &Tag,
    ) -> Result<Option<Manifest>, BlobError> {
        let path = place::tag(self.name_space(), repository, tag);
        let Some(found) = present(self.store().get(&path).await)? else {
            return Ok(None);
        };
        let said = text(&found.bytes().await?);
        // Anything else was not written by us, and names nothing.
        let manifest = said.split_once(' ').and_then(|(digest, media_type)| {
            Some(Manifest {
                digest: digest.parse().ok()?,
                media_type: media_type.into(),
            })
        });
        Ok(manifest)
    }

    pub(crate) async fn put_tag(
        &self,
        repository: &Repository,
        tag: &Tag,
        manifest: &Manifest,
    ) -> Result<(), BlobError> {
        let path = place::tag(self.name_space(), repository, tag);
        let payload = PutPayload::from(format!("{} {}", manifest.digest, manifest.media_type));
        self.store().put(&path, payload).await?;
        Ok(())
    }

    async fn all_tags(&self, repository: &Repository) -> Result<Vec<Tag>, BlobError> {
        let objects = self
            .store()
            .list(Some(&place::tags(self.name_space(), repository)));
        let tags = objects.try_filter_map(|object| async move {
            Ok(object
                .location
                .filename()
                .and_then(|name| name.parse().ok()))
        });
        let mut tags: Vec<Tag> = tags.try_collect().await?;
        tags.sort();
        Ok(tags)
    }

    async fn has_repository(&self, repository: &Repository) -> Result<bool, BlobError> {
        let prefix = place::manifests(self.name_space(), repository);
        let first = self.store().list(Some(&prefix)).next().await;
        Ok(first.transpose()?.is_some())
    }
}

/// A path as the beginning of others.
pub(crate) fn prefix_of(path: &object_store::path::Path) -> String {
    format!("{path}/")
}
