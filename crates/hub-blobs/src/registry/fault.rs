//! Errors as the distribution specification writes them.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;

use super::authorizer::Refusal;
use crate::error::{BlobError, ManifestError};
use crate::names::NameError;
use crate::source::SourceError;

/// An error that a client is told.
#[derive(Debug)]
pub(crate) struct Fault {
    status: StatusCode,
    code: &'static str,
    message: String,
    /// Boxed, for most calls do not fail.
    headers: Box<HeaderMap>,
}

impl Fault {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            headers: Box::default(),
        }
    }

    pub(crate) fn with(mut self, name: HeaderName, value: impl AsRef<str>) -> Self {
        if let Ok(value) = HeaderValue::from_str(value.as_ref()) {
            self.headers.insert(name, value);
        }
        self
    }

    /// Our fault; what exactly is in the log.
    pub(crate) fn ours() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "UNKNOWN",
            "the registry failed; try again, and tell its operator if it stays so",
        )
    }

    pub(crate) fn method(allowed: &'static str) -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "UNSUPPORTED",
            format!("this can only be asked for with {allowed}"),
        )
        .with(header::ALLOW, allowed)
    }

    /// Nobody deletes blobs.
    pub(crate) fn kept(allowed: &'static str) -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "UNSUPPORTED",
            "delete the manifests that need it: a blob goes by itself when nothing needs it",
        )
        .with(header::ALLOW, allowed)
    }

    pub(crate) fn no_route() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "NAME_UNKNOWN",
            "the registry has no such resource",
        )
    }

    pub(crate) fn digest(error: &thimble_image::digest::DigestError) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "DIGEST_INVALID", error.to_string())
    }

    pub(crate) fn into_response(self) -> Response {
        let body = serde_json::json!({
            "errors": [{ "code": self.code, "message": self.message, "detail": null }]
        });
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = self.status;
        *response.headers_mut() = *self.headers;
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        if self.status == StatusCode::REQUEST_TIMEOUT {
            // The rest of the body may still come, and is no request.
            response
                .headers_mut()
                .insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        super::answer::add_version(response)
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unknown { challenge } => Self::new(
                StatusCode::UNAUTHORIZED,
                "UNAUTHORIZED",
                "sign in first, as `docker login` or `thimble login` do",
            )
            .with(header::WWW_AUTHENTICATE, challenge),
            Refusal::Denied => Self::new(
                StatusCode::FORBIDDEN,
                "DENIED",
                "there is no such repository, or you may not do this with it",
            ),
            Refusal::TooMany { retry_after_s } => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "TOOMANYREQUESTS",
                format!("too many tries; the next one in {retry_after_s} seconds"),
            )
            .with(header::RETRY_AFTER, retry_after_s.to_string()),
            Refusal::Unavailable => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "UNKNOWN",
                "it cannot be found out now who you are; try again",
            )
            .with(header::RETRY_AFTER, "5"),
        }
    }
}

impl From<NameError> for Fault {
    fn from(error: NameError) -> Self {
        let code = match error {
            NameError::Tag => "TAG_INVALID",
            NameError::Repository | NameError::NameSpace => "NAME_INVALID",
        };
        Self::new(StatusCode::BAD_REQUEST, code, error.to_string())
    }
}

impl From<BlobError> for Fault {
    fn from(error: BlobError) -> Self {
        let (status, code) = match &error {
            BlobError::Missing => (StatusCode::NOT_FOUND, "BLOB_UNKNOWN"),
            BlobError::Digest { .. } => (StatusCode::BAD_REQUEST, "DIGEST_INVALID"),
            BlobError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "SIZE_INVALID"),
            BlobError::Quota { .. } => (StatusCode::FORBIDDEN, "DENIED"),
            BlobError::Range { .. } => (StatusCode::RANGE_NOT_SATISFIABLE, "SIZE_INVALID"),
            BlobError::NoUpload => (StatusCode::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN"),
            BlobError::Offset { .. } => (StatusCode::RANGE_NOT_SATISFIABLE, "BLOB_UPLOAD_INVALID"),
            BlobError::TooManyUploads { .. } => (StatusCode::TOO_MANY_REQUESTS, "TOOMANYREQUESTS"),
            BlobError::Source(SourceError::Stalled { .. }) => {
                (StatusCode::REQUEST_TIMEOUT, "BLOB_UPLOAD_INVALID")
            }
            BlobError::Source(SourceError::Cut { .. }) => {
                (StatusCode::BAD_REQUEST, "BLOB_UPLOAD_INVALID")
            }
            BlobError::Store(cause) => {
                tracing::error!(error = %cause, "the store of blobs failed");
                return Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "UNKNOWN",
                    "the registry's store does not answer; try again",
                )
                .with(header::RETRY_AFTER, "5");
            }
        };
        let fault = Self::new(status, code, error.to_string());
        match error {
            BlobError::Range { length_bytes } => {
                fault.with(header::CONTENT_RANGE, format!("bytes */{length_bytes}"))
            }
            BlobError::Offset { offset_bytes } => {
                fault.with(header::RANGE, super::answer::range_until(offset_bytes))
            }
            _ => fault,
        }
    }
}

impl From<ManifestError> for Fault {
    fn from(error: ManifestError) -> Self {
        let (status, code) = match &error {
            ManifestError::Document(thimble_image::document::DocumentError::TooLarge {
                ..
            }) => (StatusCode::PAYLOAD_TOO_LARGE, "SIZE_INVALID"),
            ManifestError::Document(_) | ManifestError::MediaType { .. } => {
                (StatusCode::BAD_REQUEST, "MANIFEST_INVALID")
            }
            ManifestError::Size { .. } => (StatusCode::BAD_REQUEST, "SIZE_INVALID"),
            ManifestError::Needs { .. } => (StatusCode::NOT_FOUND, "MANIFEST_BLOB_UNKNOWN"),
            ManifestError::Missing => (StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN"),
            ManifestError::Blob(_) => {
                let ManifestError::Blob(error) = error else {
                    return Self::ours();
                };
                return error.into();
            }
        };
        Self::new(status, code, error.to_string())
    }
}
