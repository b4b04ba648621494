//! The image store of this machine, opened, and what commands ask of it.

use std::sync::Arc;

use thimble_image::document::Document;
use thimble_image::media_type;
use thimble_image::reference::ReferenceError;
use thimble_image::registry::NESTING_MAX;
use thimble_image::signature::ENVELOPE_BYTES_MAX;
use thimble_image::{Descriptor, Digest, Manifest, Platform, Reference};
use thimble_port_linux::images::store::{ImageStore, StoreError};
use thimble_port_linux::network::Names;
use thimble_port_registry::{Registries, Settings as RegistriesSettings};

use crate::failure::{Failure, ImageFault};
use crate::fleet::registry_authorities;
use crate::folders;
use crate::settings::{self, Settings};

/// Opens the store.
pub(crate) fn store() -> Result<ImageStore, Failure> {
    open(&settings::read()?)
}

/// Opens the store with settings that are known.
pub(crate) fn open(settings: &Settings) -> Result<ImageStore, Failure> {
    let folder = folders::data().ok_or(Failure::Device {
        doing: "opening the image store",
        reason: "there is no folder to keep images in; set THIMBLE_ROOT or HOME".into(),
    })?;
    let folder = folder.join("images");
    let store = ImageStore::open(&folder, settings.store).map_err(|error| Failure::Device {
        doing: "opening the image store",
        reason: format!("{}: {error}", folder.display()),
    })?;
    for notice in store.notices() {
        eprintln!("thimble: {notice}");
    }
    Ok(store)
}

/// The registries, as they are set up on this machine.
pub(crate) fn registries(settings: &Settings, plain_http: bool) -> Result<Registries, Failure> {
    let names = Names::default();
    let mut known = settings.registries.clone();
    // Whoever signed in at a hub believes its authorities for its registry too.
    for (registry, ca) in registry_authorities() {
        let files = &mut known.entry(registry).or_default().ca_files;
        if !files.contains(&ca) {
            files.push(ca);
        }
    }
    Registries::new(RegistriesSettings {
        registries: known,
        plain_http,
        resolve: Some(Arc::new(move |host| names.addresses(host))),
        user_agent: concat!("thimble/", env!("CARGO_PKG_VERSION")).into(),
        ..RegistriesSettings::default()
    })
    .map_err(|error| Failure::device("setting up the connection to registries", error))
}

/// Understands the name of an image.
pub(crate) fn reference(text: &str) -> Result<Reference, Failure> {
    text.parse().map_err(|error: ReferenceError| {
        Failure::image(text, format_args!("is not the name of an image: {error}"))
    })
}

/// Finds an image that must be here.
pub(crate) fn find(store: &ImageStore, reference: &Reference) -> Result<Descriptor, Failure> {
    let name = reference.familiar();
    match store.find(reference) {
        Ok(Some(root)) => Ok(root),
        Ok(None) => Err(Failure::image_fault(
            name,
            ImageFault::NotFound,
            "there is no such image here; `thimble images` lists those that are, `thimble pull` fetches one",
        )),
        Err(error) => Err(Failure::image_error(name, &error)),
    }
}

/// The manifest to run of an image: itself, or the one that its index offers for this device.
pub(crate) fn manifest(
    store: &ImageStore,
    root: &Descriptor,
) -> Result<(Descriptor, Manifest), String> {
    let mut at = root.clone();
    for _ in 0..=NESTING_MAX {
        match store.document(&at).map_err(|error| error.to_string())? {
            Document::Manifest(manifest) => return Ok((at, manifest)),
            Document::Index(index) => {
                at = index
                    .choose(PREFERRED)
                    .ok_or("its index has no manifest for WebAssembly (wasip1/wasm)")?
                    .clone();
            }
        }
    }
    Err(format!(
        "its indexes are nested more than {NESTING_MAX} deep"
    ))
}

/// Precompiled variants are not used: native code comes only from this machine's own compiler.
pub(crate) const PREFERRED: &[Platform] = &[];

/// The envelopes of the signatures of an image.
pub(crate) fn envelopes(
    store: &ImageStore,
    signatures: &[Descriptor],
) -> Result<Vec<Vec<u8>>, StoreError> {
    let mut envelopes = Vec::new();
    for signature in signatures {
        let Document::Manifest(manifest) = store.document(signature)? else {
            continue;
        };
        for layer in &manifest.layers {
            if layer.media_type == media_type::COSE {
                envelopes.push(store.read_verified(&layer.digest, ENVELOPE_BYTES_MAX as u64)?);
            }
        }
    }
    Ok(envelopes)
}

/// The envelopes of the signatures of an image that are here.
pub(crate) fn envelopes_of(
    store: &ImageStore,
    subject: &Digest,
) -> Result<Vec<Vec<u8>>, StoreError> {
    envelopes(store, &signatures(store, subject)?)
}

/// The manifests of the signatures of an image that are here.
pub(crate) fn signatures(
    store: &ImageStore,
    subject: &Digest,
) -> Result<Vec<Descriptor>, StoreError> {
    let mut found = Vec::new();
    for referrer in store.referrers(subject)? {
        let Document::Manifest(manifest) = store.document(&referrer)? else {
            continue;
        };
        let is_signature = manifest.artifact_type.as_deref() == Some(media_type::NOTARY_SIGNATURE)
            || manifest.config.media_type == media_type::NOTARY_SIGNATURE;
        if is_signature {
            found.push(referrer);
        }
    }
    Ok(found)
}

/// Bytes of a manifest and of everything that it names.
pub(crate) fn size_bytes(descriptor: &Descriptor, manifest: &Manifest) -> u64 {
    let layers: u64 = manifest
        .layers
        .iter()
        .fold(0, |sum, layer| sum.saturating_add(layer.size));
    layers
        .saturating_add(manifest.config.size)
        .saturating_add(descriptor.size)
}
