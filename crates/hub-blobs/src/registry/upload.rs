//! Uploads: at once, in pieces, or by taking a blob over from another repository.

use axum::body::Body;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::Response;
use thimble_image::Digest;

use super::Call;
use super::answer::{CONTENT_DIGEST, UPLOAD_ID, answer, range_until};
use super::authorizer::{Access, Action, Authorizer};
use super::conditions;
use super::fault::Fault;
use crate::blobs::Blobs;
use crate::error::BlobError;
use crate::names::Repository;
use crate::source::{self, Source};
use crate::uploads::UploadId;

/// `POST`: begins an upload, or stores a blob at once.
pub(crate) async fn begin(
    call: &Call,
    body: Body,
    authorizer: &dyn Authorizer,
    blobs: &Blobs,
) -> Result<Response, Fault> {
    if let Some(digest) = call.query.digest("mount")? {
        if mount(call, authorizer, blobs, digest).await? {
            return Ok(stored(&call.name, digest));
        }
    } else if let Some(digest) = call.query.digest("digest")? {
        let _permit = permit(blobs).await?;
        call.space.put(digest, source(body, blobs)).await?;
        return Ok(stored(&call.name, digest));
    }
    let id = call.space.begin_upload(&call.granted.repository).await?;
    Ok(standing(StatusCode::ACCEPTED, &call.name, &id, 0))
}

/// Takes a blob over, where the client may read it. Otherwise it is as if there was none.
async fn mount(
    call: &Call,
    authorizer: &dyn Authorizer,
    blobs: &Blobs,
    digest: Digest,
) -> Result<bool, Fault> {
    let from = match call.query.value("from") {
        None => call.space.clone(),
        Some(from) => {
            let Ok(name) = from.parse::<Repository>() else {
                return Ok(false);
            };
            let access = Access::Repository {
                name: &name,
                action: Action::Pull,
            };
            match authorizer.authorize(call.asker(), access).await {
                Ok(Some(granted)) => blobs.space(granted.name_space, None),
                Ok(None) | Err(_) => return Ok(false),
            }
        }
    };
    match call.space.take_over(&from, &digest).await {
        Ok(()) => Ok(true),
        Err(BlobError::Missing) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// An upload that was begun.
pub(crate) async fn serve(
    call: &Call,
    id: UploadId,
    body: Body,
    blobs: &Blobs,
) -> Result<Response, Fault> {
    let repository = &call.granted.repository;
    match call.method {
        Method::PATCH => patch(call, &id, body, blobs).await,
        Method::PUT => put(call, &id, body, blobs).await,
        Method::DELETE => {
            call.space.cancel_upload(repository, &id).await?;
            Ok(answer(StatusCode::NO_CONTENT, &[], Body::empty()))
        }
        _ => {
            let offset = call.space.upload_offset(repository, &id).await?;
            Ok(standing(StatusCode::NO_CONTENT, &call.name, &id, offset))
        }
    }
}

async fn patch(call: &Call, id: &UploadId, body: Body, blobs: &Blobs) -> Result<Response, Fault> {
    let at_bytes = piece_offset(&call.headers)?;
    let _permit = permit(blobs).await?;
    let (repository, name) = (&call.granted.repository, &call.name);
    let source = source(body, blobs);
    let appended = call.space.append(repository, id, at_bytes, source).await;
    let location = format!("/v2/{name}/blobs/uploads/{id}");
    let offset = appended.map_err(|error| Fault::from(error).with(header::LOCATION, location))?;
    Ok(standing(StatusCode::ACCEPTED, name, id, offset))
}

async fn put(call: &Call, id: &UploadId, body: Body, blobs: &Blobs) -> Result<Response, Fault> {
    let digest = call.query.digest("digest")?.ok_or_else(|| {
        Fault::new(
            StatusCode::BAD_REQUEST,
            "DIGEST_INVALID",
            "an upload ends with ?digest=sha256:…",
        )
    })?;
    let at_bytes = piece_offset(&call.headers)?;
    let _permit = permit(blobs).await?;
    let (space, repository) = (&call.space, &call.granted.repository);
    let source = source(body, blobs);
    space.append(repository, id, at_bytes, source).await?;
    space.finish_upload(repository, id, digest).await?;
    Ok(stored(&call.name, digest))
}

/// Where the piece in this request is to begin, if it says so.
fn piece_offset(headers: &HeaderMap) -> Result<Option<u64>, Fault> {
    let invalid =
        |message: &str| Fault::new(StatusCode::BAD_REQUEST, "BLOB_UPLOAD_INVALID", message);
    let (first, length_bytes) = match conditions::piece(headers) {
        None => return Ok(None),
        Some(Err(())) => {
            return Err(invalid(
                "Content-Range is FIRST-LAST, the first and the last byte",
            ));
        }
        Some(Ok(piece)) => piece,
    };
    let announced = headers.get(header::CONTENT_LENGTH);
    let announced = announced.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|announced| announced != length_bytes) {
        return Err(invalid(
            "Content-Range and Content-Length do not say the same length",
        ));
    }
    Ok(Some(first))
}

fn source(body: Body, blobs: &Blobs) -> Source {
    source::of_body(body, blobs.limits())
}

/// Leave to take a body in. Who does not get it in time comes again.
async fn permit(blobs: &Blobs) -> Result<tokio::sync::SemaphorePermit<'_>, Fault> {
    let acquire = blobs.shared().bodies.acquire();
    match tokio::time::timeout(blobs.limits().idle_timeout, acquire).await {
        Ok(permit) => permit.map_err(|_| Fault::ours()),
        Err(_) => Err(Fault::new(
            StatusCode::TOO_MANY_REQUESTS,
            "TOOMANYREQUESTS",
            "too many uploads are under way; try again in a few seconds",
        )
        .with(header::RETRY_AFTER, "5")),
    }
}

fn standing(status: StatusCode, name: &str, id: &UploadId, offset_bytes: u64) -> Response {
    let location = format!("/v2/{name}/blobs/uploads/{id}");
    let headers = [
        (header::LOCATION, location.as_str()),
        (header::RANGE, &range_until(offset_bytes)),
        (UPLOAD_ID, id.as_str()),
    ];
    answer(status, &headers, Body::empty())
}

fn stored(name: &str, digest: Digest) -> Response {
    let location = format!("/v2/{name}/blobs/{digest}");
    let named = digest.to_string();
    let headers = [
        (header::LOCATION, location.as_str()),
        (CONTENT_DIGEST, named.as_str()),
    ];
    answer(StatusCode::CREATED, &headers, Body::empty())
}
