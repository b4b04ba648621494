//! Who may declare what a device is to be. The agent has no cryptography of its own.

use alloc::string::{String, ToString};

use thimble_image::Digest;
use thimble_protocol::keyring::Verify;
use thimble_protocol::sign::{
    Envelope, EnvelopeError, Kind, ManifestRefused, StateOpened, StateRefused, open_manifest_with,
    open_state_with,
};
use thimble_protocol::state::SigningKey;
use thimble_protocol::{DesiredState, DeviceId, ETag, Keyring, Manifest, StateVersion};

/// Opens what was signed.
pub trait Trust {
    /// Opens a desired state.
    ///
    /// It is signed with a key that was pinned at the enrolment or with one of `next_keys`, and it is for this device. The
    /// agent itself compares versions.
    ///
    /// # Errors
    ///
    /// Why it is not believed.
    fn open_state(
        &self,
        envelope: &[u8],
        device: DeviceId,
        next_keys: &[SigningKey],
    ) -> Result<OpenedState, Refusal>;

    /// Opens a manifest, whose envelope's digest the caller has compared already.
    ///
    /// # Errors
    ///
    /// Why it is not believed.
    fn open_manifest(
        &self,
        envelope: &[u8],
        digest: Digest,
        next_keys: &[SigningKey],
    ) -> Result<Manifest, Refusal>;

    /// Opens a manifest that was believed before, whose digest was kept since and has been compared. Its signature is not
    /// looked at: the key may have been replaced meanwhile, and what runs must still be put back.
    ///
    /// # Errors
    ///
    /// It is no manifest.
    fn reopen_manifest(&self, envelope: &[u8], digest: Digest) -> Result<Manifest, Refusal>;
}

/// A state that was signed by who may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenedState {
    /// What it says.
    pub state: DesiredState,
    /// Its entity tag.
    pub tag: ETag,
}

/// Why something is not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// For programs.
    pub cause: RefusalCause,
    /// For people.
    pub text: String,
}

/// Why something is not believed, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum RefusalCause {
    /// It is not what it should be: no envelope, no message.
    Malformed,
    /// Nobody who may has signed it.
    Untrusted,
    /// It is for another device.
    OtherDevice,
    /// A greater version was taken already.
    Downgrade {
        /// That one.
        taken: StateVersion,
    },
    /// This version was taken already, and said something else.
    OtherContent,
}

/// The fleet's own trust: the keys of the enrolment, beside those that the last state announced.
#[derive(Clone, Debug)]
pub struct Signatures<V> {
    /// The pinned keys.
    pub keyring: Keyring,
    /// The judge of signatures: [`P256`](thimble_protocol::keyring::P256) on devices.
    pub verify: V,
}

impl<V: Verify> Signatures<V> {
    fn with(&self, next_keys: &[SigningKey]) -> Keyring {
        let mut keyring = self.keyring.clone();
        // They were checked when their state was taken; if they cannot be used now, the pinned ones count alone.
        let _ = keyring.announce(next_keys);
        keyring
    }
}

impl<V: Verify> Trust for Signatures<V> {
    fn open_state(
        &self,
        envelope: &[u8],
        device: DeviceId,
        next_keys: &[SigningKey],
    ) -> Result<OpenedState, Refusal> {
        match open_state_with(&self.verify, envelope, &self.with(next_keys), device, None) {
            Ok(StateOpened::Newer(opened)) => Ok(OpenedState {
                tag: opened.etag(),
                state: opened.message,
            }),
            Ok(StateOpened::Unchanged) => Err(Refusal {
                cause: RefusalCause::OtherContent,
                text: String::from("it is said to be what was taken last, and nothing was asked"),
            }),
            Err(refused) => Err(Refusal {
                cause: state_cause(&refused),
                text: refused.to_string(),
            }),
        }
    }

    fn open_manifest(
        &self,
        envelope: &[u8],
        digest: Digest,
        next_keys: &[SigningKey],
    ) -> Result<Manifest, Refusal> {
        match open_manifest_with(&self.verify, envelope, &self.with(next_keys), digest) {
            Ok(opened) => Ok(opened.message),
            Err(refused) => {
                let cause = match &refused {
                    ManifestRefused::Envelope(error) => envelope_cause(error),
                    _ => RefusalCause::Malformed,
                };
                Err(Refusal {
                    cause,
                    text: refused.to_string(),
                })
            }
        }
    }

    fn reopen_manifest(&self, envelope: &[u8], _: Digest) -> Result<Manifest, Refusal> {
        let malformed = |text| Refusal {
            cause: RefusalCause::Malformed,
            text,
        };
        let envelope = Envelope::parse(envelope, Kind::Manifest)
            .map_err(|error| malformed(error.to_string()))?;
        Manifest::decode(envelope.payload()).map_err(|error| malformed(error.to_string()))
    }
}

fn state_cause(refused: &StateRefused) -> RefusalCause {
    match refused {
        StateRefused::Envelope(error) => envelope_cause(error),
        StateRefused::Device { .. } => RefusalCause::OtherDevice,
        StateRefused::Older { last, .. } => RefusalCause::Downgrade { taken: *last },
        StateRefused::OtherContent { .. } => RefusalCause::OtherContent,
        _ => RefusalCause::Malformed,
    }
}

const fn envelope_cause(error: &EnvelopeError) -> RefusalCause {
    match error {
        EnvelopeError::UnknownKey { .. } | EnvelopeError::Signature { .. } => {
            RefusalCause::Untrusted
        }
        _ => RefusalCause::Malformed,
    }
}
