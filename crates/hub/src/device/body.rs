//! Bodies of requests: of one media type, so many bytes, within a time.

use core::time::Duration;

use http_body_util::BodyExt as _;
use hyper::StatusCode;
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap};

use super::answer::{CBOR, Problem};

/// Reads a whole body.
///
/// # Errors
/// It has another media type, is too long, too slow, or ends too early.
pub(super) async fn read(
    headers: &HeaderMap,
    body: Incoming,
    bytes_max: u32,
    timeout: Duration,
) -> Result<Vec<u8>, Problem> {
    let media_type = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .map(|value| value.split(';').next().unwrap_or_default().trim());
    if !media_type.is_some_and(|media_type| media_type.eq_ignore_ascii_case(CBOR)) {
        return Err(Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "media-type",
            "Another media type is wanted",
            format!("the body must be sent as `Content-Type: {CBOR}`"),
        )
        .ending());
    }
    if body.size_hint().lower() > u64::from(bytes_max) {
        return Err(too_large(bytes_max));
    }
    match tokio::time::timeout(timeout, gather(body, bytes_max)).await {
        Ok(read) => read,
        Err(_) => Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "too-slow",
            "The body came too slowly",
            format!(
                "the body did not come within {} s: send it again",
                timeout.as_secs()
            ),
        )
        .ending()),
    }
}

async fn gather(mut body: Incoming, bytes_max: u32) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| {
            Problem::new(
                StatusCode::BAD_REQUEST,
                "malformed",
                "Malformed request",
                "the body ended before it was complete: send it again",
            )
            .ending()
        })?;
        let Ok(piece) = frame.into_data() else {
            continue;
        };
        if bytes.len() + piece.len() > bytes_max as usize {
            return Err(too_large(bytes_max));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

fn too_large(bytes_max: u32) -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "too-large",
        "Too large",
        format!("the body has more than {bytes_max} bytes: send less at once"),
    )
    .ending()
}

/// What is told of a message that cannot be decoded.
pub(super) fn undecodable(what: &str, error: &dyn core::error::Error) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "malformed",
        "Malformed request",
        format!("the body is not {what} as spec/fleet.cddl says: {error}"),
    )
}
