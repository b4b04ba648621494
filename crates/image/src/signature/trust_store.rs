//! Certificates that somebody has chosen to trust, in named sets (trust store specification).

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::certificate::Certificate;
use super::certificate_error::CertificateError;
use super::pem::{self, PemError};

/// Sets at most.
const SETS_MAX: usize = 256;
/// Certificates of a set at most.
const CERTIFICATES_MAX: usize = 1024;
/// Characters of a set's name at most.
const NAME_CHARACTERS_MAX: usize = 128;

/// The kinds of sets: whose signatures they are for.
pub(super) const KINDS: [&str; 3] = ["ca", "signingAuthority", "tsa"];

/// Sets of certificates, named `KIND:NAME`, as in `ca:acme`.
#[derive(Clone, Debug, Default)]
pub struct TrustStore {
    sets: BTreeMap<String, Vec<Vec<u8>>>,
}

/// Why a certificate cannot be trusted. The operator is at fault.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrustStoreError {
    /// The name of the set is wrong.
    Name,
    /// There are too many sets.
    TooManySets {
        /// How many there may be.
        max: usize,
    },
    /// The set has too many certificates.
    TooManyCertificates {
        /// How many it may have.
        max: usize,
    },
    /// The text holds no certificates.
    Pem(PemError),
    /// A certificate is damaged or not supported.
    Certificate {
        /// Its place in the text; the first is 1.
        number: usize,
        /// What is wrong with it.
        error: CertificateError,
    },
    /// A certificate is neither a certificate authority's nor signed by itself.
    NotAuthority {
        /// Whose it is.
        subject: String,
    },
}

impl TrustStore {
    /// Adds the certificates of a file, in PEM or one in DER, to a set, and returns how many there were.
    ///
    /// # Errors
    /// [`TrustStoreError`]; then none is added.
    pub fn add(
        &mut self,
        kind_and_name: &str,
        pem_or_der: &[u8],
    ) -> Result<usize, TrustStoreError> {
        if !is_set_name(kind_and_name) {
            return Err(TrustStoreError::Name);
        }
        let certificates = match core::str::from_utf8(pem_or_der) {
            Ok(text) if !text.starts_with('0') || text.contains("-----BEGIN ") => {
                pem::certificates(text, CERTIFICATES_MAX).map_err(TrustStoreError::Pem)?
            }
            _ => alloc::vec![pem_or_der.to_vec()],
        };
        for (position, der) in certificates.iter().enumerate() {
            let certificate =
                Certificate::parse(der).map_err(|error| TrustStoreError::Certificate {
                    number: position + 1,
                    error,
                })?;
            if !certificate.extensions().is_authority() && !certificate.is_self_signed() {
                return Err(TrustStoreError::NotAuthority {
                    subject: certificate.subject(),
                });
            }
        }
        if !self.sets.contains_key(kind_and_name) && self.sets.len() == SETS_MAX {
            return Err(TrustStoreError::TooManySets { max: SETS_MAX });
        }
        let set = self.sets.entry(kind_and_name.into()).or_default();
        if set.len() + certificates.len() > CERTIFICATES_MAX {
            return Err(TrustStoreError::TooManyCertificates {
                max: CERTIFICATES_MAX,
            });
        }
        let count = certificates.len();
        set.extend(certificates);
        Ok(count)
    }

    /// The certificates of a set in DER; none if there is no such set.
    #[must_use]
    pub fn certificates(&self, kind_and_name: &str) -> &[Vec<u8>] {
        self.sets
            .get(kind_and_name)
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// The certificates of several sets, for [`super::verify`].
    #[must_use]
    pub fn select<'a>(&'a self, names: &[&str]) -> Vec<&'a [u8]> {
        names
            .iter()
            .flat_map(|name| self.certificates(name))
            .map(Vec::as_slice)
            .collect()
    }

    /// The names of the sets.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.sets.keys().map(String::as_str)
    }
}

/// Whether a text has the form `KIND:NAME`; the name is a folder's and must not lead elsewhere.
pub(super) fn is_set_name(text: &str) -> bool {
    let Some((kind, name)) = text.split_once(':') else {
        return false;
    };
    KINDS.contains(&kind)
        && !name.is_empty()
        && !name.starts_with('.')
        && name.len() <= NAME_CHARACTERS_MAX
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

impl fmt::Display for TrustStoreError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name => formatter.write_str(
                "a set of trusted certificates is called `ca:NAME` or `signingAuthority:NAME`, \
                 with letters, digits, `_`, `-` and `.` in the name",
            ),
            Self::TooManySets { max } => {
                write!(
                    formatter,
                    "there are at most {max} sets of trusted certificates"
                )
            }
            Self::TooManyCertificates { max } => {
                write!(formatter, "a set of trusted certificates has at most {max}")
            }
            Self::Pem(_) => formatter.write_str("the file of trusted certificates cannot be used"),
            Self::Certificate { number, .. } => {
                write!(formatter, "certificate {number} in the file cannot be used")
            }
            Self::NotAuthority { subject } => write!(
                formatter,
                "the certificate of {subject} is neither a certificate authority's nor signed by itself; \
                 trust the one that issued it"
            ),
        }
    }
}

impl core::error::Error for TrustStoreError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Pem(error) => Some(error),
            Self::Certificate { error, .. } => Some(error),
            _ => None,
        }
    }
}
