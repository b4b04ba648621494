//! Manifests, tags and referrers.

use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;
use thimble_image::document::DOCUMENT_BYTES_MAX;
use thimble_image::{Digest, Index, media_type};

use super::Call;
use super::answer::{CONTENT_DIGEST, FILTERS, SUBJECT, answer};
use super::authorizer::{Authorizer, Change};
use super::conditions::{entity_tag, is_known};
use super::fault::Fault;
use crate::error::{BlobError, ManifestError};
use crate::manifests::{ManifestName, too_large};
use crate::settings::Limits;
use crate::source;

/// Tags in one answer at most, and where nobody says how many.
const TAGS_MAX: usize = 1000;
/// Referrers in one answer at most.
const REFERRERS_MAX: usize = 100;

pub(crate) async fn serve(
    call: &Call,
    name: ManifestName,
    body: Body,
    authorizer: &dyn Authorizer,
) -> Result<Response, Fault> {
    match call.method {
        Method::PUT => put(call, name, body, authorizer).await,
        Method::DELETE => {
            call.space
                .delete_manifest(&call.granted.repository, &name)
                .await?;
            let change = Change::Deleted { name };
            authorizer.record(&call.granted, &change).await?;
            Ok(answer(StatusCode::ACCEPTED, &[], Body::empty()))
        }
        _ => get(call, &name).await,
    }
}

async fn get(call: &Call, name: &ManifestName) -> Result<Response, Fault> {
    let manifest = call.space.resolve(&call.granted.repository, name).await?;
    let (digest, tag) = (manifest.digest.to_string(), entity_tag(&manifest.digest));
    let mut headers = vec![
        (header::CONTENT_TYPE, manifest.media_type.as_str()),
        (CONTENT_DIGEST, digest.as_str()),
        (header::ETAG, tag.as_str()),
    ];
    if is_known(&call.headers, &manifest.digest) {
        return Ok(answer(StatusCode::NOT_MODIFIED, &headers, Body::empty()));
    }
    if call.method == Method::HEAD {
        let size = call.space.size(&manifest.digest).await?;
        let length = size.ok_or(ManifestError::Missing)?.to_string();
        headers.push((header::CONTENT_LENGTH, length.as_str()));
        return Ok(answer(StatusCode::OK, &headers, Body::empty()));
    }
    let bytes = call.space.manifest_bytes(&manifest).await?;
    Ok(answer(StatusCode::OK, &headers, Body::from(bytes)))
}

async fn put(
    call: &Call,
    name: ManifestName,
    body: Body,
    authorizer: &dyn Authorizer,
) -> Result<Response, Fault> {
    let announced = call.headers.get(header::CONTENT_TYPE);
    let announced = announced.and_then(|value| value.to_str().ok());
    let announced = announced.and_then(|value| value.split(';').next());
    let announced = announced.map(|value| value.trim().to_owned());
    let announced = announced.ok_or_else(|| {
        Fault::new(
            StatusCode::BAD_REQUEST,
            "MANIFEST_INVALID",
            "say with Content-Type what it is",
        )
    })?;
    let bytes = document(body, call.space.limits()).await?;
    let put = call
        .space
        .put_manifest(&call.granted.repository, &name, &announced, bytes)
        .await?;
    let change = Change::Pushed {
        name,
        digest: put.digest,
    };
    authorizer.record(&call.granted, &change).await?;
    let digest = put.digest.to_string();
    let location = format!("/v2/{}/manifests/{digest}", call.name);
    let mut headers = vec![
        (header::LOCATION, location.as_str()),
        (CONTENT_DIGEST, digest.as_str()),
    ];
    let subject = put.subject.map(|subject| subject.to_string());
    if let Some(subject) = &subject {
        headers.push((SUBJECT, subject));
    }
    Ok(answer(StatusCode::CREATED, &headers, Body::empty()))
}

/// The body of a request that is a document: no more than one can have.
async fn document(body: Body, limits: &Limits) -> Result<Bytes, Fault> {
    let mut source = source::of_body(body, limits);
    let mut bytes = BytesMut::new();
    while let Some(piece) = source.try_next().await.map_err(BlobError::Source)? {
        bytes.extend_from_slice(&piece);
        if bytes.len() as u64 > DOCUMENT_BYTES_MAX {
            return Err(too_large().into());
        }
    }
    Ok(bytes.freeze())
}

/// `GET …/tags/list`.
pub(crate) async fn tags(call: &Call) -> Result<Response, Fault> {
    let max = call.query.number("n")?.unwrap_or(TAGS_MAX).min(TAGS_MAX);
    let after = call.query.value("last");
    let listed = call.space.tags(&call.granted.repository, after, max).await;
    let (tags, has_more) = match listed {
        Err(BlobError::Missing) => {
            return Err(Fault::new(
                StatusCode::NOT_FOUND,
                "NAME_UNKNOWN",
                "there is no such repository",
            ));
        }
        listed => listed?,
    };
    let names: Vec<_> = tags.iter().map(crate::names::Tag::as_str).collect();
    let body = serde_json::json!({ "name": call.name, "tags": names }).to_string();
    let next = names.last().filter(|_| has_more);
    let link = next.map(|last| {
        format!(
            "</v2/{}/tags/list?n={max}&last={last}>; rel=\"next\"",
            call.name
        )
    });
    let mut headers = vec![(header::CONTENT_TYPE, "application/json")];
    if let Some(link) = &link {
        headers.push((header::LINK, link));
    }
    Ok(answer(StatusCode::OK, &headers, Body::from(body)))
}

/// `GET …/referrers/DIGEST`.
pub(crate) async fn referrers(call: &Call, subject: Digest) -> Result<Response, Fault> {
    let kind = call
        .query
        .value("artifactType")
        .filter(|kind| !kind.is_empty());
    let after = call.query.digest("after")?;
    let (found, has_more) = call
        .space
        .referrers(
            &call.granted.repository,
            &subject,
            kind,
            after,
            REFERRERS_MAX,
        )
        .await?;
    let last = found.last().map(|last| last.digest).filter(|_| has_more);
    let link = last.map(|last| {
        let filter = kind.map_or_else(String::new, |kind| {
            format!("&artifactType={}", escaped(kind))
        });
        format!(
            "</v2/{}/referrers/{subject}?after={last}{filter}>; rel=\"next\"",
            call.name
        )
    });
    let mut headers = vec![(header::CONTENT_TYPE, media_type::INDEX)];
    if let Some(link) = &link {
        headers.push((header::LINK, link));
    }
    if kind.is_some() {
        headers.push((FILTERS, "artifactType"));
    }
    let body = Index::new(found).to_json();
    Ok(answer(StatusCode::OK, &headers, Body::from(body)))
}

fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}
