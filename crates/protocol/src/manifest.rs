//! One deployment, content-addressed: which containers, how they are set, and how carefully they are replaced.

use alloc::string::String;
use alloc::vec::Vec;

use thimble_image::Digest;

use crate::ids::DeploymentId;

/// A deployment as a device carries it out. It travels in a COSE_Sign1 envelope, and is known by the digest of that
/// envelope's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Which deployment.
    pub deployment: DeploymentId,
    /// The app's name: `a-z`, `0-9`, `-`; containers are `APP.NAME` on the device.
    pub app: String,
    /// The app's version, for people.
    pub version: String,
    /// The containers, each started after those it depends on.
    pub containers: Vec<Container>,
    /// How they are replaced.
    pub update: UpdateRules,
    /// Other deployments that must be installed first.
    pub depends_on: Vec<DeploymentId>,
}

/// A container of a deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// Its name within the app.
    pub name: String,
    /// The image.
    pub image: Image,
    /// Arguments instead of the image's.
    pub args: Option<Vec<String>>,
    /// Environment, `NAME=value`.
    pub env: Vec<String>,
    /// Environment variables whose value is a secret.
    pub secret_env: Vec<SecretVariable>,
    /// What it may do, in the words of the grant vocabulary.
    pub grants: Vec<String>,
    /// Volumes.
    pub mounts: Vec<Mount>,
    /// Addresses to listen on, `tcp/8080`.
    pub listen: Vec<String>,
    /// What it may use at most.
    pub limits: Limits,
    /// When it is started again: `no`, `always`, `on-failure`, `on-failure:3`, `unless-stopped`.
    pub restart: String,
    /// What it must report.
    pub health: Option<Health>,
    /// Containers of the same app that must run first.
    pub depends_on: Vec<String>,
}

/// Which image, and what it takes to hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Its name, for people: `sensors/reader:1.2`.
    pub reference: String,
    /// The digest of its manifest.
    pub manifest: Digest,
    /// Bytes of its manifest.
    pub manifest_bytes: u32,
    /// The digest of its configuration.
    pub config: Digest,
    /// Bytes of its configuration.
    pub config_bytes: u32,
    /// The digest of its one layer, the module.
    pub layer: Digest,
    /// Bytes of the layer.
    pub layer_bytes: u32,
    /// Other blobs that must come with it: signatures (referrers) and their layers.
    pub referrers: Vec<Blob>,
}

/// A blob, and its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blob {
    /// What it is known by.
    pub digest: Digest,
    /// Its bytes.
    pub bytes: u32,
}

/// An environment variable whose value is a secret of the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretVariable {
    /// The variable.
    pub variable: String,
    /// The secret's name.
    pub secret: String,
}

/// A volume of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The volume's name within the app.
    pub volume: String,
    /// Where the container sees it.
    pub target: String,
    /// Whether it may only read it.
    pub is_read_only: bool,
}

/// What a container may use at most; what is absent is the device's own rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory.
    pub memory_bytes: Option<u64>,
    /// Its part of the processor relative to others, 1000 is one.
    pub cpu_share_thousandths: Option<u32>,
    /// Files.
    pub storage_bytes: Option<u64>,
    /// Keys and values.
    pub key_value_bytes: Option<u64>,
    /// Open files and sockets.
    pub descriptors: Option<u32>,
    /// Sockets.
    pub sockets: Option<u32>,
    /// Timers.
    pub timers: Option<u32>,
    /// Subscriptions.
    pub subscriptions: Option<u32>,
}

/// What a container must report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    /// Time until it must have reported for the first time.
    pub start_ms: u32,
    /// Time between two reports at most.
    pub heartbeat_ms: Option<u32>,
}

/// How a deployment's containers are replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpdateRules {
    /// Milliseconds that the running app has to say yes; after that it has said nothing, and the change goes on. 0 does not
    /// ask.
    pub consent_ms: u32,
    /// Seconds until a refused change is asked for again.
    pub ask_again_s: u32,
    /// Seconds that the new containers must run without a crash and in health before they are kept.
    pub probation_s: u32,
    /// Seconds within which the hub must have been reached while on probation; 0 does not ask for it.
    pub hub_within_s: u32,
}

impl Default for UpdateRules {
    fn default() -> Self {
        Self {
            consent_ms: 10_000,
            ask_again_s: 600,
            probation_s: 60,
            hub_within_s: 900,
        }
    }
}
