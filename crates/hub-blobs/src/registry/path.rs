//! What a URL asks for. Names of repositories have slashes, so that paths are read from their end.

use std::str::FromStr;

use axum::http::{Method, StatusCode};
use thimble_image::Digest;

use super::authorizer::Action;
use super::fault::Fault;
use crate::manifests::ManifestName;
use crate::names::Repository;
use crate::uploads::UploadId;

/// Parameters of a query that are read at most.
const PARAMETERS_MAX: usize = 16;

/// A resource of the registry.
pub(crate) enum Path {
    Base,
    Tags(Repository),
    Referrers(Repository, Digest),
    Manifest(Repository, ManifestName),
    Blob(Repository, Digest),
    Uploads(Repository),
    Upload(Repository, UploadId),
}

impl Path {
    /// Reads what comes after `/v2/`.
    pub(crate) fn parse(path: &str) -> Result<Self, Fault> {
        if path.is_empty() {
            return Ok(Self::Base);
        }
        let (rest, last) = path.rsplit_once('/').ok_or_else(Fault::no_route)?;
        if let Some(name) = rest.strip_suffix("/blobs/uploads") {
            let name = name.parse()?;
            return if last.is_empty() {
                Ok(Self::Uploads(name))
            } else {
                Ok(Self::Upload(name, last.parse()?))
            };
        }
        let (name, kind) = rest.rsplit_once('/').ok_or_else(Fault::no_route)?;
        match (kind, last) {
            ("blobs", "uploads") => Ok(Self::Uploads(name.parse()?)),
            ("blobs", digest) => Ok(Self::Blob(name.parse()?, self::digest(digest)?)),
            ("manifests", text) => Ok(Self::Manifest(name.parse()?, manifest_name(text)?)),
            ("tags", "list") => Ok(Self::Tags(name.parse()?)),
            ("referrers", digest) => Ok(Self::Referrers(name.parse()?, self::digest(digest)?)),
            _ => Err(Fault::no_route()),
        }
    }

    pub(crate) const fn repository(&self) -> Option<&Repository> {
        match self {
            Self::Base => None,
            Self::Tags(name)
            | Self::Referrers(name, _)
            | Self::Manifest(name, _)
            | Self::Blob(name, _)
            | Self::Uploads(name)
            | Self::Upload(name, _) => Some(name),
        }
    }

    /// What this method does with it.
    pub(crate) fn action(&self, method: &Method) -> Result<Action, Fault> {
        match (self, method.as_str()) {
            (Self::Base | Self::Tags(_) | Self::Referrers(..), "GET" | "HEAD") => Ok(Action::Pull),
            (Self::Base | Self::Tags(_) | Self::Referrers(..), _) => {
                Err(Fault::method("GET, HEAD"))
            }
            (Self::Manifest(..), "GET" | "HEAD") => Ok(Action::Pull),
            (Self::Manifest(..), "PUT") => Ok(Action::Push),
            (Self::Manifest(..), "DELETE") => Ok(Action::Delete),
            (Self::Manifest(..), _) => Err(Fault::method("GET, HEAD, PUT, DELETE")),
            (Self::Blob(..), "GET" | "HEAD") => Ok(Action::Pull),
            (Self::Blob(..), "DELETE") => Err(Fault::kept("GET, HEAD")),
            (Self::Blob(..), _) => Err(Fault::method("GET, HEAD")),
            (Self::Uploads(_), "POST") => Ok(Action::Push),
            (Self::Uploads(_), _) => Err(Fault::method("POST")),
            (Self::Upload(..), "GET" | "HEAD" | "PATCH" | "PUT" | "DELETE") => Ok(Action::Push),
            (Self::Upload(..), _) => Err(Fault::method("GET, PATCH, PUT, DELETE")),
        }
    }
}

/// The parameters of a URL.
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(text: &str) -> Result<Self, Fault> {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.take(PARAMETERS_MAX).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((unescaped(name)?, unescaped(value)?))
        });
        Ok(Self(pairs.collect::<Result<_, Fault>>()?))
    }

    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    pub(crate) fn digest(&self, name: &str) -> Result<Option<Digest>, Fault> {
        self.value(name).map(digest).transpose()
    }

    /// A number of the query, where it is one.
    pub(crate) fn number(&self, name: &str) -> Result<Option<usize>, Fault> {
        let parse = |text: &str| {
            text.parse().map_err(|_| {
                Fault::new(
                    StatusCode::BAD_REQUEST,
                    "PAGINATION_NUMBER_INVALID",
                    format!("{name} is a number of entries"),
                )
            })
        };
        self.value(name).map(parse).transpose()
    }
}

pub(crate) fn digest(text: &str) -> Result<Digest, Fault> {
    Digest::from_str(text).map_err(|error| Fault::digest(&error))
}

fn manifest_name(text: &str) -> Result<ManifestName, Fault> {
    if text.contains(':') {
        digest(text).map(ManifestName::Digest)
    } else {
        Ok(ManifestName::Tag(text.parse()?))
    }
}

/// A part of a URL without its escapes (RFC 3986, section 2.1).
pub(crate) fn unescaped(text: &str) -> Result<String, Fault> {
    let wrong = || {
        Fault::new(
            StatusCode::BAD_REQUEST,
            "NAME_INVALID",
            "the address has escapes that are none",
        )
    };
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16));
        let (high, low) = (digit().ok_or_else(wrong)?, digit().ok_or_else(wrong)?);
        bytes.push(u8::try_from(high << 4 | low).map_err(|_| wrong())?);
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}
