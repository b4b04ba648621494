//! Blobs: read whole or in part. Nobody deletes one: what nothing needs goes by itself ([`crate::Space::collect`]), and what
//! the hub needs beside repositories is known only there.

use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use axum::response::Response;
use futures_util::TryStreamExt;
use thimble_image::Digest;

use super::Call;
use super::answer::{CONTENT_DIGEST, answer};
use super::conditions::{Wanted, entity_tag, is_known, wanted};
use super::fault::Fault;
use crate::error::BlobError;

pub(crate) async fn serve(call: &Call, digest: Digest) -> Result<Response, Fault> {
    let length_bytes = call.space.size(&digest).await?;
    let length_bytes = length_bytes.ok_or(BlobError::Missing)?;
    let (named, tag) = (digest.to_string(), entity_tag(&digest));
    let mut headers = vec![
        (CONTENT_DIGEST, named.as_str()),
        (header::ETAG, tag.as_str()),
        (header::ACCEPT_RANGES, "bytes"),
        (
            header::CACHE_CONTROL,
            "private, max-age=31536000, immutable",
        ),
    ];
    if is_known(&call.headers, &digest) {
        return Ok(answer(StatusCode::NOT_MODIFIED, &headers, Body::empty()));
    }
    headers.push((header::CONTENT_TYPE, "application/octet-stream"));
    let whole = length_bytes.to_string();
    if call.method == Method::HEAD {
        headers.push((header::CONTENT_LENGTH, &whole));
        return Ok(answer(StatusCode::OK, &headers, Body::empty()));
    }
    let range = match wanted(&call.headers, length_bytes, &digest) {
        Wanted::All => None,
        Wanted::Part(range) => Some(range),
        Wanted::Outside => return Err(BlobError::Range { length_bytes }.into()),
    };
    let is_part = range.is_some();
    let read = call.space.read(&digest, range).await?;
    let length = (read.range.end - read.range.start).to_string();
    headers.push((header::CONTENT_LENGTH, &length));
    let shown = format!(
        "bytes {}-{}/{}",
        read.range.start,
        read.range.end.saturating_sub(1),
        read.length_bytes
    );
    let status = if is_part {
        headers.push((header::CONTENT_RANGE, &shown));
        StatusCode::PARTIAL_CONTENT
    } else {
        StatusCode::OK
    };
    // A stream that fails ends the connection, so that nobody takes a part for the whole.
    let body = Body::from_stream(read.stream.map_err(std::io::Error::other));
    Ok(answer(status, &headers, body))
}
