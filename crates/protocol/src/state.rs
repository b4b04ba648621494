//! What a device is to be: which deployments, when it may change, and what it does when nobody answers.

use alloc::string::String;
use alloc::vec::Vec;

use thimble_image::Digest;

use crate::ids::{DeploymentId, DeviceId, StateVersion, UnixSeconds};

/// Everything that a device is to be. It travels in a COSE_Sign1 envelope; its `ETag` is made of its version and the digest
/// of these bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredState {
    /// For whom. Another device refuses it.
    pub device: DeviceId,
    /// Rises strictly. A device remembers the greatest that it took and refuses what is not greater.
    pub version: StateVersion,
    /// When the hub wrote it.
    pub issued_at: UnixSeconds,
    /// What is to run, in the order in which it is installed. What is not in here is removed.
    pub items: Vec<Item>,
    /// When the device may change what runs.
    pub policy: UpdatePolicy,
    /// Secrets that deployments name, sealed for this device.
    pub secrets: Vec<SealedSecret>,
    /// What the device does when the hub does not answer, in the order of time.
    pub ladder: Vec<Rung>,
    /// Where else the device may ask for its state: `https://…`, in this order, when the hub does not answer.
    pub recovery_urls: Vec<String>,
    /// Keys with which later states may be signed, beside the one that signed this: so that a key can be replaced.
    pub next_keys: Vec<SigningKey>,
}

/// One deployment of a state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Which deployment. The same id with another digest is an update.
    pub deployment: DeploymentId,
    /// The digest of the signed manifest: of the envelope's bytes.
    pub manifest: Digest,
    /// Bytes of the envelope.
    pub manifest_bytes: u32,
    /// Whoever operates the fleet overrides the running app's veto: why. It was audited.
    pub override_reason: Option<String>,
}

/// When a device may change what runs. Downloads are not bound by it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpdatePolicy {
    /// When changes may begin; none means always.
    pub windows: Vec<Window>,
    /// Nothing changes before this time, whatever the windows say.
    pub hold_until: Option<UnixSeconds>,
    /// Nothing changes until the operator takes the hold back.
    pub is_held: bool,
}

/// A span of time that comes back every week, in the device's local time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Days on which it begins: bit 0 is Monday, bit 6 is Sunday; at least one.
    pub days: u8,
    /// Minutes after midnight at which it begins, 0 to 1439.
    pub begin_minute: u16,
    /// Minutes that it lasts, 1 to 1440.
    pub minutes: u16,
    /// Minutes by which the local time is ahead of UTC, -840 to 840.
    pub utc_offset_minutes: i16,
}

/// A secret that only the device's key opens (HPKE, RFC 9180: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-128-GCM).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSecret {
    /// The name by which manifests ask for it.
    pub name: String,
    /// Which value of that name: rises with each change, so that a device sees one.
    pub revision: u32,
    /// The encapsulated key, 65 bytes, and the ciphertext with its tag. The name and the device are authenticated with it.
    pub sealed: Vec<u8>,
}

/// What to do after so long without an answer of the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rung {
    /// Seconds since the hub last answered.
    pub after_s: u32,
    /// What is done then.
    pub step: Escalation,
}

/// What a device does when the hub does not answer, mildest first. Containers run on in all of them but the last two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Escalation {
    /// Connects anew: names are looked up again, and other addresses are tried.
    Reconnect,
    /// Asks at the recovery URLs too.
    Recovery,
    /// Goes back to the state before the last one, if that one was never confirmed by the hub.
    RollBack,
    /// Restarts the agent.
    RestartAgent,
    /// Restarts the device.
    RestartDevice,
}

/// A key that signs states and manifests: P-256, ES256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SigningKey {
    /// Its name in envelopes (`kid`): the first 8 bytes of the SHA-256 of the point.
    pub id: [u8; 8],
    /// The point, compressed (SEC 1), 33 bytes.
    pub point: Vec<u8>,
}
