//! HTTP/1.1 on the wire (RFC 9112), for ports that have no client of their own: the head of a request, and the head of an answer.

use alloc::vec::Vec;
use core::fmt;

use crate::session::{Exchange, Method};

/// Bytes of an answer's head at most.
pub const HEAD_BYTES_MAX: u32 = 2 << 10;
/// Header fields of an answer at most.
const FIELDS_MAX: usize = 24;

/// The head of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head<'a> {
    /// Its bytes: the body begins after them.
    pub bytes: usize,
    /// The status.
    pub status: u16,
    /// Header fields, as [`crate::session::Response`] takes them.
    pub headers: Vec<(&'a str, &'a str)>,
    /// How long the body is.
    pub body: Body,
    /// Whether the connection can be used again.
    pub is_kept_open: bool,
}

/// How long a body is (RFC 9112, section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// So many bytes.
    Length(u64),
    /// Chunks, which a port without a client of its own refuses.
    Chunked,
    /// Until the connection ends.
    UntilEnd,
}

/// Why bytes are no head of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeadError {
    /// It is not HTTP/1.1.
    Malformed,
    /// It is too long.
    TooLong {
        /// How many bytes it may have.
        bytes_max: u32,
    },
    /// Its length is not a number, or there are two.
    Length,
}

/// Writes a request with its body for this host (`name` or `name:port`).
#[must_use]
pub fn write(exchange: &Exchange, host: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(192 + exchange.body.len());
    let mut line = |parts: &[&str]| {
        for part in parts {
            out.extend_from_slice(part.as_bytes());
        }
        out.extend_from_slice(b"\r\n");
    };
    line(&[exchange.method.name(), " ", &exchange.target, " HTTP/1.1"]);
    line(&["Host: ", host]);
    for (name, value) in &exchange.headers {
        line(&[name, ": ", value]);
    }
    if exchange.method == Method::Post {
        line(&[
            "Content-Length: ",
            &alloc::format!("{}", exchange.body.len()),
        ]);
    }
    line(&[]);
    out.extend_from_slice(&exchange.body);
    out
}

/// Reads the head of an answer; none if there is more to come.
///
/// # Errors
/// The bytes begin with no head that this protocol uses.
pub fn read(bytes: &[u8]) -> Result<Option<Head<'_>>, HeadError> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut response = httparse::Response::new(&mut fields);
    let too_long = HeadError::TooLong {
        bytes_max: HEAD_BYTES_MAX,
    };
    let within = bytes.get(..HEAD_BYTES_MAX as usize).unwrap_or(bytes);
    let length = match response.parse(within) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if bytes.len() >= HEAD_BYTES_MAX as usize => {
            return Err(too_long);
        }
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(too_long),
        Err(_) => return Err(HeadError::Malformed),
    };
    let (Some(1), Some(status)) = (response.version, response.code) else {
        return Err(HeadError::Malformed);
    };
    let headers = response
        .headers
        .iter()
        .map(|field| core::str::from_utf8(field.value).map(|value| (field.name, value)))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| HeadError::Malformed)?;
    let is_kept_open =
        !named(&headers, "connection").any(|value| value.eq_ignore_ascii_case("close"));
    Ok(Some(Head {
        bytes: length,
        status,
        body: body(status, &headers)?,
        is_kept_open,
        headers,
    }))
}

fn named<'a>(headers: &[(&'a str, &'a str)], name: &'a str) -> impl Iterator<Item = &'a str> {
    headers
        .iter()
        .filter(move |(it, _)| it.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
}

fn body(status: u16, headers: &[(&str, &str)]) -> Result<Body, HeadError> {
    // These have none, whatever their fields say.
    if matches!(status, 100..=199 | 204 | 304) {
        return Ok(Body::Length(0));
    }
    if named(headers, "transfer-encoding").next().is_some() {
        return Ok(Body::Chunked);
    }
    let mut lengths = named(headers, "content-length");
    match (lengths.next(), lengths.next()) {
        (None, _) => Ok(Body::UntilEnd),
        (Some(_), Some(_)) => Err(HeadError::Length),
        (Some(length), None) if length.bytes().all(|byte| byte.is_ascii_digit()) => length
            .parse()
            .map(Body::Length)
            .map_err(|_| HeadError::Length),
        (Some(_), None) => Err(HeadError::Length),
    }
}

impl fmt::Display for HeadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => formatter.write_str("the answer is not HTTP/1.1"),
            Self::TooLong { bytes_max } => write!(
                formatter,
                "the head of the answer has more than {bytes_max} bytes, or too many fields"
            ),
            Self::Length => formatter.write_str("the length of the answer is not a number"),
        }
    }
}

impl core::error::Error for HeadError {}
