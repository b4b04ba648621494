//! Who may declare what the device is to be: the keys that the hub named at the enrolment, and those that states announce.

use thimble_agent::trust::{OpenedState, Refusal, RefusalCause, Trust};
use thimble_image::Digest;
use thimble_protocol::keyring::Keyring;
use thimble_protocol::sign::{self, StateOpened, StateRefused};
use thimble_protocol::state::SigningKey;
use thimble_protocol::{DeviceId, Manifest, StateVersion};

/// Bytes of the digest in an entity tag.
const TAG_BYTES: usize = 9;

/// The keys.
#[derive(Debug)]
pub(super) struct Keys {
    pinned: Vec<SigningKey>,
}

impl Keys {
    pub(super) const fn new(pinned: Vec<SigningKey>) -> Self {
        Self { pinned }
    }

    fn ring(&self, next_keys: &[SigningKey]) -> Result<Keyring, Refusal> {
        let mut ring = Keyring::new(&self.pinned).map_err(|error| untrusted(&error))?;
        ring.announce(next_keys).map_err(|error| untrusted(&error))?;
        Ok(ring)
    }
}

impl Trust for Keys {
    fn open_state(
        &self,
        envelope: &[u8],
        device: DeviceId,
        next_keys: &[SigningKey],
    ) -> Result<OpenedState, Refusal> {
        let ring = self.ring(next_keys)?;
        let opened = match sign::open_state(envelope, &ring, device, None) {
            Ok(StateOpened::Newer(opened)) => opened,
            // Without one to compare with, each is newer.
            Ok(StateOpened::Unchanged) => {
                return Err(Refusal {
                    cause: RefusalCause::Malformed,
                    text: "the state could not be compared".to_owned(),
                });
            }
            Err(refused) => {
                return Err(Refusal {
                    cause: cause(&refused),
                    text: refused.to_string(),
                });
            }
        };
        let mut tag = [0; TAG_BYTES];
        for (to, from) in tag.iter_mut().zip(opened.payload.as_bytes()) {
            *to = *from;
        }
        Ok(OpenedState {
            state: opened.message,
            tag,
        })
    }

    fn open_manifest(
        &self,
        envelope: &[u8],
        digest: Digest,
        next_keys: &[SigningKey],
    ) -> Result<Manifest, Refusal> {
        let ring = self.ring(next_keys)?;
        sign::open_manifest(envelope, &ring, digest)
            .map(|opened| opened.message)
            .map_err(|refused| Refusal {
                cause: match refused {
                    sign::ManifestRefused::Envelope(_) => RefusalCause::Untrusted,
                    _ => RefusalCause::Malformed,
                },
                text: refused.to_string(),
            })
    }
}

/// The tag of a state whose version and digest's beginning are known.
pub(super) fn etag(version: StateVersion, tag: [u8; TAG_BYTES]) -> thimble_protocol::ETag {
    let mut bytes = [0; 32];
    for (to, from) in bytes.iter_mut().zip(tag) {
        *to = from;
    }
    thimble_protocol::ETag::of_digest(version, &Digest::from_bytes(bytes))
}

fn untrusted(error: &dyn std::fmt::Display) -> Refusal {
    Refusal {
        cause: RefusalCause::Untrusted,
        text: error.to_string(),
    }
}

fn cause(refused: &StateRefused) -> RefusalCause {
    match refused {
        StateRefused::Device { .. } => RefusalCause::OtherDevice,
        StateRefused::Envelope(
            sign::EnvelopeError::UnknownKey { .. } | sign::EnvelopeError::Signature { .. },
        )
        | StateRefused::NextKeys(_) => RefusalCause::Untrusted,
        StateRefused::Older { last, .. } => RefusalCause::Downgrade { taken: *last },
        StateRefused::OtherContent { .. } => RefusalCause::OtherContent,
        _ => RefusalCause::Malformed,
    }
}
