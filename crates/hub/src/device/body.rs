//! Bodies of requests: of one media type, so many bytes, within a time.

use core::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::StatusCode;
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap};

use super::answer::{CBOR, Problem};

/// Bytes of a refused body that are still read, so that the answer arrives.
const PASSED_OVER_BYTES_MAX: usize = 1 << 20;
/// How long that is done.
const LINGER: Duration = Duration::from_secs(1);

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
    let is_message = media_type.is_some_and(|media_type| media_type.eq_ignore_ascii_case(CBOR));
    match tokio::time::timeout(timeout, gather(body, is_message, bytes_max)).await {
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

async fn gather(mut body: Incoming, is_message: bool, bytes_max: u32) -> Result<Vec<u8>, Problem> {
    let is_too_large = body.size_hint().lower() > u64::from(bytes_max);
    if !is_message || is_too_large {
        // Whoever still sends does not read: the answer would be lost with the connection.
        pass_over(&mut body, PASSED_OVER_BYTES_MAX).await;
        return Err(if is_message {
            too_large(bytes_max)
        } else {
            other_media_type()
        });
    }
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
            drop(bytes);
            pass_over(&mut body, PASSED_OVER_BYTES_MAX).await;
            return Err(too_large(bytes_max));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

/// Reads what still comes of a body for a moment, so many bytes at most, and forgets it.
async fn pass_over(body: &mut Incoming, mut bytes: usize) {
    let pass_over = async {
        while let Some(Ok(frame)) = body.frame().await {
            let piece = frame.data_ref().map_or(0, Bytes::len);
            match bytes.checked_sub(piece) {
                Some(left) => bytes = left,
                None => return,
            }
        }
    };
    let _ = tokio::time::timeout(LINGER, pass_over).await;
}

fn other_media_type() -> Problem {
    Problem::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "media-type",
        "Another media type is wanted",
        format!("the body must be sent as `Content-Type: {CBOR}`"),
    )
    .ending()
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

/// The greatest number that a device may count to: beyond it the next one could not be kept, and no device comes so far in
/// earnest.
const NUMBER_MAX: u64 = 1 << 53;

/// Refuses a number that is only there to make others overflow.
pub(super) fn countable(what: &str, number: u64) -> Result<(), Problem> {
    if number <= NUMBER_MAX {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::BAD_REQUEST,
        "malformed",
        "Malformed request",
        format!(
            "{what} is {number}, and no device comes beyond {NUMBER_MAX}: what the device keeps is damaged, enrol it anew"
        ),
    ))
}
