//! What the hub says when it does not do what was asked (RFC 9457).

use alloc::borrow::Cow;
use alloc::string::String;

use serde::Deserialize;

use super::exchange::Response;
use crate::limits::{TEXT_BYTES_MAX, URL_BYTES_MAX};

/// Bytes of a problem at most; what is longer is passed over.
const PROBLEM_BYTES_MAX: usize = 8 << 10;

/// Why the hub did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The status.
    pub status: u16,
    /// What kind of problem, for programs; empty if it does not say.
    pub kind: String,
    /// What people read; empty if it says nothing.
    pub detail: String,
    /// Whether the same request may be answered otherwise later.
    pub is_passing: bool,
}

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    title: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    detail: Option<Cow<'a, str>>,
}

impl Problem {
    pub(super) fn of(response: &Response<'_>) -> Self {
        let document = Some(response.body)
            .filter(|body| body.len() <= PROBLEM_BYTES_MAX)
            .and_then(|body| serde_json::from_slice::<Document<'_>>(body).ok());
        let (kind, detail) = document.map_or((None, None), |it| (it.kind, it.detail.or(it.title)));
        Self {
            status: response.status,
            kind: readable(kind.as_deref(), URL_BYTES_MAX),
            detail: readable(detail.as_deref(), TEXT_BYTES_MAX),
            is_passing: is_passing(response.status),
        }
    }
}

/// A text that is safe to show, on one line.
fn readable(text: Option<&str>, bytes_max: u32) -> String {
    let mut shown = String::new();
    for character in text.unwrap_or_default().chars() {
        let character = if character.is_control() {
            ' '
        } else {
            character
        };
        if shown.len() + character.len_utf8() > bytes_max as usize {
            break;
        }
        shown.push(character);
    }
    shown
}

/// Whether the fault may go away without another request: who the device is may change at the hub, and so may its load.
const fn is_passing(status: u16) -> bool {
    !matches!(status, 400 | 405 | 409 | 411 | 413 | 414 | 415 | 422 | 431)
}
