//! The certificate by which devices know the hub: from the settings, or of the hub's own root. Replaced without a restart.

use core::fmt;
use std::sync::Arc;

use parking_lot::RwLock;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// The hub's certificate and key, which can be replaced while connections come in.
pub struct ServerCertificate {
    present: RwLock<Arc<CertifiedKey>>,
}

impl fmt::Debug for ServerCertificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ServerCertificate")
    }
}

impl ServerCertificate {
    /// Takes a chain, the hub's own certificate first, and its key.
    ///
    /// # Errors
    /// The key is of no known kind, or is not the certificate's.
    pub fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        provider: &CryptoProvider,
    ) -> Result<Self, rustls::Error> {
        let key = CertifiedKey::from_der(chain, key, provider)?;
        Ok(Self {
            present: RwLock::new(Arc::new(key)),
        })
    }

    /// Replaces it; connections that are there go on.
    ///
    /// # Errors
    /// As [`Self::new`]; then the present one stays.
    pub fn replace(
        &self,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        provider: &CryptoProvider,
    ) -> Result<(), rustls::Error> {
        let key = CertifiedKey::from_der(chain, key, provider)?;
        *self.present.write() = Arc::new(key);
        Ok(())
    }
}

impl ResolvesServerCert for ServerCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.present.read()))
    }
}
