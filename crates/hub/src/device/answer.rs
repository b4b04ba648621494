//! Answers: bodies of three kinds, and problems as RFC 9457 writes them.

use core::pin::Pin;
use core::task::{Context, Poll};
use std::io;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};

use super::fleet::ByteStream;

/// The media type of messages.
pub const CBOR: &str = "application/cbor";
/// The media type of envelopes.
pub const COSE: &str = "application/cose; cose-type=\"cose-sign1\"";

/// What an answer carries.
pub enum Payload {
    /// Nothing.
    Empty,
    /// Bytes that are here.
    Full(Bytes),
    /// Bytes that come, so many of them.
    Stream(ByteStream, u64),
}

impl core::fmt::Debug for Payload {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Empty => formatter.write_str("Empty"),
            Self::Full(bytes) => write!(formatter, "Full({} bytes)", bytes.len()),
            Self::Stream(_, left) => write!(formatter, "Stream({left} bytes)"),
        }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Full(bytes) => {
                let bytes = core::mem::take(bytes);
                *self = Self::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Self::Stream(stream, left) => match stream.as_mut().poll_next(context) {
                Poll::Pending => Poll::Pending,
                Poll::Ready(None) => Poll::Ready(None),
                Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(error))),
                Poll::Ready(Some(Ok(bytes))) => {
                    *left = left.saturating_sub(bytes.len() as u64);
                    Poll::Ready(Some(Ok(Frame::data(bytes))))
                }
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Empty)
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Stream(_, left) => SizeHint::with_exact(*left),
        }
    }
}

/// An answer without a body.
#[must_use]
pub fn empty(status: StatusCode) -> Response<Payload> {
    let mut response = Response::new(Payload::Empty);
    *response.status_mut() = status;
    response
}

/// An answer with bytes of a media type.
#[must_use]
pub fn full(status: StatusCode, media_type: &'static str, bytes: Vec<u8>) -> Response<Payload> {
    let mut response = Response::new(Payload::Full(Bytes::from(bytes)));
    *response.status_mut() = status;
    let value = HeaderValue::from_static(media_type);
    response.headers_mut().insert(CONTENT_TYPE, value);
    response
}

/// Something is wrong: in a word for programs, and a sentence that says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    kind: &'static str,
    title: &'static str,
    detail: String,
    retry_after_s: Option<u32>,
    ends_connection: bool,
}

impl Problem {
    /// A problem; `kind` is the last part of its type.
    #[must_use]
    pub fn new(
        status: StatusCode,
        kind: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            status,
            kind,
            title,
            detail: detail.into(),
            retry_after_s: None,
            ends_connection: false,
        }
    }

    /// When to come again.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// The connection ends with this answer.
    #[must_use]
    pub fn ending(mut self) -> Self {
        self.ends_connection = true;
        self
    }

    /// The answer that tells of it.
    #[must_use]
    pub fn into_response(self) -> Response<Payload> {
        let body = serde_json::json!({
            "type": format!("urn:thimble:problem:{}", self.kind),
            "title": self.title,
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        let body = body.to_string().into_bytes();
        let mut response = full(self.status, "application/problem+json", body);
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after_s {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
            headers.insert("next-poll", HeaderValue::from(seconds));
        }
        if self.ends_connection {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}
