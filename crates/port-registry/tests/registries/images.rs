//! Images for tests, and what the tests say to a registry.

use std::time::Duration;

use thimble_image::registry::Found;
use thimble_image::{Descriptor, Document, Index, Manifest, Platform, Reference, media_type};
use thimble_port_registry::{BlobProgress, Proxies, PullError, Registries, Settings, Watch};
use thimble_testkit::blobs::{MemoryError, MemoryStore};

/// An image in a store: its manifest.
pub(crate) fn image(store: &MemoryStore, layer: &[u8]) -> Descriptor {
    let config = store.add(media_type::WASM_CONFIG, b"{\"os\":\"wasip1\"}");
    let layer = store.add(media_type::WASM, layer);
    let manifest = Manifest::new(config, vec![layer]);
    store.add(media_type::MANIFEST, &manifest.to_json())
}

/// An index in a store.
pub(crate) fn index(store: &MemoryStore, entries: &[(Descriptor, Platform)]) -> Descriptor {
    let entries = entries.iter().map(|(entry, platform)| Descriptor {
        platform: Some(platform.clone()),
        ..entry.clone()
    });
    let index = Index::new(entries.collect());
    store.add(media_type::INDEX, &index.to_json())
}

/// A signature in a store, of the right form and without meaning.
pub(crate) fn signature(store: &MemoryStore, subject: &Descriptor, envelope: &[u8]) -> Descriptor {
    let config = store.add(media_type::NOTARY_SIGNATURE, b"{}");
    let layer = store.add(media_type::COSE, envelope);
    let mut manifest = Manifest::new(config, vec![layer]);
    manifest.artifact_type = Some(media_type::NOTARY_SIGNATURE.into());
    manifest.subject = Some(subject.clone());
    store.add(media_type::MANIFEST, &manifest.to_json())
}

/// All that a document needs, itself included.
pub(crate) fn closure(store: &MemoryStore, root: &Descriptor) -> Vec<Descriptor> {
    let bytes = store.content(&root.digest).unwrap();
    let mut all = vec![root.clone()];
    let document = Document::parse(&bytes, Some(&root.media_type)).unwrap();
    for child in document.children() {
        if media_type::is_manifest(&child.media_type) {
            all.extend(closure(store, child));
        } else {
            all.push(child.clone());
        }
    }
    all
}

/// Settings with which a test waits for nothing longer than it must.
pub(crate) fn settings() -> Settings {
    let nowhere = std::env::temp_dir().join("thimble-no-such-folder");
    Settings {
        docker_config: Some(nowhere),
        backoff: Duration::from_millis(1),
        proxies: Proxies::default(),
        ..Settings::default()
    }
}

pub(crate) fn reference(text: &str) -> Reference {
    text.parse().unwrap()
}

/// Remembers what it was told.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) blobs: Vec<(Descriptor, BlobProgress)>,
    pub(crate) retries: Vec<(String, Duration)>,
    pub(crate) notes: Vec<String>,
}

impl Told {
    pub(crate) fn count(&self, wanted: BlobProgress) -> usize {
        let blobs = self.blobs.iter();
        blobs.filter(|(_, progress)| *progress == wanted).count()
    }
}

impl Watch for Told {
    fn blob(&mut self, blob: &Descriptor, state: BlobProgress) {
        self.blobs.push((blob.clone(), state));
    }

    fn retry(&mut self, reason: &str, wait: Duration) {
        self.retries.push((reason.into(), wait));
    }

    fn note(&mut self, text: &str) {
        self.notes.push(text.into());
    }
}

/// Pulls without looking.
pub(crate) fn pull(
    registries: &Registries,
    from: &str,
    store: &MemoryStore,
    told: &mut Told,
) -> Result<Found, PullError<MemoryError>> {
    registries.pull(&reference(from), &[], store, told, &mut |_| Ok(()))
}

/// Whether a store has everything that another has of an image.
pub(crate) fn assert_same(here: &MemoryStore, there: &MemoryStore, root: &Descriptor) {
    for blob in closure(there, root) {
        let bytes = here.content(&blob.digest);
        let expected = there.content(&blob.digest).unwrap();
        assert!(
            bytes == Some(expected),
            "{} is missing or damaged",
            blob.digest
        );
    }
}
