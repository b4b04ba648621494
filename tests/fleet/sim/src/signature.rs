//! Signatures: P-256 as it is, or a sum that costs nothing, for masses of devices.

use p256::SecretKey;
use thimble_protocol::keyring::{P256, Verify};
use thimble_protocol::sign::{P256Signer, Signer, SignerError};
use thimble_protocol::state::SigningKey;
use thimble_protocol::{KeyId, Keyring};

use crate::random::mix;

/// How signatures are made and judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signatures {
    /// ECDSA on P-256, as on devices.
    P256,
    /// A sum of key and message, which anybody could make: cheap.
    Sum,
}

impl Verify for Signatures {
    fn is_signed(&self, point: &[u8], message: &[u8], signature: &[u8; 64]) -> bool {
        match self {
            Self::P256 => P256.is_signed(point, message, signature),
            Self::Sum => sum(point, message) == *signature,
        }
    }
}

/// The hub's key.
pub(crate) struct Key {
    signer: P256Signer,
    public: SigningKey,
    signatures: Signatures,
}

impl Key {
    pub(crate) fn new(signatures: Signatures) -> anyhow::Result<Self> {
        let secret = SecretKey::from_slice(&[9; 32])?;
        let signer = P256Signer::new(&secret);
        let public = signer.signing_key();
        Ok(Self {
            signer,
            public,
            signatures,
        })
    }

    pub(crate) fn keyring(&self) -> anyhow::Result<Keyring> {
        Ok(Keyring::new(core::slice::from_ref(&self.public))?)
    }
}

impl Signer for Key {
    fn key_id(&self) -> KeyId {
        self.public.id
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignerError> {
        match self.signatures {
            Signatures::P256 => self.signer.sign(message),
            Signatures::Sum => Ok(sum(&self.public.point, message)),
        }
    }
}

fn sum(point: &[u8], message: &[u8]) -> [u8; 64] {
    let mut state = 0_u64;
    for part in [point, message] {
        for chunk in part.chunks(8) {
            let mut word = [0; 8];
            for (to, from) in word.iter_mut().zip(chunk) {
                *to = *from;
            }
            state = mix(state ^ u64::from_le_bytes(word));
        }
    }
    let mut signature = [0; 64];
    for chunk in signature.chunks_mut(8) {
        state = mix(state.wrapping_add(1));
        chunk.copy_from_slice(&state.to_le_bytes());
    }
    signature
}
