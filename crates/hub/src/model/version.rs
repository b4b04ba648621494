//! What is kept of a version of an app (`AppVersion::document`): its containers, with their images by digest.
//!
//! Documents are JSON, and a hub reads those of the hubs before it: a field that is added has a default.

use serde::{Deserialize, Serialize};
use thimble_hub_api::app::ContainerSpec;

/// A published version.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct VersionDocument {
    /// Its containers, each after those that it depends on. Their images are `REPOSITORY[:TAG]@sha256:…`: the tag is for people.
    pub containers: Vec<ContainerSpec>,
}

impl VersionDocument {
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
