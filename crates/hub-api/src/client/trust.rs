//! Whose certificates are believed.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::{ClientError, Said};

/// Whose certificates are believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// Those that this machine believes.
    #[default]
    Machine,
    /// Only those that come from the authorities in this file (PEM): the hub's own.
    File(PathBuf),
}

/// What rustls needs for that.
pub(super) fn configuration(trust: &Trust) -> Said<ClientConfig> {
    let roots = match trust {
        Trust::Machine => machine(),
        Trust::File(path) => file(path)?,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ClientError::Settings(format!("TLS cannot be used: {error}")))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// The machine may believe nobody: then only `http://` of this machine works, and the error comes when it is used.
fn machine() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    roots.add_parsable_certificates(found.certs);
    roots
}

fn file(path: &PathBuf) -> Said<RootCertStore> {
    let wrong = |reason: String| {
        ClientError::Settings(format!(
            "the authorities in {} cannot be used: {reason}; it should hold certificates in PEM",
            path.display()
        ))
    };
    let mut roots = RootCertStore::empty();
    let certificates =
        CertificateDer::pem_file_iter(path).map_err(|error| wrong(error.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| wrong(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(wrong("it holds none".to_owned()));
    }
    Ok(roots)
}
