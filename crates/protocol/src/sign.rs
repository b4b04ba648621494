//! Envelopes: what changes a device is signed (COSE_Sign1, RFC 9052), so that no proxy, cache or USB stick has to be trusted.

mod envelope;
mod error;
mod signer;

pub use envelope::{Envelope, Kind};
pub use error::{EnvelopeError, ManifestRefused, SignError, SignerError, StateRefused};
pub use signer::{P256Signer, Signer};

use alloc::vec::Vec;

use thimble_image::Digest;

use crate::etag::ETag;
use crate::ids::DeviceId;
use crate::keyring::{KeyId, Keyring, P256, Verify};
use crate::limits;
use crate::manifest::Manifest;
use crate::state::DesiredState;

/// A message that somebody who is trusted signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened<T> {
    /// The message.
    pub message: T,
    /// The key that signed it.
    pub signed_by: KeyId,
    /// The SHA-256 of what was signed: of the payload, not of the envelope.
    pub payload: Digest,
}

/// What a state that may be taken is to a device.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "there is one, for a moment")]
pub enum StateOpened {
    /// One that is newer than what it has.
    Newer(Opened<DesiredState>),
    /// The one that it has.
    Unchanged,
}

impl Opened<DesiredState> {
    /// Its entity tag.
    #[must_use]
    pub fn etag(&self) -> ETag {
        ETag::of_digest(self.message.version, &self.payload)
    }
}

/// Signs a state.
///
/// # Errors
/// A device would refuse it, or the key did not sign.
pub fn sign_state(state: &DesiredState, signer: &dyn Signer) -> Result<Vec<u8>, SignError> {
    state.check().map_err(SignError::Message)?;
    envelope::sign(Kind::State, state.encode(), signer)
}

/// Signs a manifest. The digest of these bytes is what states name.
///
/// # Errors
/// A device would refuse it, or the key did not sign.
pub fn sign_manifest(manifest: &Manifest, signer: &dyn Signer) -> Result<Vec<u8>, SignError> {
    manifest.check().map_err(SignError::Message)?;
    envelope::sign(Kind::Manifest, manifest.encode(), signer)
}

/// Signs the bytes of a message that was encoded and checked before.
///
/// # Errors
/// The key did not sign.
pub fn sign_payload(
    kind: Kind,
    payload: Vec<u8>,
    signer: &dyn Signer,
) -> Result<Vec<u8>, SignError> {
    envelope::sign(kind, payload, signer)
}

/// Opens the envelope of a state for this device, which took the state `last` before, if any.
///
/// # Errors
/// [`StateRefused`] says why the device does not take it.
pub fn open_state(
    envelope: &[u8],
    keyring: &Keyring,
    device: DeviceId,
    last: Option<ETag>,
) -> Result<StateOpened, StateRefused> {
    open_state_with(&P256, envelope, keyring, device, last)
}

/// As [`open_state`], with another judge of signatures.
///
/// # Errors
/// [`StateRefused`] says why the device does not take it.
pub fn open_state_with(
    verify: &dyn Verify,
    envelope: &[u8],
    keyring: &Keyring,
    device: DeviceId,
    last: Option<ETag>,
) -> Result<StateOpened, StateRefused> {
    let envelope = Envelope::parse(envelope, Kind::State)?;
    envelope.check_signature(keyring, verify)?;
    let state = DesiredState::decode(envelope.payload()).map_err(StateRefused::Message)?;
    if state.device != device {
        return Err(StateRefused::Device {
            named: state.device,
            device,
        });
    }
    // Keys that cannot be used later are better known before the state is taken.
    if !state.next_keys.is_empty() {
        Keyring::new(&state.next_keys).map_err(StateRefused::NextKeys)?;
    }
    let opened = Opened {
        signed_by: envelope.key_id(),
        payload: Digest::of(envelope.payload()),
        message: state,
    };
    let Some(last) = last else {
        return Ok(StateOpened::Newer(opened));
    };
    let version = opened.message.version;
    if version > last.version() {
        return Ok(StateOpened::Newer(opened));
    }
    if opened.etag() == last {
        return Ok(StateOpened::Unchanged);
    }
    if version == last.version() {
        return Err(StateRefused::OtherContent { version });
    }
    Err(StateRefused::Older {
        version,
        last: last.version(),
    })
}

/// Opens the envelope of a manifest that a state names by this digest.
///
/// # Errors
/// [`ManifestRefused`] says why the device does not take it.
pub fn open_manifest(
    envelope: &[u8],
    keyring: &Keyring,
    expected: Digest,
) -> Result<Opened<Manifest>, ManifestRefused> {
    open_manifest_with(&P256, envelope, keyring, expected)
}

/// As [`open_manifest`], with another judge of signatures.
///
/// # Errors
/// [`ManifestRefused`] says why the device does not take it.
pub fn open_manifest_with(
    verify: &dyn Verify,
    envelope: &[u8],
    keyring: &Keyring,
    expected: Digest,
) -> Result<Opened<Manifest>, ManifestRefused> {
    let actual = Digest::of(envelope);
    if actual != expected {
        return Err(ManifestRefused::Digest { expected, actual });
    }
    let envelope = Envelope::parse(envelope, Kind::Manifest)?;
    envelope.check_signature(keyring, verify)?;
    Ok(Opened {
        message: Manifest::decode(envelope.payload()).map_err(ManifestRefused::Message)?,
        signed_by: envelope.key_id(),
        payload: Digest::of(envelope.payload()),
    })
}

impl Kind {
    /// Bytes of an envelope of this kind at most.
    #[must_use]
    pub const fn bytes_max(self) -> u32 {
        limits::ENVELOPE_EXTRA_BYTES_MAX
            + match self {
                Self::State => limits::STATE_BYTES_MAX,
                Self::Manifest => limits::MANIFEST_BYTES_MAX,
            }
    }
}
