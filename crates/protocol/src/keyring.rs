//! The keys whose states and manifests a device takes.

use alloc::vec::Vec;
use core::fmt;

use p256::ecdsa::VerifyingKey;
use p256::ecdsa::signature::Verifier as _;
use thimble_image::Digest;

use crate::limits::KEYS_MAX;
use crate::state::SigningKey;

/// The name of a key in envelopes (`kid`): the first 8 bytes of the SHA-256 of its compressed point.
pub type KeyId = [u8; 8];

/// The keys that a device trusts: those it was given when it enrolled or renewed its certificate, and those that the last
/// state it took announced.
///
/// A key is replaced in two steps: states announce the new one (`next_keys`), and the next renewal of the certificate no longer
/// names the old one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keyring {
    pinned: Vec<SigningKey>,
    announced: Vec<SigningKey>,
}

/// Why keys make no keyring. The hub is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// There is none, so that nothing could ever be signed.
    None,
    /// There are too many.
    TooMany {
        /// How many there may be.
        keys_max: u32,
    },
    /// A point is not on the curve, or not compressed.
    Point {
        /// Which key, as it calls itself.
        id: KeyId,
    },
    /// The name of a key is not made of its point.
    Id {
        /// The name.
        id: KeyId,
    },
}

/// Judges signatures. [`P256`] is the one that counts; simulations of many devices may have another.
pub trait Verify {
    /// Whether this is the ES256 signature (r and s, 32 bytes each) of the message under the key with this compressed point.
    fn is_signed(&self, point: &[u8], message: &[u8], signature: &[u8; 64]) -> bool;
}

/// ECDSA on P-256 with SHA-256.
#[derive(Clone, Copy, Debug, Default)]
pub struct P256;

impl Verify for P256 {
    fn is_signed(&self, point: &[u8], message: &[u8], signature: &[u8; 64]) -> bool {
        let Ok(key) = VerifyingKey::from_sec1_bytes(point) else {
            return false;
        };
        p256::ecdsa::Signature::from_slice(signature)
            .is_ok_and(|signature| key.verify(message, &signature).is_ok())
    }
}

/// The name of the key with this compressed point.
#[must_use]
pub fn key_id(point: &[u8]) -> KeyId {
    let digest = Digest::of(point);
    let mut id = [0; 8];
    for (to, from) in id.iter_mut().zip(digest.as_bytes()) {
        *to = *from;
    }
    id
}

impl Keyring {
    /// Trusts the keys that came with the certificate.
    ///
    /// # Errors
    /// [`KeyError`] says which key cannot be used.
    pub fn new(pinned: &[SigningKey]) -> Result<Self, KeyError> {
        if pinned.is_empty() {
            return Err(KeyError::None);
        }
        check(pinned)?;
        Ok(Self {
            pinned: pinned.into(),
            announced: Vec::new(),
        })
    }

    /// Trusts what the state that was taken last announced, and nothing that earlier ones did.
    ///
    /// # Errors
    /// [`KeyError`] says which key cannot be used; the keyring is as it was.
    pub fn announce(&mut self, next_keys: &[SigningKey]) -> Result<(), KeyError> {
        check(next_keys)?;
        self.announced = next_keys.into();
        Ok(())
    }

    /// The keys that came with the certificate.
    #[must_use]
    pub fn pinned(&self) -> &[SigningKey] {
        &self.pinned
    }

    /// The keys that the last state announced.
    #[must_use]
    pub fn announced(&self) -> &[SigningKey] {
        &self.announced
    }

    /// The key of this name.
    #[must_use]
    pub fn find(&self, id: KeyId) -> Option<&SigningKey> {
        self.pinned
            .iter()
            .chain(&self.announced)
            .find(|key| key.id == id)
    }
}

fn check(keys: &[SigningKey]) -> Result<(), KeyError> {
    if keys.len() > KEYS_MAX as usize {
        return Err(KeyError::TooMany { keys_max: KEYS_MAX });
    }
    for key in keys {
        let id = key.id;
        if key.point.len() != 33 || VerifyingKey::from_sec1_bytes(&key.point).is_err() {
            return Err(KeyError::Point { id });
        }
        if key_id(&key.point) != id {
            return Err(KeyError::Id { id });
        }
    }
    Ok(())
}

impl SigningKey {
    /// The key with this compressed point.
    ///
    /// # Errors
    /// The point is not one of the curve, or not compressed.
    pub fn of_point(point: &[u8]) -> Result<Self, KeyError> {
        let key = Self {
            id: key_id(point),
            point: point.into(),
        };
        check(core::slice::from_ref(&key))?;
        Ok(key)
    }
}

/// A key's name in hexadecimal.
pub(crate) struct Hex(pub(crate) KeyId);

impl fmt::Display for Hex {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => formatter.write_str("there is no key that could sign states"),
            Self::TooMany { keys_max } => {
                write!(
                    formatter,
                    "there are more than {keys_max} keys that sign states"
                )
            }
            Self::Point { id } => write!(
                formatter,
                "the key {} is not a compressed point of P-256",
                Hex(*id)
            ),
            Self::Id { id } => write!(
                formatter,
                "the key {} has a name that is not made of its point",
                Hex(*id)
            ),
        }
    }
}

impl core::error::Error for KeyError {}
