//! Requests and answers, as much of HTTP as a device needs.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;

use thimble_image::Digest;

use crate::etag::ETag;
use crate::limits;
use crate::sign;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A certificate.
    Enrol,
    /// The desired state.
    Poll,
    /// A report is delivered.
    Report {
        /// Its sequence.
        sequence: u64,
    },
    /// A blob, from a byte on.
    Blob {
        /// The blob.
        digest: Digest,
        /// The byte.
        offset: u64,
    },
}

/// How it is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `GET`.
    Get,
    /// `POST`.
    Post,
}

/// A request for the port to send, with `Host` and, where there is a body, `Content-Length` added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// What is asked for.
    pub kind: Kind,
    /// Of whom: 0 is the hub, the others are its recovery URLs in order.
    pub endpoint: u8,
    /// How.
    pub method: Method,
    /// The path and the query.
    pub target: String,
    /// Header fields.
    pub headers: Vec<(&'static str, String)>,
    /// The body; empty with `GET`.
    pub body: Vec<u8>,
    /// Seconds that the hub may take on purpose before it answers.
    pub wait_s: u32,
    /// Bytes of an answer's body at most; none for blobs, whose length is known from elsewhere.
    pub answer_bytes_max: Option<u32>,
}

/// An answer as it came.
#[derive(Clone, Copy, Debug)]
pub struct Response<'a> {
    /// The status.
    pub status: u16,
    /// Header fields; names in any case.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body; of a blob it may be empty, because the port keeps it as it comes.
    pub body: &'a [u8],
}

impl Response<'_> {
    /// The value of the first header field of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(it, _)| it.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    }

    /// A header field that is a number of seconds.
    pub(super) fn seconds(&self, name: &str) -> Option<u32> {
        let digits = self.header(name)?;
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        // More than fits is a long time anyway.
        is_number.then(|| digits.parse().unwrap_or(u32::MAX))
    }
}

impl Method {
    /// As it stands in a request.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

pub(super) fn enrol(endpoint: u8, body: Vec<u8>) -> Exchange {
    post(
        Kind::Enrol,
        endpoint,
        "/d/v1/enrol",
        body,
        limits::ENROL_REPLY_BYTES_MAX,
    )
}

pub(super) fn report(endpoint: u8, sequence: u64, body: Vec<u8>) -> Exchange {
    post(
        Kind::Report { sequence },
        endpoint,
        "/d/v1/report",
        body,
        limits::REPLY_BYTES_MAX,
    )
}

fn post(kind: Kind, endpoint: u8, target: &str, body: Vec<u8>, answer_bytes_max: u32) -> Exchange {
    Exchange {
        kind,
        endpoint,
        method: Method::Post,
        target: target.into(),
        headers: alloc::vec![("Content-Type", "application/cbor".into())],
        body,
        wait_s: 0,
        answer_bytes_max: Some(answer_bytes_max),
    }
}

pub(super) fn poll(endpoint: u8, etag: Option<ETag>, wait_s: u32) -> Exchange {
    let mut target = String::from("/d/v1/state");
    if wait_s > 0 {
        // A text takes everything.
        let _ = write!(target, "?wait={wait_s}");
    }
    Exchange {
        kind: Kind::Poll,
        endpoint,
        method: Method::Get,
        target,
        headers: etag
            .map(|etag| ("If-None-Match", alloc::format!("{etag}")))
            .into_iter()
            .collect(),
        body: Vec::new(),
        wait_s,
        answer_bytes_max: Some(sign::Kind::State.bytes_max()),
    }
}

pub(super) fn blob(endpoint: u8, digest: Digest, offset: u64) -> Exchange {
    let range = (offset > 0).then(|| ("Range", alloc::format!("bytes={offset}-")));
    Exchange {
        kind: Kind::Blob { digest, offset },
        endpoint,
        method: Method::Get,
        target: alloc::format!("/d/v1/blob/{digest}"),
        headers: range.into_iter().collect(),
        body: Vec::new(),
        wait_s: 0,
        answer_bytes_max: None,
    }
}
