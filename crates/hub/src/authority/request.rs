//! Certification requests of devices (PKCS #10, RFC 2986), checked before anything is made of them.

use ring::digest::{SHA256, digest};
use x509_parser::certification_request::X509CertificationRequest;
use x509_parser::oid_registry::{OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY};
use x509_parser::prelude::FromDer as _;

/// Bytes of a request at most. One with a P-256 key and no attributes has about 250.
pub const REQUEST_BYTES_MAX: usize = 2048;

/// A public key that its owner proved to have: a point of P-256, uncompressed (SEC 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeviceKey {
    point: [u8; 65],
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestError {
    /// It is longer than [`REQUEST_BYTES_MAX`].
    TooLong {
        /// Its bytes.
        bytes: usize,
    },
    /// It is no certification request, or has bytes after it.
    Malformed,
    /// Its key is not one of P-256.
    OtherKey,
    /// It was not signed with its key.
    Signature,
}

impl core::fmt::Display for RequestError {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::TooLong { bytes } => write!(
                formatter,
                "the certification request has {bytes} bytes; {REQUEST_BYTES_MAX} are taken: leave out its attributes"
            ),
            Self::Malformed => {
                formatter.write_str("the certification request is not PKCS #10 in DER")
            }
            Self::OtherKey => {
                formatter.write_str("the certification request's key is not one of P-256")
            }
            Self::Signature => {
                formatter.write_str("the certification request was not signed with its key")
            }
        }
    }
}

impl core::error::Error for RequestError {}

impl DeviceKey {
    /// Reads a request. Its subject and attributes are ignored: the hub says who the device is.
    ///
    /// # Errors
    /// It is malformed, has a key of another kind, or its owner does not have the key.
    pub fn from_request(der: &[u8]) -> Result<Self, RequestError> {
        if der.len() > REQUEST_BYTES_MAX {
            return Err(RequestError::TooLong { bytes: der.len() });
        }
        let (rest, request) =
            X509CertificationRequest::from_der(der).map_err(|_| RequestError::Malformed)?;
        if !rest.is_empty() {
            return Err(RequestError::Malformed);
        }
        let key = &request.certification_request_info.subject_pki;
        let curve = key
            .algorithm
            .parameters
            .as_ref()
            .and_then(|parameters| parameters.as_oid().ok());
        if key.algorithm.algorithm != OID_KEY_TYPE_EC_PUBLIC_KEY || curve != Some(OID_EC_P256) {
            return Err(RequestError::OtherKey);
        }
        let point: [u8; 65] = key
            .subject_public_key
            .data
            .as_ref()
            .try_into()
            .map_err(|_| RequestError::OtherKey)?;
        if point.first() != Some(&4) {
            return Err(RequestError::OtherKey);
        }
        request
            .verify_signature()
            .map_err(|_| RequestError::Signature)?;
        Ok(Self { point })
    }

    /// The point, uncompressed.
    #[must_use]
    pub fn point(&self) -> &[u8; 65] {
        &self.point
    }

    /// The SHA-256 of the point: by which the hub knows a key.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, &self.point).as_ref());
        bytes
    }

    /// What people compare before they approve a device: the first 8 bytes of the digest, in hexadecimal.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        use core::fmt::Write as _;
        let mut text = String::with_capacity(16);
        for byte in self.digest().iter().take(8) {
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}

impl rcgen::PublicKeyData for DeviceKey {
    fn der_bytes(&self) -> &[u8] {
        &self.point
    }

    fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}
