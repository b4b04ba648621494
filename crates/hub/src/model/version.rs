//! What is kept of a version of an app (`AppVersion::document`): its containers, with their images by digest.
//!
//! Documents are JSON, and a hub reads those of the hubs before it: a field that is added has a default.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use thimble_hub_api::app::ContainerSpec;
use thimble_image::Digest;

/// A published version.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct VersionDocument {
    /// Its containers, each after those that it depends on. Their images are `REPOSITORY[:TAG]@sha256:…`: the tag is for people.
    pub containers: Vec<ContainerSpec>,
}

impl VersionDocument {
    /// The digests of its images. One without a digest is left out: versions that are published have one.
    #[must_use]
    pub fn digests(&self) -> BTreeSet<[u8; 32]> {
        let digest = |image: &str| image.split_once('@')?.1.parse::<Digest>().ok();
        let images = self.containers.iter();
        images
            .filter_map(|container| Some(*digest(&container.image)?.as_bytes()))
            .collect()
    }

    /// Whether this is what was declared, as far as that says it: a tag may have become a digest.
    #[must_use]
    pub fn is_declared_by(&self, declared: &[ContainerSpec]) -> bool {
        let is_same = |(kept, declared): (&ContainerSpec, &ContainerSpec)| {
            let image = kept.image.strip_prefix(declared.image.as_str());
            let is_same_image = image.is_some_and(|rest| rest.is_empty() || rest.starts_with('@'));
            let kept = ContainerSpec {
                image: declared.image.clone(),
                ..kept.clone()
            };
            is_same_image && kept == *declared
        };
        self.containers.len() == declared.len() && self.containers.iter().zip(declared).all(is_same)
    }
}
