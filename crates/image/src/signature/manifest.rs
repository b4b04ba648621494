//! The manifest under which a registry keeps a signature (signature specification, storage).

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::envelope::{ENVELOPE_BYTES_MAX, Envelope};
use super::envelope_error::EnvelopeError;
use crate::descriptor::{CREATED, Descriptor};
use crate::digest::Digest;
use crate::document::Manifest;
use crate::media_type;

/// The annotation with the thumbprints of the certificates.
pub const THUMBPRINTS: &str = "io.cncf.notary.x509chain.thumbprint#S256";
/// What the configuration holds: nothing.
const CONFIG: &[u8] = b"{}";

/// A signature's manifest, and the configuration that must be stored with it and the envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureManifest {
    /// The manifest.
    pub manifest: Manifest,
    /// What its configuration holds.
    pub config_content: Vec<u8>,
}

/// Why a manifest is not a signature's.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignatureManifestError {
    /// The envelope is no signature.
    Envelope(EnvelopeError),
    /// It is about something else.
    Subject {
        /// What it is about.
        found: Option<Digest>,
    },
    /// It is another kind of artifact.
    ArtifactType {
        /// Which.
        found: String,
    },
    /// It does not have exactly one layer.
    Layers {
        /// How many it has.
        count: usize,
    },
    /// Its envelope has a format that is not supported.
    Unsupported {
        /// Which.
        media_type: String,
    },
    /// Its envelope is too large.
    TooLarge {
        /// How many bytes it says it has.
        bytes: u64,
        /// How many it may have.
        bytes_max: u64,
    },
}

/// Makes the manifest of a signature.
///
/// # Errors
/// [`SignatureManifestError`] if the envelope is no signature of this target.
pub fn signature_manifest(
    target: &Descriptor,
    envelope: &[u8],
    created_rfc3339: &str,
) -> Result<SignatureManifest, SignatureManifestError> {
    let parsed = Envelope::parse(envelope).map_err(SignatureManifestError::Envelope)?;
    if parsed.target().digest != target.digest {
        return Err(SignatureManifestError::Subject {
            found: Some(parsed.target().digest),
        });
    }
    let thumbprints: Vec<String> = parsed
        .chain()
        .iter()
        .map(|certificate| certificate.thumbprint().hex())
        .collect();
    let mut manifest = Manifest::new(
        Descriptor::of(media_type::EMPTY, CONFIG),
        alloc::vec![Descriptor::of(media_type::COSE, envelope)],
    );
    manifest.artifact_type = Some(media_type::NOTARY_SIGNATURE.into());
    manifest.subject = Some(Descriptor::new(
        &target.media_type,
        target.digest,
        target.size,
    ));
    manifest.annotations.insert(
        THUMBPRINTS.into(),
        // Strings: nothing that JSON cannot hold.
        serde_json::to_string(&thumbprints).unwrap_or_default(),
    );
    manifest
        .annotations
        .insert(CREATED.into(), created_rfc3339.into());
    Ok(SignatureManifest {
        manifest,
        config_content: CONFIG.into(),
    })
}

/// Finds the envelope in a manifest that is said to be a signature of this target.
///
/// # Errors
/// [`SignatureManifestError`] if it is none, or one that is not supported.
pub fn envelope_layer<'a>(
    manifest: &'a Manifest,
    target: &Descriptor,
) -> Result<&'a Descriptor, SignatureManifestError> {
    // Before OCI 1.1 the configuration's type was the artifact's.
    let artifact_type = manifest
        .artifact_type
        .as_ref()
        .unwrap_or(&manifest.config.media_type);
    if artifact_type != media_type::NOTARY_SIGNATURE {
        return Err(SignatureManifestError::ArtifactType {
            found: artifact_type.clone(),
        });
    }
    match &manifest.subject {
        Some(subject) if subject.digest == target.digest => {}
        other => {
            return Err(SignatureManifestError::Subject {
                found: other.as_ref().map(|subject| subject.digest),
            });
        }
    }
    let [layer] = manifest.layers.as_slice() else {
        return Err(SignatureManifestError::Layers {
            count: manifest.layers.len(),
        });
    };
    if layer.media_type != media_type::COSE {
        return Err(SignatureManifestError::Unsupported {
            media_type: layer.media_type.clone(),
        });
    }
    let bytes_max = ENVELOPE_BYTES_MAX as u64;
    if layer.size > bytes_max {
        return Err(SignatureManifestError::TooLarge {
            bytes: layer.size,
            bytes_max,
        });
    }
    Ok(layer)
}

impl fmt::Display for SignatureManifestError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Envelope(_) => formatter.write_str("the envelope is no signature"),
            Self::Subject { found: Some(found) } => {
                write!(
                    formatter,
                    "the signature is about something else: {}",
                    found
                )
            }
            Self::Subject { found: None } => {
                formatter.write_str("the signature does not say what it is about")
            }
            Self::ArtifactType { found } => write!(formatter, "{found} is not a signature"),
            Self::Layers { count } => {
                write!(formatter, "a signature has one layer, and this has {count}")
            }
            Self::Unsupported { media_type } => write!(
                formatter,
                "signatures of the format {media_type} are not supported; sign with `--signature-format cose`"
            ),
            Self::TooLarge { bytes, bytes_max } => write!(
                formatter,
                "a signature has at most {bytes_max} bytes, and this has {bytes}"
            ),
        }
    }
}

impl core::error::Error for SignatureManifestError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Envelope(error) => Some(error),
            _ => None,
        }
    }
}
