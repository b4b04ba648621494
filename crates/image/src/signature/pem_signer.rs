//! A signer whose key lies in a PEM file. The key is erased from memory when the signer is dropped.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt;

use p256::SecretKey;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use p256::pkcs8::{PrivateKeyInfoRef, SecretDocument};
use x509_cert::der::oid::db::rfc5912;

use super::algorithm::{Algorithm, PublicKey};
use super::certificate::Certificate;
use super::certificate_error::CertificateError;
use super::chain::CHAIN_CERTIFICATES_MAX;
use super::pem::{self, PemError};
use super::sign::{Signer, SignerError};

/// Signs with a key on P-256 that it holds in memory. Has no `Debug`, so that the key is never shown.
pub struct PemSigner {
    key: SigningKey,
    chain: Vec<Vec<u8>>,
}

/// Why a key and a chain cannot sign. The operator is at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// There is no private key.
    NoKey,
    /// The key is encrypted.
    Encrypted,
    /// The key is of a kind that is not supported.
    Unsupported {
        /// Which kind.
        kind: String,
    },
    /// The key is damaged.
    Malformed,
    /// The chain cannot be read.
    Chain(PemError),
    /// A certificate is damaged or not supported.
    Certificate {
        /// Its place in the chain; the first is 1.
        number: usize,
        /// What is wrong with it.
        error: CertificateError,
    },
    /// The first certificate belongs to another key.
    Mismatch {
        /// Whose certificate it is.
        subject: String,
    },
}

impl PemSigner {
    /// Makes a signer of a private key (PKCS#8, or SEC 1 as `EC PRIVATE KEY`) and its certificates, leaf first.
    ///
    /// # Errors
    /// [`KeyError`] says which of the two cannot be used, or that they do not belong together.
    pub fn new(key_pem: &str, chain_pem: &str) -> Result<Self, KeyError> {
        let key = SigningKey::from(read_key(key_pem)?);
        let chain =
            pem::certificates(chain_pem, CHAIN_CERTIFICATES_MAX).map_err(KeyError::Chain)?;
        for (position, der) in chain.iter().enumerate() {
            let certificate = Certificate::parse(der).map_err(|error| KeyError::Certificate {
                number: position + 1,
                error,
            })?;
            let belongs = match certificate.key() {
                PublicKey::P256(public) => public == key.verifying_key(),
                PublicKey::P384(_) => false,
            };
            if position == 0 && !belongs {
                return Err(KeyError::Mismatch {
                    subject: certificate.subject(),
                });
            }
        }
        Ok(Self { key, chain })
    }
}

impl Signer for PemSigner {
    fn algorithm(&self) -> Algorithm {
        Algorithm::Es256
    }

    fn certificates(&self) -> &[Vec<u8>] {
        &self.chain
    }

    /// Signs deterministically (RFC 6979), so that no randomness is needed.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignerError> {
        let signature: Signature = self
            .key
            .try_sign(message)
            .map_err(|_| SignerError::Failed {
                reason: "the key made no signature".into(),
            })?;
        Ok(signature.to_bytes().to_vec())
    }
}

fn read_key(text: &str) -> Result<SecretKey, KeyError> {
    // `openssl ecparam -genkey` writes the curve's parameters before the key.
    let (label, block) = pem::blocks(text)
        .find(|(label, _)| label.ends_with("PRIVATE KEY"))
        .ok_or(KeyError::NoKey)?;
    if label == "ENCRYPTED PRIVATE KEY" || block.contains("Proc-Type: 4,ENCRYPTED") {
        return Err(KeyError::Encrypted);
    }
    let unsupported = |kind: &str| KeyError::Unsupported { kind: kind.into() };
    match label {
        "PRIVATE KEY" => {
            let (_, document) = SecretDocument::from_pem(block).map_err(|_| KeyError::Malformed)?;
            let info = PrivateKeyInfoRef::try_from(document.as_bytes())
                .map_err(|_| KeyError::Malformed)?;
            match info.algorithm.oid {
                rfc5912::ID_EC_PUBLIC_KEY => {}
                rfc5912::RSA_ENCRYPTION | rfc5912::ID_RSASSA_PSS => return Err(unsupported("RSA")),
                other => return Err(unsupported(&other.to_string())),
            }
            match info.algorithm.parameters_oid() {
                Ok(rfc5912::SECP_256_R_1) => {}
                Ok(other) => {
                    return Err(unsupported(&alloc::format!("ECDSA on the curve {other}")));
                }
                Err(_) => return Err(unsupported("ECDSA on a curve without a name")),
            }
            SecretKey::try_from(info).map_err(|_| KeyError::Malformed)
        }
        "EC PRIVATE KEY" => {
            let (_, document) = SecretDocument::from_pem(block).map_err(|_| KeyError::Malformed)?;
            SecretKey::from_sec1_der(document.as_bytes()).map_err(|_| KeyError::Malformed)
        }
        other => Err(unsupported(&other.chars().take(32).collect::<String>())),
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoKey => formatter
                .write_str("there is no private key in PEM; `openssl genpkey` makes one"),
            Self::Encrypted => formatter.write_str(
                "the private key is encrypted; decrypt it with `openssl pkey` and keep the result secret",
            ),
            Self::Unsupported { kind } => write!(
                formatter,
                "private keys of the kind {kind} are not supported, only ECDSA on P-256"
            ),
            Self::Malformed => {
                formatter.write_str("the private key is damaged, or is not on the curve P-256")
            }
            Self::Chain(_) => formatter.write_str("the certificates cannot be read"),
            Self::Certificate { number, .. } => write!(formatter, "certificate {number} cannot be used"),
            Self::Mismatch { subject } => write!(
                formatter,
                "the first certificate ({subject}) belongs to another key; the signer's own comes first"
            ),
        }
    }
}

impl core::error::Error for KeyError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Chain(error) => Some(error),
            Self::Certificate { error, .. } => Some(error),
            _ => None,
        }
    }
}
