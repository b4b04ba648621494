//! Manifests and indexes (OCI image specification), Docker's included: read with limits, written canonically.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::Serialize;

use crate::descriptor::{Annotations, Descriptor, Platform};
use crate::digest::Digest;
use crate::json;
use crate::media_type;

/// Bytes of a manifest or index at most: what the distribution specification asks registries to accept.
pub const DOCUMENT_BYTES_MAX: u64 = 4 << 20;
/// Layers of a manifest at most; Docker's limit is 127.
pub const LAYERS_MAX: usize = 128;
/// Manifests of an index at most.
pub const INDEX_ENTRIES_MAX: usize = 8192;

/// An image manifest: a configuration and layers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    schema_version: u32,
    /// Its media type, if it says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// What kind of artifact it is, where that is not an image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The configuration.
    pub config: Descriptor,
    /// The layers, lowest first.
    pub layers: Vec<Descriptor>,
    /// The manifest that this one is about, as a signature is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// Anything else.
    #[serde(skip_serializing_if = "Annotations::is_empty")]
    pub annotations: Annotations,
}

/// An image index: a choice of manifests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    schema_version: u32,
    /// Its media type, if it says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// What kind of artifact it is, where that is not an image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// The manifests.
    pub manifests: Vec<Descriptor>,
    /// The manifest that this index is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// Anything else.
    #[serde(skip_serializing_if = "Annotations::is_empty")]
    pub annotations: Annotations,
}

/// A manifest or an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Document {
    /// An image manifest.
    Manifest(Manifest),
    /// An image index.
    Index(Index),
}

/// Why bytes are not a manifest or an index.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DocumentError {
    /// It has more bytes than any manifest.
    TooLarge {
        /// How many it may have.
        bytes_max: u64,
    },
    /// It is a web page: something other than a registry answered.
    Html,
    /// It is not JSON of the right shape.
    Malformed {
        /// What the parser said.
        reason: String,
    },
    /// It has the fields of a manifest and of an index: what it is would depend on who reads it.
    Ambiguous,
    /// It says it is something else than it was announced as.
    MediaType {
        /// What it was announced as.
        announced: String,
        /// What it says.
        found: String,
    },
    /// It is neither a manifest nor an index.
    Unsupported {
        /// What it is.
        media_type: String,
    },
    /// The schema is one that is not used any more, or not yet.
    SchemaVersion {
        /// Its number.
        version: u32,
    },
    /// It lists more than it may.
    TooMany {
        /// What it lists.
        what: &'static str,
        /// How many may be.
        max: usize,
    },
}

/// The fields that tell what a document is.
#[derive(Default)]
struct Probe {
    schema_version: Option<u32>,
    media_type: Option<String>,
    has_layers: bool,
    has_config: bool,
    has_manifests: bool,
    has_fs_layers: bool,
}

impl Probe {
    fn read(bytes: &[u8]) -> Result<Self, DocumentError> {
        const FIELDS: &[&str] = &[
            "schemaVersion",
            "mediaType",
            "layers",
            "config",
            "manifests",
            "fsLayers",
        ];
        let mut probe = Self::default();
        let read = json::read(bytes, FIELDS, &mut |reader, field| {
            if reader.null() {
                return Ok(());
            }
            match field {
                0 => {
                    probe.schema_version = Some(reader.small_number()?);
                    return Ok(());
                }
                1 => {
                    probe.media_type = Some(reader.text()?);
                    return Ok(());
                }
                2 => probe.has_layers = true,
                3 => probe.has_config = true,
                4 => probe.has_manifests = true,
                _ => probe.has_fs_layers = true,
            }
            reader.skip()
        });
        read.map_err(malformed)?;
        Ok(probe)
    }
}

impl Document {
    /// Reads a manifest or index that was announced as this media type, if it was.
    ///
    /// # Errors
    /// [`DocumentError`] says what is wrong with it.
    #[inline(never)]
    pub fn parse(bytes: &[u8], announced: Option<&str>) -> Result<Self, DocumentError> {
        if bytes.len() as u64 > DOCUMENT_BYTES_MAX {
            return Err(DocumentError::TooLarge {
                bytes_max: DOCUMENT_BYTES_MAX,
            });
        }
        if bytes.trim_ascii_start().starts_with(b"<") {
            return Err(DocumentError::Html);
        }
        if !bytes.trim_ascii_start().starts_with(b"{") {
            return Err(DocumentError::Malformed {
                reason: "it is not a JSON object".into(),
            });
        }
        let probe = Probe::read(bytes)?;
        if probe.has_fs_layers {
            return Err(DocumentError::SchemaVersion { version: 1 });
        }
        let has_manifest = probe.has_layers || probe.has_config;
        if has_manifest && probe.has_manifests {
            return Err(DocumentError::Ambiguous);
        }
        if let (Some(announced), Some(found)) = (announced, &probe.media_type)
            && announced != found
        {
            return Err(DocumentError::MediaType {
                announced: announced.into(),
                found: found.clone(),
            });
        }
        match probe.schema_version {
            Some(2) => {}
            Some(version) => return Err(DocumentError::SchemaVersion { version }),
            None => {
                return Err(DocumentError::Malformed {
                    reason: "`schemaVersion` is missing".into(),
                });
            }
        }
        let media_type = announced.or(probe.media_type.as_deref());
        let is_index = match media_type {
            Some(media_type) if media_type::is_index(media_type) => true,
            Some(media_type) if media_type::is_manifest(media_type) => false,
            Some(media_type) => {
                return Err(DocumentError::Unsupported {
                    media_type: media_type.into(),
                });
            }
            None => probe.has_manifests,
        };
        if is_index {
            Index::read(bytes).map(Self::Index)
        } else {
            Manifest::read(bytes).map(Self::Manifest)
        }
    }

    /// The blobs and documents that it needs, in the order in which they are named. A subject is not needed.
    pub fn children(&self) -> impl Iterator<Item = &Descriptor> {
        let (config, rest) = match self {
            Self::Manifest(manifest) => (Some(&manifest.config), &manifest.layers),
            Self::Index(index) => (None, &index.manifests),
        };
        config.into_iter().chain(rest)
    }

    /// The document that it is about, if any.
    #[must_use]
    pub const fn subject(&self) -> Option<&Descriptor> {
        match self {
            Self::Manifest(manifest) => manifest.subject.as_ref(),
            Self::Index(index) => index.subject.as_ref(),
        }
    }
}

impl Manifest {
    /// A manifest of this configuration and these layers.
    #[must_use]
    pub fn new(config: Descriptor, layers: Vec<Descriptor>) -> Self {
        Self {
            schema_version: 2,
            media_type: Some(media_type::MANIFEST.into()),
            artifact_type: None,
            config,
            layers,
            subject: None,
            annotations: Annotations::new(),
        }
    }

    /// Its bytes: always the same for the same manifest.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        to_json(self)
    }

    fn read(bytes: &[u8]) -> Result<Self, DocumentError> {
        const FIELDS: &[&str] = &[
            "schemaVersion",
            "config",
            "layers",
            "mediaType",
            "artifactType",
            "subject",
            "annotations",
        ];
        let nothing = Descriptor::new("", Digest::from_bytes([0; 32]), 0);
        let mut manifest = Self::new(nothing, Vec::new());
        manifest.media_type = None;
        let read = json::read(bytes, FIELDS, &mut |reader, field| {
            match field {
                0 => manifest.schema_version = reader.small_number()?,
                1 => manifest.config = Descriptor::read(reader)?,
                2 => manifest.layers = Descriptor::read_all(reader)?,
                3 => manifest.media_type = reader.optional_text()?,
                4 => manifest.artifact_type = reader.optional_text()?,
                5 => manifest.subject = Descriptor::read_optional(reader)?,
                _ => manifest.annotations = reader.annotations()?,
            }
            Ok(())
        });
        read.and_then(|seen| seen.require(3)).map_err(malformed)?;
        if manifest.layers.len() > LAYERS_MAX {
            return Err(DocumentError::TooMany {
                what: "layers",
                max: LAYERS_MAX,
            });
        }
        Ok(manifest)
    }
}

impl Default for Index {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl Index {
    /// An index of these manifests.
    #[must_use]
    pub fn new(manifests: Vec<Descriptor>) -> Self {
        Self {
            schema_version: 2,
            media_type: Some(media_type::INDEX.into()),
            artifact_type: None,
            manifests,
            subject: None,
            annotations: Annotations::new(),
        }
    }

    /// Its bytes: always the same for the same index.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        to_json(self)
    }

    /// The manifest to run on a device that prefers these platforms, best first, before portable WebAssembly.
    /// Signatures and other artifacts are never chosen.
    #[must_use]
    pub fn choose(&self, preferred: &[Platform]) -> Option<&Descriptor> {
        let runs = |entry: &&Descriptor| {
            entry.artifact_type.is_none() && media_type::is_document(&entry.media_type)
        };
        let mut candidates = self.manifests.iter().filter(runs);
        let exact = preferred.iter().find_map(|platform| {
            self.manifests
                .iter()
                .filter(runs)
                .find(|entry| entry.platform.as_ref() == Some(platform))
        });
        exact
            .or_else(|| {
                self.manifests
                    .iter()
                    .filter(runs)
                    .find(|entry| entry.platform.as_ref().is_some_and(Platform::is_portable))
            })
            // An index of one manifest without a platform leaves no choice.
            .or_else(|| match (candidates.next(), candidates.next()) {
                (Some(only), None) if only.platform.is_none() => Some(only),
                _ => None,
            })
    }

    fn read(bytes: &[u8]) -> Result<Self, DocumentError> {
        const FIELDS: &[&str] = &[
            "schemaVersion",
            "manifests",
            "mediaType",
            "artifactType",
            "subject",
            "annotations",
        ];
        let mut index = Self::new(Vec::new());
        index.media_type = None;
        let read = json::read(bytes, FIELDS, &mut |reader, field| {
            match field {
                0 => index.schema_version = reader.small_number()?,
                1 => index.manifests = Descriptor::read_all(reader)?,
                2 => index.media_type = reader.optional_text()?,
                3 => index.artifact_type = reader.optional_text()?,
                4 => index.subject = Descriptor::read_optional(reader)?,
                _ => index.annotations = reader.annotations()?,
            }
            Ok(())
        });
        read.and_then(|seen| seen.require(2)).map_err(malformed)?;
        if index.manifests.len() > INDEX_ENTRIES_MAX {
            return Err(DocumentError::TooMany {
                what: "manifests",
                max: INDEX_ENTRIES_MAX,
            });
        }
        Ok(index)
    }
}

fn to_json<T: Serialize>(document: &T) -> Vec<u8> {
    // Strings, numbers and maps with string keys: nothing that JSON cannot hold.
    serde_json::to_vec(document).unwrap_or_default()
}

fn malformed(reason: String) -> DocumentError {
    DocumentError::Malformed { reason }
}

impl fmt::Display for DocumentError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { bytes_max } => {
                write!(formatter, "a manifest has at most {} MiB", bytes_max >> 20)
            }
            Self::Html => formatter.write_str(
                "it is a web page, not a manifest: perhaps a proxy or a login page answered",
            ),
            Self::Malformed { reason } => write!(formatter, "it is not a manifest: {reason}"),
            Self::Ambiguous => formatter.write_str(
                "it has the fields of a manifest and of an index, so nobody knows what it is",
            ),
            Self::MediaType { announced, found } => write!(
                formatter,
                "it was announced as {announced} and says that it is {found}"
            ),
            Self::Unsupported { media_type } => {
                write!(formatter, "{media_type} is neither a manifest nor an index")
            }
            Self::SchemaVersion { version: 1 } => formatter.write_str(
                "it is a manifest of Docker's old schema 1; push the image again with a current tool",
            ),
            Self::SchemaVersion { version } => {
                write!(formatter, "manifests of schema {version} are not known, only of schema 2")
            }
            Self::TooMany { what, max } => write!(formatter, "it lists more than {max} {what}"),
        }
    }
}

impl core::error::Error for DocumentError {}
