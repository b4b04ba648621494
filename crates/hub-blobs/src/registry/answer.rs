//! Answers, and the headers that clients look for.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;

/// The header with the digest of what is answered.
pub(crate) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
/// The header with the digest of what a pushed manifest is about.
pub(crate) const SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
/// The header with the filters that were applied.
pub(crate) const FILTERS: HeaderName = HeaderName::from_static("oci-filters-applied");
/// The header with the name of an upload.
pub(crate) const UPLOAD_ID: HeaderName = HeaderName::from_static("docker-upload-uuid");
/// The header by which clients know a registry of this API.
const API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");

/// An answer with these headers. Values are made of what was parsed, so that they are legal.
pub(crate) fn answer(status: StatusCode, headers: &[(HeaderName, &str)], body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    add_version(response)
}

pub(crate) fn add_version(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(API_VERSION, HeaderValue::from_static("registry/2.0"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

/// What says that this is a registry.
pub(crate) fn base() -> Response {
    answer(
        StatusCode::OK,
        &[(header::CONTENT_TYPE, "application/json")],
        Body::from("{}"),
    )
}

/// The range of an upload that stands here. Nothing at all is written like one byte.
pub(crate) fn range_until(offset_bytes: u64) -> String {
    format!("0-{}", offset_bytes.saturating_sub(1))
}
