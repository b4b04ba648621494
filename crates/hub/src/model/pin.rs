//! From the name of an image to what it is now: found in the hub's registry, and kept by digest.

use std::fmt;

use thimble_hub_api::app::ContainerSpec;
use thimble_hub_blobs::{
    BlobError, ManifestError, ManifestName, NameSpace, Repository, Space, Tag,
};
use thimble_hub_store::TenantId;
use thimble_image::{Digest, Document, Platform};

use crate::hub::Hub;

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

/// Finds the image of a container; the container with its image by digest.
///
/// # Errors
/// [`PinError`].
pub async fn pin(space: &Space, spec: &ContainerSpec) -> Result<ContainerSpec, PinError> {
    let (repository, name) = parse(&spec.image)?;
    let unfit = |reason: String| PinError::Unfit {
        image: spec.image.clone(),
        reason,
    };
    let (mut digest, mut document) = read(space, &repository, &name, &spec.image).await?;
    if let Document::Index(index) = &document {
        // Devices run what is for every machine.
        digest = index
            .choose(&[Platform::wasm()])
            .ok_or_else(|| unfit("its index holds no WebAssembly".to_owned()))?
            .digest;
        let name = ManifestName::Digest(digest);
        document = read(space, &repository, &name, &spec.image).await?.1;
    }
    let Document::Manifest(manifest) = document else {
        return Err(unfit("its index holds another index".to_owned()));
    };
    let [layer] = manifest.layers.as_slice() else {
        return Err(unfit(format!(
            "it has {} layers, and an app's image has one, its module",
            manifest.layers.len()
        )));
    };
    if u32::try_from(layer.size).is_err() {
        return Err(unfit(format!("its module has {} bytes", layer.size)));
    }
    let people = spec.image.split('@').next().unwrap_or_default();
    Ok(ContainerSpec {
        image: format!("{people}@{digest}"),
        ..spec.clone()
    })
}

async fn read(
    space: &Space,
    repository: &Repository,
    name: &ManifestName,
    image: &str,
) -> Result<(Digest, Document), PinError> {
    let fault = |error: ManifestError| match error {
        ManifestError::Missing => PinError::Missing {
            image: image.to_owned(),
        },
        ManifestError::Blob(error) => PinError::Blobs(error),
        other => PinError::Unfit {
            image: image.to_owned(),
            reason: other.to_string(),
        },
    };
    let found = space.resolve(repository, name).await.map_err(fault)?;
    let bytes = space.manifest_bytes(&found).await.map_err(fault)?;
    let document = Document::parse(&bytes, Some(&found.media_type));
    let document = document.map_err(|error| PinError::Unfit {
        image: image.to_owned(),
        reason: error.to_string(),
    })?;
    Ok((found.digest, document))
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
