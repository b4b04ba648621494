//! Who signs.

use alloc::vec::Vec;

use p256::ecdsa::signature::Signer as _;
use p256::elliptic_curve::sec1::ToSec1Point as _;

use super::error::SignerError;
use crate::keyring::{KeyId, key_id};
use crate::state::SigningKey;

/// Holds a P-256 key, in memory or in a token, and signs with it.
pub trait Signer {
    /// The key's name.
    fn key_id(&self) -> KeyId;

    /// Signs a message with ES256 (which hashes it); returns r and s, 32 bytes each.
    ///
    /// # Errors
    /// [`SignerError`] says why the key did not sign.
    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignerError>;
}

/// A key in memory. Signatures are deterministic (RFC 6979).
pub struct P256Signer {
    key: p256::ecdsa::SigningKey,
    point: Vec<u8>,
}

impl P256Signer {
    /// Signs with this key.
    #[must_use]
    pub fn new(key: &p256::SecretKey) -> Self {
        Self {
            point: key.public_key().to_sec1_point(true).as_bytes().into(),
            key: key.into(),
        }
    }

    /// The public half, as devices know it.
    #[must_use]
    pub fn signing_key(&self) -> SigningKey {
        SigningKey {
            id: self.key_id(),
            point: self.point.clone(),
        }
    }
}

impl Signer for P256Signer {
    fn key_id(&self) -> KeyId {
        key_id(&self.point)
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64], SignerError> {
        let signature: p256::ecdsa::Signature = self
            .key
            .try_sign(message)
            .map_err(|_| SignerError::Failed)?;
        Ok(signature.to_bytes().into())
    }
}
