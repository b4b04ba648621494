//! What a registry asks for before it answers: the field `WWW-Authenticate` (RFC 9110, section 11).

use alloc::string::String;
use alloc::vec::Vec;

/// Characters of a field that are looked at.
const FIELD_CHARACTERS_MAX: usize = 16 << 10;

/// One way to sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Challenge {
    /// Its scheme, in lower case.
    pub(super) scheme: String,
    /// Its parameters, names in lower case.
    pub(super) parameters: Vec<(String, String)>,
}

impl Challenge {
    /// The value of the first parameter with this name.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// The challenges of one field. What cannot be read is left out.
pub(super) fn parse(field: &str) -> Vec<Challenge> {
    let mut challenges: Vec<Challenge> = Vec::new();
    let mut rest = field.get(..FIELD_CHARACTERS_MAX).unwrap_or(field);
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let (token, after) = token(rest);
        if token.is_empty() {
            return challenges;
        }
        // `name = value` belongs to the challenge before it; a word alone begins another.
        let parameter = value(after);
        match (parameter, challenges.last_mut()) {
            (Some((value, after)), Some(challenge)) => {
                challenge
                    .parameters
                    .push((token.to_ascii_lowercase(), value));
                rest = after;
            }
            (Some(_), None) => return challenges,
            (None, _) => {
                challenges.push(Challenge {
                    scheme: token.to_ascii_lowercase(),
                    parameters: Vec::new(),
                });
                rest = skip_token68(after);
            }
        }
    }
}

/// The longest token at the beginning, and what follows.
fn token(text: &str) -> (&str, &str) {
    let is_token = |character: char| {
        character.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(character)
    };
    let end = text
        .find(|character| !is_token(character))
        .unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// The value after `=`, a word or a quoted text, and what follows.
fn value(text: &str) -> Option<(String, &str)> {
    let text = text.trim_start().strip_prefix('=')?.trim_start();
    let Some(quoted) = text.strip_prefix('"') else {
        let (word, after) = token(text);
        // A second `=` is the padding of a token68, which has no name.
        return (!word.is_empty()).then(|| (word.into(), after));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return quoted.get(at + 1..).map(|after| (value, after)),
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

/// What follows a token68, if the text begins with one.
fn skip_token68(text: &str) -> &str {
    let trimmed = text.trim_start();
    let is_token68 =
        |character: char| character.is_ascii_alphanumeric() || "-._~+/".contains(character);
    let after = trimmed
        .trim_start_matches(is_token68)
        .trim_start_matches('=');
    let is_alone = after.trim_start().is_empty() || after.trim_start().starts_with(',');
    if is_alone { after } else { text }
}
