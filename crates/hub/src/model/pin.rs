//! From the name of an image to what it is now: found in the hub's registry, and kept by digest.

use std::fmt;

use thimble_hub_api::app::ContainerSpec;
use thimble_hub_blobs::{
    BlobError, ManifestError, ManifestName, NameSpace, Repository, Space, Tag,
};
use thimble_hub_store::TenantId;
use thimble_image::{Descriptor, Digest, Document, Manifest};

use super::version::{PinnedBlob, PinnedContainer, PinnedImage};
use crate::hub::Hub;

/// Signatures of an image at most that are sent along.
const REFERRERS_MAX: usize = 16;

/// Why an image cannot be deployed.
#[derive(Debug)]
#[non_exhaustive]
pub enum PinError {
    /// It is not the name of an image.
    Name {
        /// What was given.
        image: String,
    },
    /// There is none in the hub's registry.
    Missing {
        /// What was given.
        image: String,
    },
    /// It is not an image that devices run.
    Unfit {
        /// What was given.
        image: String,
        /// Why.
        reason: String,
    },
    /// The tenant's id is no name of its blobs.
    NameSpace,
    /// The registry failed.
    Blobs(BlobError),
}

impl fmt::Display for PinError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name { image } => write!(
                formatter,
                "`{}` is not an image: write REPOSITORY:TAG or REPOSITORY@sha256:…, without the hub and the tenant",
                image.escape_debug()
            ),
            Self::Missing { image } => write!(
                formatter,
                "there is no image {image} in the hub's registry: push it there first"
            ),
            Self::Unfit { image, reason } => {
                write!(formatter, "the image {image} cannot be deployed: {reason}")
            }
            Self::NameSpace => formatter.write_str("the tenant has no place for blobs"),
            Self::Blobs(_) => formatter.write_str("the hub's registry failed"),
        }
    }
}

impl std::error::Error for PinError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Blobs(error) => Some(error),
            _ => None,
        }
    }
}

/// A tenant's part of the blobs.
///
/// # Errors
/// [`PinError::NameSpace`], which cannot happen: an id is a name.
pub fn space(hub: &Hub, tenant: TenantId) -> Result<Space, PinError> {
    let name_space: NameSpace = tenant
        .to_string()
        .parse()
        .map_err(|_| PinError::NameSpace)?;
    Ok(hub
        .blobs
        .space(name_space, hub.settings.blobs.tenant_bytes_max))
}

/// Finds the image of a container.
///
/// # Errors
/// [`PinError`].
pub async fn pin(space: &Space, spec: &ContainerSpec) -> Result<PinnedContainer, PinError> {
    let (repository, name) = parse(&spec.image)?;
    let missing = || PinError::Missing {
        image: spec.image.clone(),
    };
    let unfit = |reason: String| PinError::Unfit {
        image: spec.image.clone(),
        reason,
    };
    let read = |error: ManifestError| match error {
        ManifestError::Missing => missing(),
        ManifestError::Blob(error) => PinError::Blobs(error),
        other => PinError::Unfit {
            image: spec.image.clone(),
            reason: other.to_string(),
        },
    };
    let found = space.resolve(&repository, &name).await.map_err(read)?;
    let bytes = space.manifest_bytes(&found).await.map_err(read)?;
    let document = Document::parse(&bytes, Some(&found.media_type))
        .map_err(|error| unfit(error.to_string()))?;
    let (digest, manifest, bytes) = match document {
        Document::Manifest(manifest) => (found.digest, manifest, bytes.len()),
        Document::Index(index) => {
            // Devices run what is for every machine.
            let chosen = index
                .choose(&[thimble_image::Platform::wasm()])
                .ok_or_else(|| unfit("its index holds no WebAssembly".to_owned()))?
                .digest;
            let name = ManifestName::Digest(chosen);
            let found = space.resolve(&repository, &name).await.map_err(read)?;
            let bytes = space.manifest_bytes(&found).await.map_err(read)?;
            match Document::parse(&bytes, Some(&found.media_type)) {
                Ok(Document::Manifest(manifest)) => (chosen, manifest, bytes.len()),
                _ => return Err(unfit("its index holds another index".to_owned())),
            }
        }
    };
    let [layer] = manifest.layers.as_slice() else {
        return Err(unfit(format!(
            "it has {} layers, and an app's image has one, its module",
            manifest.layers.len()
        )));
    };
    let image = PinnedImage {
        reference: spec.image.clone(),
        manifest: pinned(&digest, bytes as u64).map_err(unfit)?,
        config: descriptor(&manifest.config).map_err(unfit)?,
        layer: descriptor(layer).map_err(unfit)?,
        referrers: referrers(space, &repository, &digest).await?,
    };
    Ok(PinnedContainer {
        spec: spec.clone(),
        image,
    })
}

fn parse(image: &str) -> Result<(Repository, ManifestName), PinError> {
    let wrong = || PinError::Name {
        image: image.chars().take(256).collect(),
    };
    if let Some((repository, digest)) = image.split_once('@') {
        let digest: Digest = digest.parse().map_err(|_| wrong())?;
        // A tag before the digest says nothing more.
        let repository = repository.split(':').next().unwrap_or_default();
        return Ok((
            repository.parse().map_err(|_| wrong())?,
            ManifestName::Digest(digest),
        ));
    }
    let (repository, tag) = image.rsplit_once(':').unwrap_or((image, "latest"));
    let tag: Tag = tag.parse().map_err(|_| wrong())?;
    Ok((
        repository.parse().map_err(|_| wrong())?,
        ManifestName::Tag(tag),
    ))
}

/// Signatures of an image, each with what it needs.
async fn referrers(
    space: &Space,
    repository: &Repository,
    digest: &Digest,
) -> Result<Vec<PinnedBlob>, PinError> {
    let (found, _) = space
        .referrers(repository, digest, None, None, REFERRERS_MAX)
        .await
        .map_err(PinError::Blobs)?;
    let mut pins = Vec::new();
    for referrer in found {
        let Some(manifest) = referring(space, repository, &referrer).await? else {
            continue;
        };
        let parts = std::iter::once(&referrer)
            .chain(std::iter::once(&manifest.config))
            .chain(&manifest.layers);
        for part in parts {
            // Larger ones are not signatures.
            if let Ok(pin) = descriptor(part)
                && !pins.contains(&pin)
            {
                pins.push(pin);
            }
        }
    }
    Ok(pins)
}

/// The manifest of a referrer, if it is one.
async fn referring(
    space: &Space,
    repository: &Repository,
    referrer: &Descriptor,
) -> Result<Option<Manifest>, PinError> {
    let name = ManifestName::Digest(referrer.digest);
    let found = match space.resolve(repository, &name).await {
        Ok(found) => found,
        Err(ManifestError::Blob(error)) => return Err(PinError::Blobs(error)),
        Err(_) => return Ok(None),
    };
    let Ok(bytes) = space.manifest_bytes(&found).await else {
        return Ok(None);
    };
    match Document::parse(&bytes, Some(&found.media_type)) {
        Ok(Document::Manifest(manifest)) => Ok(Some(manifest)),
        _ => Ok(None),
    }
}

fn descriptor(descriptor: &Descriptor) -> Result<PinnedBlob, String> {
    pinned(&descriptor.digest, descriptor.size)
}

fn pinned(digest: &Digest, bytes: u64) -> Result<PinnedBlob, String> {
    let bytes = u32::try_from(bytes)
        .map_err(|_| format!("{digest} has {bytes} bytes, which is too large"))?;
    Ok(PinnedBlob {
        digest: digest.to_string(),
        bytes,
    })
}
