//! Secrets that only one device reads (HPKE, RFC 9180: DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-128-GCM).

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use hpke::aead::AesGcm128;
use hpke::kdf::HkdfSha256;
use hpke::kem::DhP256HkdfSha256;
use hpke::{Deserializable as _, Kem, OpModeR, OpModeS, Serializable as _};
use p256::elliptic_curve::rand_core::CryptoRng;
use p256::elliptic_curve::sec1::ToSec1Point as _;
use zeroize::Zeroizing;

use crate::codec::Written;
use crate::ids::DeviceId;
use crate::limits::{SECRET_BYTES_MAX, WORD_BYTES_MAX};
use crate::state::SealedSecret;

/// What the keys are derived for, so that a ciphertext of another protocol never fits.
const PURPOSE: &[u8] = b"thimble secret 1";
/// Bytes of an encapsulated key: an uncompressed point.
const ENCAPSULATED_BYTES: usize = 65;

type Encapsulated = <DhP256HkdfSha256 as Kem>::EncappedKey;

/// The value of a secret. It has no `Debug`, and its memory is wiped.
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Why a secret could not be sealed. The operator is at fault, or the device that enrolled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SealError {
    /// Its name is empty or too long.
    Name {
        /// How many bytes it may have.
        bytes_max: u32,
    },
    /// Its value is too long.
    TooLong {
        /// How many bytes it has.
        bytes: u64,
        /// How many it may have.
        bytes_max: u32,
    },
    /// The device's key cannot be used.
    Key,
}

/// Why a secret could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenError {
    /// What is sealed is too short to be a secret, or its key is not a point.
    Malformed,
    /// It is not for this device's key, this name or this revision, or was changed.
    NotOurs,
}

/// Seals the value of a secret for the device with this public key.
///
/// # Errors
/// [`SealError`] says what cannot be sealed.
pub fn seal(
    value: &[u8],
    name: &str,
    revision: u32,
    device: DeviceId,
    recipient: &p256::PublicKey,
    random: &mut impl CryptoRng,
) -> Result<SealedSecret, SealError> {
    if name.is_empty() || name.len() > WORD_BYTES_MAX as usize {
        return Err(SealError::Name {
            bytes_max: WORD_BYTES_MAX,
        });
    }
    if value.len() > SECRET_BYTES_MAX as usize {
        return Err(SealError::TooLong {
            bytes: value.len() as u64,
            bytes_max: SECRET_BYTES_MAX,
        });
    }
    let recipient =
        <DhP256HkdfSha256 as Kem>::PublicKey::from_bytes(recipient.to_sec1_point(false).as_bytes())
            .map_err(|_| SealError::Key)?;
    let (encapsulated, ciphertext) =
        hpke::single_shot_seal_with_rng::<AesGcm128, HkdfSha256, DhP256HkdfSha256>(
            &OpModeS::Base,
            &recipient,
            PURPOSE,
            value,
            &authenticated(name, device, revision),
            random,
        )
        .map_err(|_| SealError::Key)?;
    let mut sealed = encapsulated.to_bytes().to_vec();
    sealed.extend_from_slice(&ciphertext);
    Ok(SealedSecret {
        name: String::from(name),
        revision,
        sealed,
    })
}

/// Opens a secret of a state with the device's key.
///
/// # Errors
/// [`OpenError`] says why it cannot be opened.
pub fn open(
    secret: &SealedSecret,
    device: DeviceId,
    key: &p256::SecretKey,
) -> Result<Secret, OpenError> {
    let (encapsulated, ciphertext) = secret
        .sealed
        .split_at_checked(ENCAPSULATED_BYTES)
        .ok_or(OpenError::Malformed)?;
    let encapsulated = Encapsulated::from_bytes(encapsulated).map_err(|_| OpenError::Malformed)?;
    let key = <DhP256HkdfSha256 as Kem>::PrivateKey::from_bytes(&Zeroizing::new(key.to_bytes()))
        .map_err(|_| OpenError::NotOurs)?;
    hpke::single_shot_open::<AesGcm128, HkdfSha256, DhP256HkdfSha256>(
        &OpModeR::Base,
        &key,
        &encapsulated,
        PURPOSE,
        ciphertext,
        &authenticated(&secret.name, device, secret.revision),
    )
    .map(|value| Secret(Zeroizing::new(value)))
    .map_err(|_| OpenError::NotOurs)
}

/// What is authenticated beside the value: `[name, device, revision]`.
fn authenticated(name: &str, device: DeviceId, revision: u32) -> Vec<u8> {
    let mut written = Written::new();
    written
        .array(3)
        .text(name)
        .bytes(&device.0)
        .number(revision.into());
    written.into_bytes()
}

impl fmt::Display for SealError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name { bytes_max } => {
                write!(formatter, "the name of a secret has 1 to {bytes_max} bytes")
            }
            Self::TooLong { bytes, bytes_max } => write!(
                formatter,
                "the secret has {bytes} bytes, and may have at most {bytes_max}"
            ),
            Self::Key => formatter.write_str("nothing can be sealed for the device's key"),
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Malformed => "the sealed secret is malformed",
            Self::NotOurs => {
                "the secret is not sealed for this device's key, name and revision, or was changed; \
                 the hub has to seal it again"
            }
        })
    }
}

impl core::error::Error for SealError {}
impl core::error::Error for OpenError {}
