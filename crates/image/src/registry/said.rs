//! What a registry says when it refuses: `{"errors": [{"code", "message"}]}`.

use alloc::format;
use alloc::string::String;

use serde::Deserialize;

/// Characters of a registry's words that are repeated.
const SAID_CHARACTERS_MAX: usize = 240;

/// A registry's words, bounded and printable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// The first code, `UNAUTHORIZED` for example; empty if there is none.
    pub(super) code: String,
    /// The words for people; empty if there are none.
    pub(super) text: String,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    errors: alloc::vec::Vec<Entry>,
    // Token servers.
    #[serde(default)]
    details: Option<String>,
    #[serde(default)]
    error_description: Option<String>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    code: Option<String>,
    #[serde(default)]
    message: Option<String>,
}

/// Reads the body of an answer that says no.
pub(super) fn parse(body: &[u8]) -> Said {
    let trimmed = body.trim_ascii();
    if trimmed.is_empty() {
        return Said::default();
    }
    if trimmed.starts_with(b"<") {
        return Said {
            code: String::new(),
            text: "a web page, not the words of a registry: perhaps a proxy answered".into(),
        };
    }
    let Ok(answer) = serde_json::from_slice::<Answer>(trimmed) else {
        let text = core::str::from_utf8(trimmed).unwrap_or_default();
        return Said {
            code: String::new(),
            text: printable(text),
        };
    };
    let Some(first) = answer.errors.into_iter().next() else {
        let text = answer.error_description.or(answer.details);
        return Said {
            code: String::new(),
            text: printable(&text.unwrap_or_default()),
        };
    };
    let code = printable(&first.code.unwrap_or_default());
    let message = printable(&first.message.unwrap_or_default());
    let text = match (code.is_empty(), message.is_empty()) {
        (false, false) => format!("{code}: {message}"),
        (false, true) => code.clone(),
        (true, _) => message,
    };
    Said { code, text }
}

/// At most so many characters, each of which can be shown.
pub(super) fn printable(text: &str) -> String {
    let mut shown: String = text
        .chars()
        .map(|character| {
            let is_odd = character.is_control()
                || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
            if is_odd { ' ' } else { character }
        })
        .take(SAID_CHARACTERS_MAX)
        .collect();
    if text.chars().nth(SAID_CHARACTERS_MAX).is_some() {
        shown.push('…');
    }
    shown.trim().into()
}
