//! An image layout: the files of a folder or archive that holds images (OCI image specification, image layout).

use alloc::string::{String, ToString};
use core::fmt;

use serde::Deserialize;

use crate::digest::Digest;

/// The file that marks a layout.
pub const MARKER_FILE: &str = "oci-layout";
/// What stands in it.
pub const MARKER: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;
/// The file that lists the images.
pub const INDEX_FILE: &str = "index.json";
/// The folder of blobs by algorithm.
pub const BLOBS_FOLDER: &str = "blobs/sha256";

/// Why a folder or archive is no layout that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LayoutError {
    /// The marker is not JSON of the right shape.
    Malformed {
        /// What the parser said.
        reason: String,
    },
    /// Another version.
    Version {
        /// Which.
        version: String,
    },
}

/// Checks the content of the marker file.
///
/// # Errors
/// [`LayoutError`] if it is damaged or of another major version.
pub fn check_marker(bytes: &[u8]) -> Result<(), LayoutError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Marker {
        image_layout_version: String,
    }
    let marker: Marker = serde_json::from_slice(bytes).map_err(|error| LayoutError::Malformed {
        reason: error.to_string(),
    })?;
    match marker.image_layout_version.split('.').next() {
        Some("1") => Ok(()),
        _ => Err(LayoutError::Version {
            version: marker.image_layout_version,
        }),
    }
}

/// The path of a blob inside a layout.
#[must_use]
pub fn blob_path(digest: &Digest) -> String {
    alloc::format!("{BLOBS_FOLDER}/{}", digest.hex())
}

impl fmt::Display for LayoutError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { reason } => write!(formatter, "`{MARKER_FILE}` is damaged: {reason}"),
            Self::Version { version } => write!(
                formatter,
                "layouts of version {version} are not known, only of version 1"
            ),
        }
    }
}

impl core::error::Error for LayoutError {}
