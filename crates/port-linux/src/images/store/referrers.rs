//! What is about what: an empty file `SUBJECT-MANIFEST` for each manifest that has a subject.
//!
//! The file is durable before the manifest is visible. It is a hint: whoever follows it verifies what it says.

use std::collections::BTreeSet;

use thimble_image::document::DOCUMENT_BYTES_MAX;
use thimble_image::layout::BLOBS_FOLDER;
use thimble_image::media_type;
use thimble_image::{Descriptor, Digest, Document};

use super::disk::{self, Open};
use super::lock::Held;
use super::{Inner, StoreError};

pub(super) const REFERRERS_FOLDER: &str = "referrers";
/// The file without which the folder is not known to be complete.
const COMPLETE_FILE: &str = "complete";

/// A manifest is said to be about a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Hint {
    pub(super) subject: Digest,
    pub(super) manifest: Digest,
}

impl Hint {
    fn parse(name: &str) -> Option<Self> {
        let (subject, manifest) = name.split_once('-')?;
        Some(Self {
            subject: Digest::from_hex(subject)?,
            manifest: Digest::from_hex(manifest)?,
        })
    }

    pub(super) fn path(&self) -> String {
        let name = format!("{}-{}", self.subject.hex(), self.manifest.hex());
        disk::join(REFERRERS_FOLDER, &name)
    }
}

impl Inner {
    pub(super) fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, StoreError> {
        let mut found = Vec::new();
        let hints = self.hints()?;
        for hint in hints.iter().filter(|hint| hint.subject == *subject) {
            let content = match self.read_verified(&hint.manifest, DOCUMENT_BYTES_MAX) {
                // The hint came first and the power went, or it is pruned.
                Err(StoreError::Missing { .. }) => continue,
                content => content?,
            };
            let Ok(document) = Document::parse(&content, None) else {
                continue;
            };
            if document.subject().map(|own| own.digest) == Some(*subject) {
                found.push(describe(&content, document));
            }
        }
        Ok(found)
    }

    pub(super) fn hints(&self) -> Result<BTreeSet<Hint>, StoreError> {
        let names = self.disk.list(REFERRERS_FOLDER);
        let names = names.map_err(self.fault("list", REFERRERS_FOLDER))?;
        Ok(names.iter().filter_map(|name| Hint::parse(name)).collect())
    }

    /// Notes durably what a document is about, if it is about anything.
    pub(super) fn note_subject(
        &self,
        _held: &Held,
        digest: &Digest,
        content: &[u8],
    ) -> Result<(), StoreError> {
        let Some(hint) = hint_of(digest, content) else {
            return Ok(());
        };
        self.make_file(&hint.path())?;
        self.sync_folder(REFERRERS_FOLDER)
    }

    /// Makes the folder from the documents among the blobs, unless it is there and complete.
    pub(super) fn require_referrers(&self, held: &Held) -> Result<(), StoreError> {
        self.make_folder(REFERRERS_FOLDER)?;
        let complete = disk::join(REFERRERS_FOLDER, COMPLETE_FILE);
        let entry = self.disk.entry(&complete);
        if entry.map_err(self.fault("look up", &complete))?.is_some() {
            return Ok(());
        }
        self.find_subjects(held)?;
        self.sync_folder("")?;
        self.make_file(&complete)?;
        self.sync_folder(REFERRERS_FOLDER)
    }

    /// Notes the subject of every document among the blobs, durably.
    pub(super) fn find_subjects(&self, _held: &Held) -> Result<(), StoreError> {
        for (digest, bytes) in self.lengths(BLOBS_FOLDER)? {
            if bytes > DOCUMENT_BYTES_MAX {
                continue;
            }
            let content = match self.read_verified(&digest, DOCUMENT_BYTES_MAX) {
                // Nothing that could be relied on.
                Err(StoreError::Missing { .. } | StoreError::Damaged { .. }) => continue,
                content => content?,
            };
            if let Some(hint) = hint_of(&digest, &content) {
                self.make_file(&hint.path())?;
            }
        }
        self.sync_folder(REFERRERS_FOLDER)
    }

    fn make_file(&self, path: &str) -> Result<(), StoreError> {
        match self.disk.open(path, Open::Make) {
            Ok(_) => Ok(()),
            Err(error) => Err(self.write_fault("make", path, 0, error)),
        }
    }
}

fn hint_of(manifest: &Digest, content: &[u8]) -> Option<Hint> {
    if !content.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    let document = Document::parse(content, None).ok()?;
    Some(Hint {
        subject: document.subject()?.digest,
        manifest: *manifest,
    })
}

/// What a registry would say of a referrer (OCI distribution specification, listing referrers).
fn describe(content: &[u8], document: Document) -> Descriptor {
    let (own_type, default_type, artifact_type, annotations) = match document {
        Document::Manifest(manifest) => {
            let artifact_type = manifest.artifact_type.unwrap_or(manifest.config.media_type);
            let own = manifest.media_type;
            (
                own,
                media_type::MANIFEST,
                Some(artifact_type),
                manifest.annotations,
            )
        }
        Document::Index(index) => (
            index.media_type,
            media_type::INDEX,
            index.artifact_type,
            index.annotations,
        ),
    };
    let mut referrer = Descriptor::of(own_type.as_deref().unwrap_or(default_type), content);
    referrer.artifact_type = artifact_type;
    referrer.annotations = annotations;
    referrer
}
