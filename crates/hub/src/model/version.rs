//! What is kept of a version of an app (`AppVersion::document`): its containers with their images by digest.
//!
//! Documents are JSON, and a hub reads those of the hubs before it: a field that is added has a default.

use serde::{Deserialize, Serialize};
use thimble_hub_api::app::ContainerSpec;

/// A published version.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct VersionDocument {
    /// Its containers, each after those that it depends on.
    pub containers: Vec<PinnedContainer>,
}

/// A container whose image cannot change any more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PinnedContainer {
    /// What was declared.
    pub spec: ContainerSpec,
    /// What its image is.
    pub image: PinnedImage,
}

/// An image by digest, with everything that a device has to fetch for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinnedImage {
    /// Its name, for people: `sensors/reader:1.2`.
    pub reference: String,
    /// Its manifest.
    pub manifest: PinnedBlob,
    /// Its configuration.
    pub config: PinnedBlob,
    /// Its one layer, the module.
    pub layer: PinnedBlob,
    /// Signatures: manifests that are about it, and their layers and configurations.
    pub referrers: Vec<PinnedBlob>,
}

/// A blob and its size.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinnedBlob {
    /// `sha256:…`.
    pub digest: String,
    /// Its bytes.
    pub bytes: u32,
}
