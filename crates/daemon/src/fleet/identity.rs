//! Who the device is: its key, which never leaves it, and what the hub gave it when it enrolled.

use std::fmt;
use std::io;

use p256::SecretKey;
use p256::elliptic_curve::sec1::ToSec1Point as _;
use p256::pkcs8::{DecodePrivateKey as _, EncodePrivateKey as _};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use thimble_image::Digest;
use thimble_port_linux::clock::SystemRandom;
use thimble_protocol::enrol::Issued;
use thimble_protocol::{EnrolReply, UnixSeconds};
use thimble_runtime::port::Random as _;
use x509_cert::der::Decode as _;

use super::folder::Folder;

/// The key, PKCS #8.
const KEY_FILE: &str = "device.key";
/// What the hub gave, as it sent it.
const ENROLMENT_FILE: &str = "enrolment";
/// Attempts to draw a key: one in 2^32 fails.
const DRAWS_MAX: u32 = 8;

/// Why the device has no identity.
#[derive(Debug)]
#[non_exhaustive]
pub(crate) enum IdentityError {
    /// The disk failed.
    Disk(io::Error),
    /// The device has no randomness.
    NoRandomness,
    /// The key that was kept is none.
    Key,
    /// The library cannot make the request; ours to mend.
    Request(rcgen::Error),
}

impl fmt::Display for IdentityError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disk(error) => write!(formatter, "the device's key cannot be kept: {error}"),
            Self::NoRandomness => formatter.write_str("the system gives no random bits"),
            Self::Key => write!(
                formatter,
                "{KEY_FILE} holds no key; remove it, and the device enrols as a new one"
            ),
            Self::Request(error) => write!(formatter, "the enrolment cannot be written: {error}"),
        }
    }
}

impl std::error::Error for IdentityError {}

impl From<io::Error> for IdentityError {
    fn from(error: io::Error) -> Self {
        Self::Disk(error)
    }
}

/// The device's key. It has no `Debug`.
pub(super) struct DeviceKey {
    secret: SecretKey,
    pkcs8: Vec<u8>,
}

impl DeviceKey {
    /// Reads the key; makes it the first time.
    pub(super) fn load_or_make(folder: &Folder) -> Result<Self, IdentityError> {
        if let Some(pkcs8) = folder.read(KEY_FILE)? {
            let secret = SecretKey::from_pkcs8_der(&pkcs8).map_err(|_| IdentityError::Key)?;
            return Ok(Self { secret, pkcs8 });
        }
        let secret = draw()?;
        let pkcs8 = secret.to_pkcs8_der().map_err(|_| IdentityError::Key)?;
        folder.write(KEY_FILE, pkcs8.as_bytes())?;
        Ok(Self {
            pkcs8: pkcs8.as_bytes().to_vec(),
            secret,
        })
    }

    /// What opens secrets.
    pub(super) const fn secret(&self) -> &SecretKey {
        &self.secret
    }

    /// For TLS.
    pub(super) fn for_tls(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.pkcs8.clone()))
    }

    /// A certification request, signed with the key.
    pub(super) fn request(&self) -> Result<Vec<u8>, IdentityError> {
        let pair = KeyPair::from_pkcs8_der_and_sign_algo(
            &PrivatePkcs8KeyDer::from(self.pkcs8.as_slice()),
            &PKCS_ECDSA_P256_SHA256,
        )
        .map_err(IdentityError::Request)?;
        let parameters =
            CertificateParams::new(Vec::<String>::new()).map_err(IdentityError::Request)?;
        let request = parameters
            .serialize_request(&pair)
            .map_err(IdentityError::Request)?;
        Ok(request.der().to_vec())
    }

    /// What people compare before they approve the device: the first 8 bytes of the SHA-256 of the public key.
    pub(super) fn fingerprint(&self) -> String {
        let point = self.secret.public_key().to_sec1_point(false);
        let hex = Digest::of(point.as_bytes()).hex();
        hex.get(..16).unwrap_or(&hex).to_owned()
    }
}

fn draw() -> Result<SecretKey, IdentityError> {
    let mut bytes = [0; 32];
    for _ in 0..DRAWS_MAX {
        SystemRandom
            .fill(&mut bytes)
            .map_err(|_| IdentityError::NoRandomness)?;
        if let Ok(secret) = SecretKey::from_slice(&bytes) {
            return Ok(secret);
        }
    }
    Err(IdentityError::NoRandomness)
}

/// Reads what the hub gave, if the device has enrolled.
pub(super) fn enrolment(folder: &Folder) -> io::Result<Option<Issued>> {
    let Some(bytes) = folder.read(ENROLMENT_FILE)? else {
        return Ok(None);
    };
    match EnrolReply::decode(&bytes) {
        Ok(EnrolReply::Issued(issued)) => Ok(Some(issued)),
        // Enrolling again with the same key gets the same answer.
        _ => Ok(None),
    }
}

/// Keeps what the hub gave, durably.
pub(super) fn keep_enrolment(folder: &Folder, issued: &Issued) -> io::Result<()> {
    let bytes = EnrolReply::Issued(issued.clone()).encode();
    folder.write(ENROLMENT_FILE, &bytes)
}

/// From when until when the device's certificate counts.
pub(super) fn validity(issued: &Issued) -> Option<(UnixSeconds, UnixSeconds)> {
    let certificate = x509_cert::Certificate::from_der(issued.chain.first()?).ok()?;
    let validity = certificate.tbs_certificate().validity();
    Some((
        UnixSeconds(validity.not_before.to_unix_duration().as_secs()),
        UnixSeconds(validity.not_after.to_unix_duration().as_secs()),
    ))
}

/// The chain, for TLS.
pub(super) fn chain(issued: &Issued) -> Vec<CertificateDer<'static>> {
    let certificates = issued.chain.iter();
    certificates
        .map(|der| CertificateDer::from(der.clone()))
        .collect()
}
