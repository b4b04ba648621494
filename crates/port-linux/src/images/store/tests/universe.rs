//! The images of the tests: manifests that share layers, indexes, signatures and a signature's signature.

use std::collections::{BTreeMap, BTreeSet};

use thimble_image::document::{Index, Manifest};
use thimble_image::{Descriptor, Digest, Document, media_type};

use super::random::Random;

pub(super) struct Universe {
    pub(super) blobs: BTreeMap<Digest, (Descriptor, Vec<u8>)>,
    pub(super) documents: BTreeMap<Digest, Document>,
    /// Manifests, indexes and signatures.
    pub(super) roots: Vec<Descriptor>,
}

impl Universe {
    pub(super) fn new(random: &mut Random) -> Self {
        let mut universe = Self {
            blobs: BTreeMap::new(),
            documents: BTreeMap::new(),
            roots: Vec::new(),
        };
        let layers: Vec<Descriptor> = (0..6)
            .map(|_| {
                let length = random.below(1500);
                let mut content = random.bytes(length);
                if random.below(3) == 0 {
                    content.resize(length + 700, 0);
                }
                universe.add(media_type::WASM, content)
            })
            .collect();
        let mut manifests = Vec::new();
        for number in 0..6 {
            let config = format!(r#"{{"number":{}}}"#, number / 2);
            let config = universe.add(media_type::WASM_CONFIG, config.into_bytes());
            let count = 1 + random.below(3);
            let layers = (0..count).map(|_| random.pick(&layers).clone()).collect();
            let mut manifest = Manifest::new(config, layers);
            manifest
                .annotations
                .insert("number".into(), number.to_string());
            manifests.push(universe.add(media_type::MANIFEST, manifest.to_json()));
        }
        let mut subjects = manifests.clone();
        for pair in manifests.chunks(2).take(2) {
            subjects.push(universe.add(media_type::INDEX, Index::new(pair.to_vec()).to_json()));
        }
        universe.roots.clone_from(&subjects);
        for _ in 0..4 {
            let subject = random.pick(&subjects).clone();
            let signature = universe.sign(&subject, &random.bytes(100));
            subjects.push(signature.clone());
            universe.roots.push(signature);
        }
        universe
    }

    pub(super) fn sign(&mut self, subject: &Descriptor, envelope: &[u8]) -> Descriptor {
        let config = self.add(media_type::NOTARY_SIGNATURE, b"{}".to_vec());
        let layer = self.add(media_type::COSE, envelope.to_vec());
        let mut manifest = Manifest::new(config, vec![layer]);
        manifest.subject = Some(subject.clone());
        self.add(media_type::MANIFEST, manifest.to_json())
    }

    pub(super) fn add(&mut self, media_type: &str, content: Vec<u8>) -> Descriptor {
        let blob = Descriptor::of(media_type, &content);
        if media_type::is_document(media_type) {
            let document = Document::parse(&content, None).unwrap();
            self.documents.insert(blob.digest, document);
        }
        self.blobs.insert(blob.digest, (blob.clone(), content));
        blob
    }

    /// An image with everything that it needs, documents last.
    pub(super) fn needed(&self, root: &Digest) -> Vec<Digest> {
        let mut found = Vec::new();
        for child in self
            .documents
            .get(root)
            .into_iter()
            .flat_map(Document::children)
        {
            for digest in self.needed(&child.digest) {
                if !found.contains(&digest) {
                    found.push(digest);
                }
            }
        }
        found.push(*root);
        found
    }

    /// Everything that these lead to, through the documents that are present; with what is about it.
    pub(super) fn reach(
        &self,
        roots: impl IntoIterator<Item = Digest>,
        present: &BTreeSet<Digest>,
    ) -> BTreeSet<Digest> {
        let mut reached = BTreeSet::new();
        let mut queue: Vec<Digest> = roots.into_iter().collect();
        loop {
            while let Some(digest) = queue.pop() {
                if reached.insert(digest) && present.contains(&digest) {
                    let document = self.documents.get(&digest);
                    let children = document.into_iter().flat_map(Document::children);
                    queue.extend(children.map(|child| child.digest));
                }
            }
            let about = self.documents.iter().filter(|(digest, document)| {
                let subject = document.subject();
                present.contains(digest)
                    && !reached.contains(digest)
                    && subject.is_some_and(|subject| reached.contains(&subject.digest))
            });
            queue.extend(about.map(|(digest, _)| *digest));
            if queue.is_empty() {
                return reached;
            }
        }
    }
}
