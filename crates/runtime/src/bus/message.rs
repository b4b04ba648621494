//! A message, stored once for all who receive it.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::time::Instant;

/// A message as its publisher gives it.
#[derive(Clone, Copy, Debug)]
pub struct Draft<'a> {
    /// The topic.
    pub topic: &'a str,
    /// What the payload is.
    pub content_type: &'a str,
    /// The payload.
    pub payload: &'a [u8],
    /// When it was published.
    pub at: Instant,
}

/// A message. A clone is the same message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Topic, content type and payload, one after the other: one allocation for all.
    bytes: Arc<[u8]>,
    topic_len: usize,
    content_type_len: usize,
    at: Instant,
}

impl Message {
    /// Stores a draft. `scratch` is where its parts are joined.
    pub(super) fn store(draft: Draft<'_>, scratch: &mut Vec<u8>) -> Self {
        /// More than this is not worth keeping for the next message.
        const SCRATCH_BYTES_MAX: usize = 4096;
        scratch.clear();
        scratch.extend_from_slice(draft.topic.as_bytes());
        scratch.extend_from_slice(draft.content_type.as_bytes());
        scratch.extend_from_slice(draft.payload);
        let bytes = Arc::from(scratch.as_slice());
        if scratch.capacity() > SCRATCH_BYTES_MAX {
            *scratch = Vec::new();
        }
        Self {
            bytes,
            topic_len: draft.topic.len(),
            content_type_len: draft.content_type.len(),
            at: draft.at,
        }
    }

    /// The topic, UTF-8.
    #[must_use]
    pub fn topic(&self) -> &[u8] {
        self.bytes.get(..self.topic_len).unwrap_or_default()
    }

    /// The topic as text.
    #[must_use]
    pub fn topic_text(&self) -> &str {
        core::str::from_utf8(self.topic()).unwrap_or_default()
    }

    /// What the payload is, UTF-8.
    #[must_use]
    pub fn content_type(&self) -> &[u8] {
        self.bytes
            .get(self.topic_len..self.payload_start())
            .unwrap_or_default()
    }

    /// The payload.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        self.bytes.get(self.payload_start()..).unwrap_or_default()
    }

    /// Topic, content type and payload, one after the other.
    #[must_use]
    pub fn joined(&self) -> &[u8] {
        &self.bytes
    }

    /// When it was published.
    #[must_use]
    pub const fn at(&self) -> Instant {
        self.at
    }

    /// Bytes of topic, content type and payload.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether it has no bytes at all; no message that was published is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    const fn payload_start(&self) -> usize {
        self.topic_len.saturating_add(self.content_type_len)
    }
}
