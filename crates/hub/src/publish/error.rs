//! Why a desired state cannot be published.

use std::fmt;

use thimble_hub_blobs::{BlobError, ManifestError, NameError};
use thimble_hub_store::{DeploymentId, DeviceId};
use thimble_protocol::DecodeError;
use thimble_protocol::seal::SealError;
use thimble_protocol::sign::SignError;

/// Why a desired state cannot be published.
#[derive(Debug)]
#[non_exhaustive]
pub enum PublishError {
    /// The store failed, or somebody was in the way.
    Store(thimble_hub_store::Error),
    /// The blobs cannot be read or written.
    Blobs(BlobError),
    /// An image is not in the registry, or cannot be read.
    Image {
        /// Which: `REPOSITORY@DIGEST`.
        image: String,
        /// Why.
        reason: ImageFault,
    },
    /// A name cannot be one of a repository or a name space.
    Name(NameError),
    /// What is kept of a deployment, an app or a device cannot be read.
    Damaged {
        /// What: `revision 3 of deployment …`.
        what: String,
        /// Why.
        reason: String,
    },
    /// A deployment has no such revision.
    NoRevision {
        /// Which deployment.
        deployment: DeploymentId,
        /// Which revision.
        revision: u64,
    },
    /// A deployment depends on one that does not exist.
    NoDependency {
        /// Which deployment.
        deployment: DeploymentId,
        /// The name that it depends on.
        name: String,
    },
    /// A secret that is named does not exist, or has no value.
    NoSecret {
        /// Its name.
        name: String,
    },
    /// Two secrets of one device have one name in different values.
    Secret {
        /// Why.
        reason: String,
    },
    /// The system gives no random numbers.
    NoRandomness,
    /// A secret cannot be sealed for a device.
    Seal {
        /// Which device.
        device: DeviceId,
        /// Which secret.
        name: String,
        /// Why.
        error: SealError,
    },
    /// A manifest is larger than devices take, or has more parts.
    Manifest {
        /// Of which deployment.
        deployment: DeploymentId,
        /// Why it was not signed.
        error: SignError,
    },
    /// A state is larger than a device takes, or has more parts.
    State {
        /// Of which device.
        device: DeviceId,
        /// Why a device would refuse it.
        error: DecodeError,
    },
    /// There is no key that signs for the tenant.
    NoKey {
        /// Why.
        reason: String,
    },
}

/// Why an image cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum ImageFault {
    /// It is not named by digest.
    NoDigest,
    /// The registry does not have it, or cannot read it.
    Registry(ManifestError),
    /// It is no image of one module.
    NotOneModule {
        /// How many layers it has.
        layers: usize,
    },
    /// A part of it is too large for a device.
    TooLarge {
        /// How large.
        bytes: u64,
    },
}

impl fmt::Display for ImageFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoDigest => formatter.write_str("it is not named by digest: publish the version"),
            Self::Registry(error) => write!(formatter, "{error}"),
            Self::NotOneModule { layers } => write!(
                formatter,
                "it has {layers} layers: an image for devices has one, the module"
            ),
            Self::TooLarge { bytes } => {
                write!(formatter, "a part of it has {bytes} bytes: 4 GiB at most")
            }
        }
    }
}

impl fmt::Display for PublishError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(_) => formatter.write_str("the store failed"),
            Self::Blobs(_) => formatter.write_str("the blobs cannot be read or written"),
            Self::Image { image, reason } => {
                write!(formatter, "the image {image} cannot be used: {reason}")
            }
            Self::Name(_) => formatter.write_str("a name is wrong"),
            Self::Damaged { what, reason } => {
                write!(formatter, "what is kept as {what} cannot be read: {reason}")
            }
            Self::NoRevision {
                deployment,
                revision,
            } => write!(
                formatter,
                "deployment {deployment} has no revision {revision}"
            ),
            Self::NoDependency { deployment, name } => write!(
                formatter,
                "deployment {deployment} depends on {name:?}, which does not exist"
            ),
            Self::NoSecret { name } => write!(
                formatter,
                "there is no secret {name:?}, or it has no value: set it first"
            ),
            Self::Secret { reason } => write!(formatter, "a secret cannot be opened: {reason}"),
            Self::NoRandomness => formatter.write_str("the system gives no random numbers"),
            Self::Seal { device, name, .. } => write!(
                formatter,
                "the secret {name:?} cannot be sealed for device {device}"
            ),
            Self::Manifest { deployment, .. } => {
                write!(
                    formatter,
                    "the manifest of deployment {deployment} cannot be signed"
                )
            }
            Self::State { device, .. } => {
                write!(formatter, "device {device} would refuse its state")
            }
            Self::NoKey { reason } => write!(formatter, "no key signs for the tenant: {reason}"),
        }
    }
}

impl std::error::Error for PublishError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Store(error) => Some(error),
            Self::Blobs(error) => Some(error),
            Self::Name(error) => Some(error),
            Self::Seal { error, .. } => Some(error),
            Self::Manifest { error, .. } => Some(error),
            Self::State { error, .. } => Some(error),
            _ => None,
        }
    }
}

impl From<thimble_hub_store::Error> for PublishError {
    fn from(error: thimble_hub_store::Error) -> Self {
        Self::Store(error)
    }
}

impl From<BlobError> for PublishError {
    fn from(error: BlobError) -> Self {
        Self::Blobs(error)
    }
}

impl From<NameError> for PublishError {
    fn from(error: NameError) -> Self {
        Self::Name(error)
    }
}
