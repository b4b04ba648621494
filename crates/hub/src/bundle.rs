//! A device's state in a file, for where there is no network: what the device would be given online, with the same
//! signatures.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, Write};

use futures_util::TryStreamExt as _;
use thimble_image::Digest;
use thimble_protocol::bundle::{WriteError, Writer};
use thimble_protocol::sign::{Envelope, Kind, sign_payload};
use thimble_protocol::{DesiredState, Manifest, UnixSeconds};

use crate::authority::DeviceIdentity;
use crate::device::{Fleet, FleetError};

/// What a bundle holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bundled {
    /// The state's version.
    pub version: u64,
    /// Manifests and blobs.
    pub objects: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

/// Why there is no bundle.
#[derive(Debug)]
#[non_exhaustive]
pub enum BundleError {
    /// Nothing was ever declared for the device.
    NoState,
    /// Something that the state needs is not in the hub's blobs.
    Missing {
        /// What.
        digest: Digest,
    },
    /// What is kept cannot be read.
    Damaged {
        /// What.
        what: &'static str,
    },
    /// The fleet cannot be read.
    Fleet(FleetError),
    /// The state cannot be signed.
    Signing,
    /// It is more than a bundle can hold.
    Bundle(WriteError),
    /// The file cannot be written, or a blob not read.
    Io(io::Error),
}

impl fmt::Display for BundleError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoState => formatter.write_str(
                "nothing was ever declared for the device: begin a rollout that reaches it",
            ),
            Self::Missing { digest } => {
                write!(
                    formatter,
                    "{digest} is not in the hub's blobs: push it again"
                )
            }
            Self::Damaged { what } => write!(formatter, "{what} as it is kept cannot be read"),
            Self::Fleet(_) => formatter.write_str("the fleet cannot be read"),
            Self::Signing => formatter.write_str("the state cannot be signed"),
            Self::Bundle(_) => formatter.write_str("it does not fit into a bundle"),
            Self::Io(_) => formatter.write_str("the bundle cannot be written"),
        }
    }
}

impl std::error::Error for BundleError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Fleet(source) => Some(source),
            Self::Bundle(source) => Some(source),
            Self::Io(source) => Some(source),
            _ => None,
        }
    }
}

impl From<FleetError> for BundleError {
    fn from(error: FleetError) -> Self {
        Self::Fleet(error)
    }
}

impl From<WriteError> for BundleError {
    fn from(error: WriteError) -> Self {
        Self::Bundle(error)
    }
}

impl From<io::Error> for BundleError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Writes a device's state with everything that it names. Blobs go through in pieces.
///
/// # Errors
/// [`BundleError`]; what was written until then is no bundle.
pub async fn write_bundle(
    fleet: &dyn Fleet,
    device: DeviceIdentity,
    now: UnixSeconds,
    file: &mut (dyn Write + Send),
) -> Result<Bundled, BundleError> {
    let stored = fleet.state(device).await?.ok_or(BundleError::NoState)?;
    let state = DesiredState::decode(&stored.payload)
        .map_err(|_| BundleError::Damaged { what: "the state" })?;
    let keys = fleet.keys(device.tenant, now).await?;
    let envelope = sign_payload(Kind::State, stored.payload, keys.present())
        .map_err(|_| BundleError::Signing)?;
    let (mut writer, begin) = Writer::new();
    let mut out = Counted { file, bytes: 0 };
    out.write(&begin)?;
    out.write(&writer.state(device.device, &envelope)?)?;
    let mut blobs = BTreeSet::new();
    let manifests: BTreeSet<Digest> = state.items.iter().map(|item| item.manifest).collect();
    for digest in &manifests {
        let bytes = read(fleet, device, *digest).await?;
        let manifest = Envelope::parse(&bytes, Kind::Manifest)
            .ok()
            .and_then(|envelope| Manifest::decode(envelope.payload()).ok())
            .ok_or(BundleError::Damaged { what: "a manifest" })?;
        for image in manifest.containers.iter().map(|container| &container.image) {
            blobs.extend([image.manifest, image.config, image.layer]);
            blobs.extend(image.referrers.iter().map(|blob| blob.digest));
        }
        out.write(&writer.manifest(&bytes)?)?;
    }
    for digest in &blobs {
        let found = fleet.blob(device.tenant, *digest, 0..u64::MAX).await?;
        let (bytes, mut pieces) = found.ok_or(BundleError::Missing { digest: *digest })?;
        out.write(&writer.blob(*digest, bytes)?)?;
        while let Some(piece) = pieces.try_next().await? {
            writer.part(&piece)?;
            out.write(&piece)?;
        }
    }
    out.write(&writer.end()?)?;
    out.file.flush()?;
    Ok(Bundled {
        version: stored.version.0,
        objects: u64::try_from(manifests.len().saturating_add(blobs.len())).unwrap_or(u64::MAX),
        bytes: out.bytes,
    })
}

struct Counted<'a> {
    file: &'a mut (dyn Write + Send),
    bytes: u64,
}

impl Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes = self
            .bytes
            .saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.file.write_all(bytes)
    }
}

/// A manifest, whole.
async fn read(
    fleet: &dyn Fleet,
    device: DeviceIdentity,
    digest: Digest,
) -> Result<Vec<u8>, BundleError> {
    let found = fleet.blob(device.tenant, digest, 0..u64::MAX).await?;
    let (bytes, mut pieces) = found.ok_or(BundleError::Missing { digest })?;
    if bytes > u64::from(Kind::Manifest.bytes_max()) {
        return Err(BundleError::Damaged { what: "a manifest" });
    }
    let mut whole = Vec::new();
    while let Some(piece) = pieces.try_next().await? {
        whole.extend_from_slice(&piece);
    }
    Ok(whole)
}
