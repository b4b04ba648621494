//! What providers are asked with: HTTPS without redirections, bounded in time and size.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use openidconnect::{HttpRequest, HttpResponse};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// Bytes of an answer at most.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// Time for an exchange.
const TIME: Duration = Duration::from_secs(15);

/// Asks a provider.
#[derive(Clone)]
pub(super) struct Http(reqwest::Client);

/// Why a provider did not answer.
#[derive(Debug)]
pub(super) enum HttpError {
    /// It was not reached.
    Unreachable(reqwest::Error),
    /// Its answer is too long.
    TooLong,
    /// Its answer is not HTTP.
    Malformed,
}

impl fmt::Display for HttpError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(_) => formatter.write_str("it was not reached"),
            Self::TooLong => write!(
                formatter,
                "its answer has more than {ANSWER_BYTES_MAX} bytes"
            ),
            Self::Malformed => formatter.write_str("its answer is not HTTP"),
        }
    }
}

impl std::error::Error for HttpError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreachable(error) => Some(error),
            Self::TooLong | Self::Malformed => None,
        }
    }
}

impl Http {
    /// Believes the authorities in the file, or those that the machine believes.
    pub(super) fn new(authorities: Option<&Path>) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        match authorities {
            None => {
                let found = rustls_native_certs::load_native_certs();
                roots.add_parsable_certificates(found.certs);
            }
            Some(path) => {
                let wrong = |error: &dyn fmt::Display| format!("{}: {error}", path.display());
                for certificate in
                    CertificateDer::pem_file_iter(path).map_err(|error| wrong(&error))?
                {
                    let certificate = certificate.map_err(|error| wrong(&error))?;
                    roots.add(certificate).map_err(|error| wrong(&error))?;
                }
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let configuration = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        reqwest::Client::builder()
            .tls_backend_preconfigured(configuration)
            // A provider must not send the hub somewhere else.
            .redirect(reqwest::redirect::Policy::none())
            .timeout(TIME)
            .build()
            .map(Self)
            .map_err(|error| error.to_string())
    }

    /// Sends a request.
    pub(super) fn send(
        &self,
        request: HttpRequest,
    ) -> impl Future<Output = Result<HttpResponse, HttpError>> + use<> {
        let client = self.0.clone();
        async move {
            let request = reqwest::Request::try_from(request).map_err(HttpError::Unreachable)?;
            let mut answer = client
                .execute(request)
                .await
                .map_err(HttpError::Unreachable)?;
            let mut response = axum::http::Response::builder().status(answer.status());
            if let Some(headers) = response.headers_mut() {
                *headers = std::mem::take(answer.headers_mut());
            }
            let mut body = Vec::new();
            while let Some(piece) = answer.chunk().await.map_err(HttpError::Unreachable)? {
                if body.len().saturating_add(piece.len()) > ANSWER_BYTES_MAX {
                    return Err(HttpError::TooLong);
                }
                body.extend_from_slice(&piece);
            }
            response.body(body).map_err(|_| HttpError::Malformed)
        }
    }
}
