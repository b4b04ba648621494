//! What a device has to fetch for an image of the registry.

use thimble_hub_blobs::{Manifest, ManifestError, ManifestName, Repository, Space};
use thimble_image::{Digest, Document};
use thimble_protocol::limits::REFERRERS_MAX;
use thimble_protocol::manifest::{Blob, Image};

use super::PublishError;
use super::error::ImageFault;

/// Finds an image `REPOSITORY[:TAG]@DIGEST` in a tenant's registry.
pub(super) async fn find(space: &Space, image: &str) -> Result<Image, PublishError> {
    let fault = |reason| PublishError::Image {
        image: image.to_owned(),
        reason,
    };
    let (name, digest) = image
        .split_once('@')
        .ok_or_else(|| fault(ImageFault::NoDigest))?;
    let digest: Digest = digest.parse().map_err(|_| fault(ImageFault::NoDigest))?;
    // A tag before the digest is for people.
    let repository = match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => repository,
        _ => name,
    };
    let repository: Repository = repository.parse()?;
    let (manifest, bytes) = read(space, &repository, digest, image).await?;
    let Document::Manifest(document) = manifest else {
        return Err(fault(ImageFault::NotOneModule { layers: 0 }));
    };
    let [layer] = document.layers.as_slice() else {
        let layers = document.layers.len();
        return Err(fault(ImageFault::NotOneModule { layers }));
    };
    let size = |bytes: u64| u32::try_from(bytes).map_err(|_| fault(ImageFault::TooLarge { bytes }));
    Ok(Image {
        reference: name.to_owned(),
        manifest: digest,
        manifest_bytes: size(bytes)?,
        config: document.config.digest,
        config_bytes: size(document.config.size)?,
        layer: layer.digest,
        layer_bytes: size(layer.size)?,
        referrers: referrers(space, &repository, digest, image).await?,
    })
}

/// Finds what is about an image, signatures above all, and their layers, in the order of their digests.
async fn referrers(
    space: &Space,
    repository: &Repository,
    subject: Digest,
    image: &str,
) -> Result<Vec<Blob>, PublishError> {
    let most = REFERRERS_MAX as usize;
    let (found, _) = space
        .referrers(repository, &subject, None, None, most)
        .await?;
    let mut blobs = Vec::new();
    for descriptor in found {
        let (document, bytes) = read(space, repository, descriptor.digest, image).await?;
        let layers = match &document {
            Document::Manifest(manifest) => manifest.layers.as_slice(),
            Document::Index(_) => &[],
        };
        let parts = layers.iter().map(|layer| (layer.digest, layer.size));
        let mut all = std::iter::once((descriptor.digest, bytes))
            .chain(parts)
            .map(|(digest, size)| u32::try_from(size).map(|bytes| Blob { digest, bytes }))
            .collect::<Result<Vec<Blob>, _>>()
            .map_err(|_| PublishError::Image {
                image: image.to_owned(),
                reason: ImageFault::TooLarge { bytes },
            })?;
        all.retain(|blob| !blobs.contains(blob));
        // A signature is taken whole or not at all.
        if blobs.len() + all.len() > most {
            break;
        }
        blobs.append(&mut all);
    }
    Ok(blobs)
}

async fn read(
    space: &Space,
    repository: &Repository,
    digest: Digest,
    image: &str,
) -> Result<(Document, u64), PublishError> {
    let fault = |error| PublishError::Image {
        image: image.to_owned(),
        reason: ImageFault::Registry(error),
    };
    let name = ManifestName::Digest(digest);
    let media_type = match space.resolve(repository, &name).await {
        Ok(manifest) => Some(manifest.media_type),
        // It was deleted from the registry; what a version names stays among the blobs.
        Err(ManifestError::Missing) => None,
        Err(error) => return Err(fault(error)),
    };
    let manifest = Manifest {
        digest,
        media_type: String::new(),
    };
    let bytes = space.manifest_bytes(&manifest).await.map_err(fault)?;
    let document =
        Document::parse(&bytes, media_type.as_deref()).map_err(|error| PublishError::Damaged {
            what: format!("the manifest {digest} of {image}"),
            reason: error.to_string(),
        })?;
    Ok((document, bytes.len() as u64))
}
