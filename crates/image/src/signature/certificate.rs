//! X.509 certificates (RFC 5280), read as far as signatures need them.
//!
//! Only basic constraints, key usage and extended key usage are understood. The specification lets verifiers pass
//! over every other extension; here one that is marked critical is refused, because it may restrict the key.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt;

use x509_cert::der::asn1::{AnyRef, BitStringRef};
use x509_cert::der::oid::ObjectIdentifier;
use x509_cert::der::oid::db::{rfc5280, rfc5912};
use x509_cert::der::{self, Decode as _, Reader as _, SliceReader};
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage};
use x509_cert::name::Name;
use x509_cert::{SubjectPublicKeyInfo, TbsCertificate, Version};

use super::algorithm::{Algorithm, HashAlgorithm, PublicKey};
use super::certificate_error::CertificateError;
use super::name;
use super::time::UnixTime;
use crate::digest::Digest;

/// Bytes of a certificate at most: with ECDSA keys they have one or two thousand.
pub const CERTIFICATE_BYTES_MAX: usize = 16 << 10;

/// A certificate that could be read. Nothing says yet that anybody trusts it.
#[derive(Clone)]
pub struct Certificate {
    der: Vec<u8>,
    thumbprint: Digest,
    subject: Name,
    issuer: Name,
    serial: String,
    not_before: UnixTime,
    not_after: UnixTime,
    key: PublicKey,
    hash: HashAlgorithm,
    /// What its issuer signed.
    content: Vec<u8>,
    signature: Vec<u8>,
    extensions: Extensions,
}

/// The extensions that are understood, each with whether it is marked critical.
#[derive(Clone, Debug, Default)]
pub(super) struct Extensions {
    pub(super) constraints: Option<(bool, BasicConstraints)>,
    pub(super) usage: Option<(bool, KeyUsage)>,
    pub(super) purposes: Option<(bool, ExtendedKeyUsage)>,
}

impl Certificate {
    /// Reads a certificate in DER.
    ///
    /// # Errors
    /// [`CertificateError`] says what is wrong with it, or what is not supported.
    pub fn parse(der: &[u8]) -> Result<Self, CertificateError> {
        if der.len() > CERTIFICATE_BYTES_MAX {
            return Err(CertificateError::TooLarge {
                bytes: der.len(),
                bytes_max: CERTIFICATE_BYTES_MAX,
            });
        }
        let outer = Outer::parse(der).map_err(malformed)?;
        let inner = TbsCertificate::from_der(outer.content).map_err(malformed)?;
        let inner_algorithm = (
            inner.signature().oid,
            inner.signature().parameters.is_some(),
        );
        if inner_algorithm != outer.algorithm {
            return Err(CertificateError::AlgorithmsDiffer);
        }
        let hash = hash_algorithm(outer.algorithm)?;
        let validity = inner.validity();
        Ok(Self {
            thumbprint: Digest::of(der),
            hash,
            key: public_key(inner.subject_public_key_info())?,
            extensions: Extensions::parse(&inner)?,
            serial: inner.serial_number().to_string(),
            not_before: UnixTime::of(&validity.not_before),
            not_after: UnixTime::of(&validity.not_after),
            subject: inner.subject().clone(),
            issuer: inner.issuer().clone(),
            content: outer.content.into(),
            signature: outer.signature.into(),
            der: der.into(),
        })
    }

    /// Its bytes.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The digest of its bytes.
    #[must_use]
    pub const fn thumbprint(&self) -> Digest {
        self.thumbprint
    }

    /// Whose key it holds, as RFC 4514 writes names.
    #[must_use]
    pub fn subject(&self) -> String {
        name::render(&self.subject)
    }

    /// Who issued it, as RFC 4514 writes names.
    #[must_use]
    pub fn issuer(&self) -> String {
        name::render(&self.issuer)
    }

    /// Its serial number: pairs of hexadecimal digits between colons.
    #[must_use]
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// The first second at which it is valid.
    #[must_use]
    pub const fn not_before(&self) -> UnixTime {
        self.not_before
    }

    /// The last second at which it is valid.
    #[must_use]
    pub const fn not_after(&self) -> UnixTime {
        self.not_after
    }

    /// What its key signs with.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.key.algorithm()
    }

    /// Whether it says that it was issued by itself, and that is true.
    #[must_use]
    pub fn is_self_signed(&self) -> bool {
        self.names_as_issuer(self) && self.is_signed_by(self)
    }

    pub(super) const fn subject_name(&self) -> &Name {
        &self.subject
    }

    pub(super) const fn key(&self) -> &PublicKey {
        &self.key
    }

    pub(super) const fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    pub(super) fn names_as_issuer(&self, issuer: &Self) -> bool {
        self.issuer == issuer.subject
    }

    pub(super) fn is_signed_by(&self, issuer: &Self) -> bool {
        issuer
            .key
            .accepts_der(self.hash, &self.content, &self.signature)
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Certificate({})", self.subject())
    }
}

/// The three parts of a certificate. The first is kept as it is: encoding it again might change what was signed.
struct Outer<'a> {
    content: &'a [u8],
    /// The identifier, and whether it has parameters.
    algorithm: (ObjectIdentifier, bool),
    signature: &'a [u8],
}

impl<'a> Outer<'a> {
    fn parse(bytes: &'a [u8]) -> der::Result<Self> {
        let mut reader = SliceReader::new(bytes)?;
        let outer = reader.sequence(|reader| {
            let content = reader.tlv_bytes()?;
            let algorithm = reader.sequence(|reader| {
                let identifier = ObjectIdentifier::decode(reader)?;
                let parameters = Option::<AnyRef<'_>>::decode(reader)?;
                der::Result::Ok((identifier, parameters.is_some()))
            })?;
            let signature = BitStringRef::decode(reader)?;
            let signature = signature
                .as_bytes()
                .ok_or_else(|| der::Tag::BitString.value_error())?;
            der::Result::Ok(Self {
                content,
                algorithm,
                signature,
            })
        })?;
        reader.finish()?;
        Ok(outer)
    }
}

impl Extensions {
    fn parse(certificate: &TbsCertificate) -> Result<Self, CertificateError> {
        let mut found = Self::default();
        let extensions = certificate
            .extensions()
            .map(Vec::as_slice)
            .unwrap_or_default();
        if !extensions.is_empty() && certificate.version() != Version::V3 {
            return Err(CertificateError::Malformed {
                reason: "it has extensions, and is not of version 3".into(),
            });
        }
        for (position, extension) in extensions.iter().enumerate() {
            let identifier = extension.extn_id;
            let mut before = extensions.iter().take(position);
            if before.any(|other| other.extn_id == identifier) {
                return Err(CertificateError::DuplicateExtension {
                    identifier: identifier.to_string(),
                });
            }
            let content = extension.extn_value.as_bytes();
            let is_critical = extension.critical;
            match identifier {
                rfc5280::ID_CE_BASIC_CONSTRAINTS => {
                    let value = BasicConstraints::from_der(content).map_err(malformed)?;
                    found.constraints = Some((is_critical, value));
                }
                rfc5280::ID_CE_KEY_USAGE => {
                    let value = KeyUsage::from_der(content).map_err(malformed)?;
                    found.usage = Some((is_critical, value));
                }
                rfc5280::ID_CE_EXT_KEY_USAGE => {
                    let value = ExtendedKeyUsage::from_der(content).map_err(malformed)?;
                    found.purposes = Some((is_critical, value));
                }
                _ if is_critical => {
                    return Err(CertificateError::CriticalExtension {
                        identifier: identifier.to_string(),
                    });
                }
                _ => {}
            }
        }
        Ok(found)
    }

    /// Whether it is a certificate authority, by its own account.
    pub(super) fn is_authority(&self) -> bool {
        self.constraints
            .as_ref()
            .is_some_and(|(_, constraints)| constraints.ca)
    }
}

fn public_key(info: &SubjectPublicKeyInfo) -> Result<PublicKey, CertificateError> {
    let unsupported = |kind: &dyn fmt::Display| CertificateError::UnsupportedKey {
        kind: kind.to_string(),
    };
    match info.algorithm.oid {
        rfc5912::ID_EC_PUBLIC_KEY => {}
        rfc5912::RSA_ENCRYPTION | rfc5912::ID_RSASSA_PSS => return Err(unsupported(&"RSA")),
        other => return Err(unsupported(&other)),
    }
    let curve = info
        .algorithm
        .parameters
        .as_ref()
        .and_then(|parameters| parameters.decode_as::<ObjectIdentifier>().ok())
        .ok_or_else(|| unsupported(&"ECDSA on a curve without a name"))?;
    let point = info
        .subject_public_key
        .as_bytes()
        .ok_or(CertificateError::InvalidKey)?;
    match curve {
        rfc5912::SECP_256_R_1 => p256::ecdsa::VerifyingKey::from_sec1_bytes(point)
            .map(PublicKey::P256)
            .map_err(|_| CertificateError::InvalidKey),
        rfc5912::SECP_384_R_1 => p384::ecdsa::VerifyingKey::from_sec1_bytes(point)
            .map(PublicKey::P384)
            .map_err(|_| CertificateError::InvalidKey),
        rfc5912::SECP_521_R_1 => Err(unsupported(&"ECDSA on P-521")),
        other => Err(unsupported(&alloc::format!("ECDSA on the curve {other}"))),
    }
}

fn hash_algorithm(
    (identifier, has_parameters): (ObjectIdentifier, bool),
) -> Result<HashAlgorithm, CertificateError> {
    let unsupported = |algorithm: &dyn fmt::Display| CertificateError::UnsupportedSignature {
        algorithm: algorithm.to_string(),
    };
    match identifier {
        // RFC 5758, section 3.2: without parameters.
        rfc5912::ECDSA_WITH_SHA_256 if !has_parameters => Ok(HashAlgorithm::Sha256),
        rfc5912::ECDSA_WITH_SHA_384 if !has_parameters => Ok(HashAlgorithm::Sha384),
        rfc5912::ECDSA_WITH_SHA_512 => Err(unsupported(&"ECDSA with SHA-512")),
        rfc5912::SHA_256_WITH_RSA_ENCRYPTION
        | rfc5912::SHA_384_WITH_RSA_ENCRYPTION
        | rfc5912::SHA_512_WITH_RSA_ENCRYPTION
        | rfc5912::ID_RSASSA_PSS => Err(unsupported(&"RSA")),
        other => Err(unsupported(&other)),
    }
}

fn malformed(error: der::Error) -> CertificateError {
    CertificateError::Malformed {
        reason: error.to_string(),
    }
}
