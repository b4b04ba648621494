//! Who may declare what a device is to be. The agent has no cryptography of its own.

use alloc::string::String;

use thimble_image::Digest;
use thimble_protocol::state::SigningKey;
use thimble_protocol::{DesiredState, DeviceId, Manifest, StateVersion};

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
}

/// A state that was signed by who may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenedState {
    /// What it says.
    pub state: DesiredState,
    /// The first 9 bytes of the SHA-256 of the signed payload: the entity tag's second half.
    pub tag: [u8; 9],
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
