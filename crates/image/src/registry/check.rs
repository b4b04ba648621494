//! Checks of answers that several operations make.

use alloc::string::String;

use super::fault::{RedirectRefusal, RegistryError};
use super::http::Head;
use super::said;
use super::url::{Target, Url};
use crate::descriptor::Descriptor;
use crate::digest::{Digest, DigestError};
use crate::document::{Document, DocumentError};
use crate::media_type;

/// Where an answer leads, seen from where it came from. Never from https to http.
pub(super) fn location(from: &Url, head: &Head) -> Result<Url, RedirectRefusal> {
    let location = head
        .header("location")
        .filter(|location| !location.is_empty())
        .ok_or(RedirectRefusal::Nowhere)?;
    let url = from.join(location).map_err(RedirectRefusal::Url)?;
    if from.is_https() && !url.is_https() {
        return Err(RedirectRefusal::Downgrade);
    }
    Ok(url)
}

/// What an answer means that is no success.
pub(super) fn refusal(target: &Target, what: &str, head: &Head, body: &[u8]) -> RegistryError {
    let said = said::parse(body);
    let what = what.into();
    if said.text.to_ascii_lowercase().contains("quota") {
        let status = head.status;
        let said = said.text;
        return RegistryError::Refused { what, status, said };
    }
    match (head.status, said.code.as_str()) {
        (401 | 403, _) | (_, "UNAUTHORIZED" | "DENIED") => RegistryError::Unauthorized {
            registry: target.registry.clone(),
            said: said.text,
        },
        (_, "TOOMANYREQUESTS") => RegistryError::TooManyRequests {
            attempts: 1,
            said: said.text,
        },
        (404, _) | (_, "NAME_UNKNOWN" | "MANIFEST_UNKNOWN" | "BLOB_UNKNOWN") => {
            RegistryError::NotFound {
                what,
                said: said.text,
            }
        }
        (status, _) => RegistryError::Refused {
            what,
            status,
            said: said.text,
        },
    }
}

/// The media type that a manifest's answer announces: `None` if it says nothing of use.
pub(super) fn announced(head: &Head) -> Result<Option<String>, DocumentError> {
    let Some(announced) = head.media_type() else {
        return Ok(None);
    };
    match announced.as_str() {
        known if media_type::is_document(known) => Ok(Some(announced)),
        // Simple servers know no better.
        "application/json" | "application/octet-stream" | "text/plain" => Ok(None),
        "text/html" => Err(DocumentError::Html),
        "application/vnd.docker.distribution.manifest.v1+json"
        | "application/vnd.docker.distribution.manifest.v1+prettyjws" => {
            Err(DocumentError::SchemaVersion { version: 1 })
        }
        _ => Err(DocumentError::Unsupported {
            media_type: said::printable(&announced),
        }),
    }
}

/// The digest that an answer announces: `None` if it announces none, or one by another algorithm.
pub(super) fn announced_digest(what: &str, head: &Head) -> Result<Option<Digest>, RegistryError> {
    let Some(text) = head.header("docker-content-digest") else {
        return Ok(None);
    };
    match text.parse() {
        Ok(digest) => Ok(Some(digest)),
        Err(DigestError::Algorithm { .. }) => Ok(None),
        Err(DigestError::Malformed) => Err(RegistryError::Misbehaves {
            what: what.into(),
            how: "it announces a digest that is none".into(),
        }),
    }
}

/// Reads a manifest or index from an answer, with every check that the answer allows.
pub(super) fn document(
    what: &str,
    head: &Head,
    body: &[u8],
    expected: Option<&Descriptor>,
    digest: Option<&Digest>,
) -> Result<(Descriptor, Document), RegistryError> {
    let fail = |error| RegistryError::Document {
        what: what.into(),
        error,
    };
    let announced = announced(head).map_err(fail)?;
    if body.trim_ascii_start().starts_with(b"<") {
        return Err(fail(DocumentError::Html));
    }
    if let Some(expected) = expected
        && expected.size != body.len() as u64
    {
        return Err(RegistryError::Length {
            what: what.into(),
            expected: expected.size,
            found: body.len() as u64,
        });
    }
    let found = Digest::of(body);
    let asked = expected.map(|expected| &expected.digest).or(digest);
    let named = announced_digest(what, head)?;
    for expected in asked.into_iter().chain(&named) {
        if *expected != found {
            return Err(RegistryError::Digest {
                what: what.into(),
                expected: *expected,
                found,
            });
        }
    }
    // What refers to it knows better what it is than a server's guess at a file's type.
    let known = expected
        .map(|expected| expected.media_type.as_str())
        .or(announced.as_deref());
    let document = Document::parse(body, known).map_err(fail)?;
    let media_type = known.map_or_else(
        || media_type_of(&document).into(),
        alloc::borrow::ToOwned::to_owned,
    );
    let descriptor = Descriptor::new(&media_type, found, body.len() as u64);
    Ok((descriptor, document))
}

/// The media type of a document that nobody announced.
fn media_type_of(document: &Document) -> &str {
    let (own, default) = match document {
        Document::Manifest(manifest) => (&manifest.media_type, media_type::MANIFEST),
        Document::Index(index) => (&index.media_type, media_type::INDEX),
    };
    own.as_deref().unwrap_or(default)
}
