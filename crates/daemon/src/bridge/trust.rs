//! Whom a TLS connection to the outside trusts: the authorities of a PEM file, or the system's.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

/// Bytes of a file with authorities; the whole of Mozilla's has a quarter of this.
const CA_BYTES_MAX: u64 = 1 << 20;

/// Why nobody can be trusted.
#[derive(Debug)]
#[non_exhaustive]
pub(crate) enum TrustError {
    /// The file cannot be read.
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file has no certificate, or one that is none.
    NoCertificate {
        /// Which.
        path: PathBuf,
    },
    /// The system has no authorities.
    NoSystem,
    /// The library lacks what it needs; ours to mend.
    Library(rustls::Error),
}

impl fmt::Display for TrustError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, error } => {
                write!(formatter, "cannot read {}: {error}", path.display())
            }
            Self::NoCertificate { path } => write!(
                formatter,
                "{} holds no certificate: it must be PEM, at most {CA_BYTES_MAX} bytes",
                path.display()
            ),
            Self::NoSystem => formatter.write_str(
                "the system has no certificate authorities: install them, or name a PEM file with `ca`",
            ),
            Self::Library(error) => write!(formatter, "TLS cannot be set up: {error}"),
        }
    }
}

impl std::error::Error for TrustError {}

/// Reads a file of at most so many bytes. Blocks.
pub(super) fn read(path: &Path, bytes_max: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?
        .take(bytes_max)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// How to speak TLS with a server that one of these authorities vouches for. Blocks.
pub(crate) fn client(ca: Option<&Path>) -> Result<Arc<ClientConfig>, TrustError> {
    let mut roots = RootCertStore::empty();
    match ca {
        Some(path) => {
            let none = || TrustError::NoCertificate {
                path: path.to_owned(),
            };
            let pem = read(path, CA_BYTES_MAX).map_err(|error| TrustError::File {
                path: path.to_owned(),
                error,
            })?;
            for certificate in CertificateDer::pem_slice_iter(&pem) {
                roots
                    .add(certificate.map_err(|_| none())?)
                    .map_err(|_| none())?;
            }
            if roots.is_empty() {
                return Err(none());
            }
        }
        None => {
            // What it cannot read it leaves out.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                return Err(TrustError::NoSystem);
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(TrustError::Library)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
