//! The algorithms of signatures: ECDSA on P-256 and P-384.

use core::fmt;

use p256::ecdsa::signature::hazmat::PrehashVerifier as _;
use sha2::{Digest as _, Sha256, Sha384};

/// How an envelope is signed; the curve of the leaf's key decides (signature specification, algorithm selection).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
}

/// How a certificate's content is hashed before it is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HashAlgorithm {
    Sha256,
    Sha384,
}

/// A key that can check signatures.
#[derive(Clone, Debug)]
pub(super) enum PublicKey {
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
}

impl Algorithm {
    /// Its number in COSE (RFC 9053, section 2.1; RFC 9864 keeps it).
    #[must_use]
    pub const fn cose_number(self) -> i64 {
        match self {
            Self::Es256 => -7,
            Self::Es384 => -35,
        }
    }

    /// Bytes of a signature: r and s, each as long as the curve's order.
    #[must_use]
    pub const fn signature_bytes(self) -> usize {
        match self {
            Self::Es256 => 64,
            Self::Es384 => 96,
        }
    }

    pub(super) const fn of_cose_number(number: i64) -> Option<Self> {
        match number {
            -7 => Some(Self::Es256),
            -35 => Some(Self::Es384),
            _ => None,
        }
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
        })
    }
}

impl HashAlgorithm {
    fn digest(self, message: &[u8]) -> alloc::vec::Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(message).to_vec(),
            Self::Sha384 => Sha384::digest(message).to_vec(),
        }
    }
}

impl PublicKey {
    /// What this key signs with in an envelope.
    pub(super) const fn algorithm(&self) -> Algorithm {
        match self {
            Self::P256(_) => Algorithm::Es256,
            Self::P384(_) => Algorithm::Es384,
        }
    }

    /// Whether `signature` is r and s of this message, as COSE has them.
    pub(super) fn accepts(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::P256(key) => p256::ecdsa::Signature::from_slice(signature).is_ok_and(|it| {
                key.verify_prehash(&HashAlgorithm::Sha256.digest(message), &it)
                    .is_ok()
            }),
            Self::P384(key) => p384::ecdsa::Signature::from_slice(signature).is_ok_and(|it| {
                key.verify_prehash(&HashAlgorithm::Sha384.digest(message), &it)
                    .is_ok()
            }),
        }
    }

    /// Whether `signature` is r and s of this message, as certificates have them (RFC 3279, section 2.2.3).
    pub(super) fn accepts_der(
        &self,
        hash: HashAlgorithm,
        message: &[u8],
        signature: &[u8],
    ) -> bool {
        let digest = hash.digest(message);
        match self {
            Self::P256(key) => p256::ecdsa::Signature::from_der(signature)
                .is_ok_and(|it| key.verify_prehash(&digest, &it).is_ok()),
            Self::P384(key) => p384::ecdsa::Signature::from_der(signature)
                .is_ok_and(|it| key.verify_prehash(&digest, &it).is_ok()),
        }
    }
}
