//! What is in use: everything that names, pins and sessions lead to.
//!
//! A document that cannot be read may lead anywhere, so that nothing can be called unused then.

use std::collections::BTreeSet;
use std::sync::Arc;

use thimble_image::document::DOCUMENT_BYTES_MAX;
use thimble_image::layout::blob_path;
use thimble_image::{Descriptor, Digest, Document, media_type};

use super::blobs::Presence;
use super::index::ImageList;
use super::lock::Held;
use super::referrers::Hint;
use super::session::Trust;
use super::{Inner, StoreError};

/// How an entry of another algorithm is known: its blobs are not among ours.
const OWN_ALGORITHM: &str = "sha256:";

/// Finds what is in use, from one root after the other.
pub(super) struct Reach<'a> {
    inner: &'a Inner,
    hints: BTreeSet<Hint>,
    kept: BTreeSet<Digest>,
    /// Documents whose children are kept.
    walked: BTreeSet<Digest>,
    queue: Vec<Visit>,
}

struct Visit {
    digest: Digest,
    /// What it is, if that is known.
    media_type: Option<String>,
    need: Need,
    user: Arc<str>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Need {
    /// If it is missing, something that is needed is not known.
    Required,
    /// It may be missing: on its way, or for another platform.
    Optional,
}

impl<'a> Reach<'a> {
    pub(super) fn new(inner: &'a Inner) -> Result<Self, StoreError> {
        Ok(Self {
            inner,
            hints: inner.hints()?,
            kept: BTreeSet::new(),
            walked: BTreeSet::new(),
            queue: Vec::new(),
        })
    }

    /// What all names, pins and living sessions use.
    pub(super) fn of_store(
        inner: &'a Inner,
        held: &Held,
        list: &ImageList,
    ) -> Result<BTreeSet<Digest>, StoreError> {
        let mut reach = Self::new(inner)?;
        for entry in list.entries() {
            match entry {
                Ok(root) => reach.add_root(&root),
                Err(text) if text.contains(OWN_ALGORITHM) => {
                    return Err(StoreError::Unreadable {
                        user: "an image that another tool put into the store".into(),
                        document: "index.json".into(),
                        reason: format!("the entry {text} is not understood"),
                    });
                }
                Err(_) => {}
            }
        }
        for (owner, digests) in inner.pins_locked(held)? {
            let user: Arc<str> = owner.into();
            for digest in digests {
                reach.add(digest, None, Need::Required, &user);
            }
        }
        let session: Arc<str> = "a pull or container under way".into();
        for digest in inner.leases(held)?.0.into_keys() {
            reach.add(digest, None, Need::Optional, &session);
        }
        reach.finish()
    }

    pub(super) fn add_root(&mut self, root: &Descriptor) {
        let user = root.ref_name().unwrap_or("an image without name").into();
        self.add(root.digest, Some(&root.media_type), Need::Required, &user);
    }

    /// Follows everything to its end.
    pub(super) fn finish(mut self) -> Result<BTreeSet<Digest>, StoreError> {
        loop {
            while let Some(visit) = self.queue.pop() {
                self.visit(&visit)?;
            }
            self.add_referrers()?;
            if self.queue.is_empty() {
                return Ok(self.kept);
            }
        }
    }

    /// Follows everything as far as documents can be read.
    pub(super) fn finish_leniently(mut self) -> Result<BTreeSet<Digest>, StoreError> {
        loop {
            while let Some(visit) = self.queue.pop() {
                match self.visit(&visit) {
                    Ok(()) | Err(StoreError::Unreadable { .. }) => {}
                    Err(error) => return Err(error),
                }
            }
            self.add_referrers()?;
            if self.queue.is_empty() {
                return Ok(self.kept);
            }
        }
    }

    fn add(&mut self, digest: Digest, media_type: Option<&str>, need: Need, user: &Arc<str>) {
        self.queue.push(Visit {
            digest,
            media_type: media_type.map(Into::into),
            need,
            user: Arc::clone(user),
        });
    }

    fn visit(&mut self, visit: &Visit) -> Result<(), StoreError> {
        self.kept.insert(visit.digest);
        let media_type = visit.media_type.as_deref();
        let is_leaf = media_type.is_some_and(|media_type| !media_type::is_document(media_type));
        if is_leaf || self.walked.contains(&visit.digest) {
            return Ok(());
        }
        let unreadable = |reason: String| StoreError::Unreadable {
            user: visit.user.to_string(),
            document: visit.digest.to_string(),
            reason,
        };
        let content = match self.inner.read_verified(&visit.digest, DOCUMENT_BYTES_MAX) {
            Ok(content) => content,
            Err(StoreError::Missing { .. }) if visit.need == Need::Optional => return Ok(()),
            // Too large for a document, and nobody says that it is one.
            Err(StoreError::TooLarge { .. }) if media_type.is_none() => return Ok(()),
            Err(StoreError::Missing { .. }) => return Err(unreadable("it is missing".into())),
            Err(StoreError::Damaged { .. }) => return Err(unreadable("it is damaged".into())),
            Err(StoreError::TooLarge { .. }) => return Err(unreadable("it is too large".into())),
            Err(error) => return Err(error),
        };
        let document = match Document::parse(&content, media_type) {
            Ok(document) => document,
            Err(_) if media_type.is_none() => return Ok(()),
            Err(error) => return Err(unreadable(error.to_string())),
        };
        self.walked.insert(visit.digest);
        for child in document.children() {
            self.add(
                child.digest,
                Some(&child.media_type),
                Need::Optional,
                &visit.user,
            );
        }
        Ok(())
    }

    /// Adds what is about something in use. The hint alone counts: keeping too much does no harm.
    fn add_referrers(&mut self) -> Result<(), StoreError> {
        let user: Arc<str> = "a signature".into();
        let (now, later) = std::mem::take(&mut self.hints)
            .into_iter()
            .partition::<BTreeSet<Hint>, _>(|hint| self.kept.contains(&hint.subject));
        self.hints = later;
        for hint in now {
            let path = blob_path(&hint.manifest);
            let entry = self.inner.disk.entry(&path);
            // The hint comes first; what is about a manifest that never came is not in use.
            if entry.map_err(self.inner.fault("look up", &path))?.is_some() {
                self.add(hint.manifest, None, Need::Optional, &user);
            }
        }
        Ok(())
    }
}

impl Inner {
    /// Checks that an image has all that it needs: everything for a manifest; for an index, the manifests that are
    /// here with all that they need. Answers what that is.
    pub(super) fn require_complete(&self, root: &Descriptor) -> Result<Vec<Digest>, StoreError> {
        let mut needed = BTreeSet::new();
        let mut queue = vec![(root.clone(), Need::Required)];
        while let Some((blob, need)) = queue.pop() {
            match self.presence(&blob, Trust::Size)? {
                Presence::Good => {}
                Presence::Missing if need == Need::Optional => continue,
                Presence::Missing => {
                    return Err(StoreError::Missing {
                        digest: blob.digest,
                    });
                }
                Presence::Damaged => {
                    return Err(StoreError::Damaged {
                        digest: blob.digest,
                    });
                }
            }
            if !needed.insert(blob.digest) || !media_type::is_document(&blob.media_type) {
                continue;
            }
            let document = self.document(&blob)?;
            let need = match document {
                Document::Manifest(_) => Need::Required,
                Document::Index(_) => Need::Optional,
            };
            queue.extend(document.children().map(|child| (child.clone(), need)));
        }
        Ok(needed.into_iter().collect())
    }
}
