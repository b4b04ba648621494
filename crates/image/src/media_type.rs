//! The media types that images are made of: ours, OCI's, Docker's, and those of other WebAssembly tools.

/// An OCI image manifest (OCI image specification 1.1).
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// An OCI image index.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Docker's image manifest, version 2, schema 2: the same structure.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Docker's manifest list: the same structure as an index.
pub const DOCKER_INDEX: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// The empty JSON object, where there is nothing to say.
pub const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// The configuration of a WebAssembly image (CNCF TAG Runtime, Wasm OCI artifact layout).
pub const WASM_CONFIG: &str = "application/vnd.wasm.config.v0+json";
/// A WebAssembly module.
pub const WASM: &str = "application/wasm";

/// An ordinary container's configuration; Docker's wasm images have it.
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// The same by its older name.
pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";

/// What `wasm-to-oci` calls a module; others have copied it.
pub const WASM_TO_OCI_LAYERS: [&str; 2] = [
    "application/vnd.wasm.content.layer.v1+wasm",
    "application/vnd.module.wasm.content.layer.v1+wasm",
];

/// Layers that are a tar archive as it is.
pub const TAR_LAYERS: [&str; 2] = [
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.docker.image.rootfs.diff.tar",
];
/// Layers that are a tar archive, compressed with gzip.
pub const TAR_GZIP_LAYERS: [&str; 2] = [
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
];

/// The artifact type of a Notary Project signature.
pub const NOTARY_SIGNATURE: &str = "application/vnd.cncf.notary.signature";
/// A COSE envelope.
pub const COSE: &str = "application/cose";
/// What a Notary Project signature signs.
pub const NOTARY_PAYLOAD: &str = "application/vnd.cncf.notary.payload.v1+json";

/// What is asked for when a manifest is fetched, best first.
pub const MANIFESTS: [&str; 4] = [MANIFEST, INDEX, DOCKER_MANIFEST, DOCKER_INDEX];

/// Whether this is the media type of a manifest, ours or Docker's.
#[must_use]
pub fn is_manifest(media_type: &str) -> bool {
    media_type == MANIFEST || media_type == DOCKER_MANIFEST
}

/// Whether this is the media type of an index, ours or Docker's.
#[must_use]
pub fn is_index(media_type: &str) -> bool {
    media_type == INDEX || media_type == DOCKER_INDEX
}

/// Whether this is the media type of a manifest or an index: of what names other blobs.
#[must_use]
pub fn is_document(media_type: &str) -> bool {
    is_manifest(media_type) || is_index(media_type)
}

/// Whether a layer of this type is a WebAssembly module as it is.
#[must_use]
pub fn is_module(media_type: &str) -> bool {
    media_type == WASM || WASM_TO_OCI_LAYERS.contains(&media_type)
}

/// Whether a text has the form `type/subtype` of RFC 6838, section 4.2.
#[must_use]
pub fn is_well_formed(media_type: &str) -> bool {
    let is_name = |name: &str| {
        let mut characters = name.bytes();
        name.len() <= 127
            && characters
                .next()
                .is_some_and(|first| first.is_ascii_alphanumeric())
            && characters.all(|byte| byte.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&byte))
    };
    media_type
        .split_once('/')
        .is_some_and(|(kind, subtype)| is_name(kind) && is_name(subtype))
}
