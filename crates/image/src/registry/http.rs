//! Requests and answers, as much of HTTP as registries need.

use alloc::string::String;
use alloc::vec::Vec;

use super::auth::Secret;
use crate::descriptor::Descriptor;

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// The content.
    Get,
    /// The head alone.
    Head,
    /// Something new.
    Post,
    /// Something complete.
    Put,
    /// A part.
    Patch,
}

impl Method {
    /// As it stands in a request.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
        }
    }
}

/// What a request carries.
#[derive(Clone)]
pub enum Outgoing {
    /// Nothing: no length is sent with `GET` and `HEAD`, the length 0 with others.
    Nothing,
    /// These bytes.
    Bytes(Vec<u8>),
    /// A part of a blob in the store.
    Blob {
        /// The blob.
        blob: Descriptor,
        /// Where the part begins.
        offset: u64,
        /// How long it is.
        length: u64,
    },
}

impl Outgoing {
    /// How many bytes it has.
    #[must_use]
    pub const fn length(&self) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Blob { length, .. } => *length,
        }
    }
}

/// A request for the port to send as it is: redirects and errors are the machine's.
pub struct Request {
    /// What it asks for.
    pub method: Method,
    /// Of what: an absolute URL, `http` or `https`.
    pub url: String,
    /// Header fields; the length of the body is not among them.
    pub headers: Vec<(&'static str, String)>,
    /// The value of `Authorization`, if it has one.
    pub authorization: Option<Secret>,
    /// What it carries.
    pub body: Outgoing,
}

/// The beginning of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The status.
    pub status: u16,
    /// The header fields in their order; names in any case.
    pub headers: Vec<(String, String)>,
}

impl Head {
    /// The value of the first field with this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }

    /// The values of all fields with this name.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(field, _)| field.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }

    /// The length that is announced: `Some(None)` if it is no number.
    pub(super) fn content_length(&self) -> Option<Option<u64>> {
        self.header("content-length")
            .map(|length| length.parse::<u64>().ok())
    }

    /// The media type without its parameters.
    pub(super) fn media_type(&self) -> Option<String> {
        let value = self.header("content-type")?;
        let media_type = value.split(';').next().unwrap_or_default().trim();
        (!media_type.is_empty()).then(|| media_type.to_ascii_lowercase())
    }

    pub(super) const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }
}
