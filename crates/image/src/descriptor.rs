//! Descriptors: what a blob is, how large, and what its digest must be (OCI image specification, descriptor).

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Deserializer, Serialize, de};

use crate::digest::Digest;
use crate::json::{Others, Outcome, Reader};
use crate::media_type;

/// Annotations of a document or descriptor, in the order of their keys.
pub type Annotations = BTreeMap<String, String>;

/// The annotation by which a layout names what an index points at.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The annotation with which `oras` keeps a file's name.
pub const TITLE: &str = "org.opencontainers.image.title";
/// The annotation that tells when something was made (RFC 3339).
pub const CREATED: &str = "org.opencontainers.image.created";

/// Bytes that a blob may say it has: more than any module, less than what would break arithmetic.
pub const BLOB_BYTES_MAX: u64 = 1 << 40;

/// Points at a blob.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What the blob is.
    #[serde(deserialize_with = "media_type")]
    pub media_type: String,
    /// Its digest.
    pub digest: Digest,
    /// Its length in bytes.
    #[serde(deserialize_with = "size")]
    pub size: u64,
    /// What kind of artifact it points at, where that is not an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// What it runs on, in an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Anything else.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: Annotations,
}

/// What an image runs on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Platform {
    /// `wasm`, or a processor for a precompiled variant.
    pub architecture: String,
    /// `wasip1`, or what else runs it.
    pub os: String,
    /// Which of several processors of the same architecture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
}

impl Descriptor {
    /// Describes this content.
    #[must_use]
    pub fn of(media_type: &str, content: &[u8]) -> Self {
        Self::new(media_type, Digest::of(content), content.len() as u64)
    }

    /// Describes content with this digest and length.
    #[must_use]
    pub fn new(media_type: &str, digest: Digest, size: u64) -> Self {
        Self {
            media_type: media_type.into(),
            digest,
            size,
            artifact_type: None,
            platform: None,
            annotations: Annotations::new(),
        }
    }

    /// The name that a layout gives it.
    #[must_use]
    pub fn ref_name(&self) -> Option<&str> {
        self.annotations.get(REF_NAME).map(String::as_str)
    }
}

impl Platform {
    /// The platform of portable WebAssembly with WASI preview 1.
    #[must_use]
    pub fn wasm() -> Self {
        Self {
            architecture: "wasm".into(),
            os: "wasip1".into(),
            variant: None,
        }
    }

    /// Whether it is WebAssembly that any engine can run, by any of the names in use.
    #[must_use]
    pub fn is_portable(&self) -> bool {
        let is_wasm = |name: &str| name == "wasm" || name == "wasm32";
        is_wasm(&self.architecture)
            && matches!(
                self.os.as_str(),
                "wasip1" | "wasi" | "wasm" | "ocre" | "unknown" | ""
            )
            || self.architecture == "ocre" && self.os == "ocre"
    }
}

impl Descriptor {
    /// Reads one of a document.
    #[inline(never)]
    pub(crate) fn read(reader: &mut Reader<'_>) -> Outcome<Self> {
        const FIELDS: &[&str] = &[
            "mediaType",
            "digest",
            "size",
            "artifactType",
            "platform",
            "annotations",
        ];
        let mut found = Self::new("", Digest::from_bytes([0; 32]), 0);
        let seen = reader.object(FIELDS, Others::LeftOut, &mut |reader, field| {
            match field {
                0 => found.media_type = well_formed(reader.text()?)?,
                1 => found.digest = Digest::read(reader)?,
                2 => found.size = possible(reader.number()?)?,
                3 => found.artifact_type = reader.optional_text()?,
                4 if reader.null() => {}
                4 => found.platform = Some(Platform::read(reader)?),
                _ => found.annotations = reader.annotations()?,
            }
            Ok(())
        })?;
        seen.require(3)?;
        Ok(found)
    }

    /// Reads one of a document, or `null`.
    pub(crate) fn read_optional(reader: &mut Reader<'_>) -> Outcome<Option<Self>> {
        if reader.null() {
            return Ok(None);
        }
        Self::read(reader).map(Some)
    }

    /// Reads an array of them.
    pub(crate) fn read_all(reader: &mut Reader<'_>) -> Outcome<Vec<Self>> {
        let mut all = Vec::new();
        reader.array(&mut |reader| {
            all.push(Self::read(reader)?);
            Ok(())
        })?;
        Ok(all)
    }
}

impl Platform {
    fn read(reader: &mut Reader<'_>) -> Outcome<Self> {
        const FIELDS: &[&str] = &["architecture", "os", "variant"];
        let mut found = Self {
            architecture: String::new(),
            os: String::new(),
            variant: None,
        };
        let seen = reader.object(FIELDS, Others::LeftOut, &mut |reader, field| {
            match field {
                0 => found.architecture = reader.text()?,
                1 => found.os = reader.text()?,
                _ => found.variant = reader.optional_text()?,
            }
            Ok(())
        })?;
        seen.require(2)?;
        Ok(found)
    }
}

impl core::fmt::Display for Platform {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(formatter, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(formatter, "/{variant}"),
            None => Ok(()),
        }
    }
}

fn media_type<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    well_formed(String::deserialize(deserializer)?).map_err(de::Error::custom)
}

fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    possible(u64::deserialize(deserializer)?).map_err(de::Error::custom)
}

fn well_formed(media_type: String) -> Outcome<String> {
    if media_type::is_well_formed(&media_type) {
        Ok(media_type)
    } else {
        Err("a media type has the form type/subtype".into())
    }
}

fn possible(size: u64) -> Outcome<u64> {
    if size <= BLOB_BYTES_MAX {
        Ok(size)
    } else {
        Err("a blob has at most 1 TiB".into())
    }
}
