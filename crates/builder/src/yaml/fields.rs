//! Takes the fields of a map one by one; what is left at the end nobody knows.

use std::borrow::Cow;

use super::problem::{Place, Problem, Wrong};
use super::{Key, Node, Value};

/// The fields of a map that were not taken yet.
#[derive(Debug)]
pub struct Fields {
    place: Place,
    entries: Vec<(Key, Node)>,
    known: &'static [&'static str],
}

impl Fields {
    /// The fields of a map that may have these keys. Nothing is a map without entries.
    ///
    /// # Errors
    /// [`Wrong`] if it has another form.
    pub fn of(name: &str, node: Node, known: &'static [&'static str]) -> Result<Self, Wrong> {
        let entries = match node.value {
            Value::Map(entries) => entries,
            Value::Null => Vec::new(),
            _ => return Err(node.place.wrong(value(name, "a map of keys and values"))),
        };
        Ok(Self {
            place: node.place,
            entries,
            known,
        })
    }

    /// Where the map begins.
    #[must_use]
    pub const fn place(&self) -> Place {
        self.place
    }

    /// Leaves out the keys that are for somebody else.
    pub fn skip(&mut self, is_foreign: impl Fn(&str) -> bool) {
        self.entries.retain(|(key, _)| !is_foreign(&key.text));
    }

    /// Complains about the first key that has no meaning here, with the reason.
    ///
    /// # Errors
    /// [`Wrong`] with the reason.
    pub fn refuse(&self, reasons: &[(&str, &str)]) -> Result<(), Wrong> {
        for (key, _) in &self.entries {
            if let Some((_, reason)) = reasons.iter().find(|(name, _)| *name == key.text) {
                return Err(key
                    .place
                    .refused(format!("`{}` has no meaning here: {reason}", key.text)));
            }
        }
        Ok(())
    }

    /// The value of a key, if it is there and not null.
    pub fn take(&mut self, name: &str) -> Option<Node> {
        let place = self.entries.iter().position(|(key, _)| key.text == name)?;
        let (_, node) = self.entries.remove(place);
        (!matches!(node.value, Value::Null)).then_some(node)
    }

    /// A text.
    ///
    /// # Errors
    /// [`Wrong`] if it has another form.
    pub fn text(&mut self, name: &str) -> Result<Option<(String, Place)>, Wrong> {
        self.take(name)
            .map(|node| {
                let place = node.place;
                text(name, node).map(|text| (text, place))
            })
            .transpose()
    }

    /// A text that is understood in its own way.
    ///
    /// # Errors
    /// [`Wrong`] if it has another form.
    pub fn parsed<T, E: Into<Cow<'static, str>>>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Wrong> {
        self.text(name)?
            .map(|(text, place)| {
                parse(&text).map_err(|expected| place.wrong(value(name, expected)))
            })
            .transpose()
    }

    /// A list of texts.
    ///
    /// # Errors
    /// [`Wrong`] if it has another form.
    pub fn texts(&mut self, name: &str) -> Result<Vec<String>, Wrong> {
        let Some(node) = self.take(name) else {
            return Ok(Vec::new());
        };
        let Value::List(items) = node.value else {
            return Err(node.place.wrong(value(name, "a list, each line with `- `")));
        };
        items.into_iter().map(|item| text(name, item)).collect()
    }

    /// A map of texts, in its order.
    ///
    /// # Errors
    /// [`Wrong`] if it has another form.
    pub fn map(&mut self, name: &str) -> Result<Vec<(String, String)>, Wrong> {
        self.take(name)
            .map_or(Ok(Vec::new()), |node| map(name, node))
    }

    /// Complains about the first key that nobody took.
    ///
    /// # Errors
    /// [`Wrong`] if it has another form.
    pub fn finish(self) -> Result<(), Wrong> {
        let known = self.known;
        match self.entries.into_iter().next() {
            None => Ok(()),
            Some((key, _)) => Err(key.place.wrong(Problem::UnknownKey {
                near: near(&key.text, known),
                key: key.text,
                known,
            })),
        }
    }

    /// The keys that nobody took.
    pub fn rest(self) -> impl Iterator<Item = Key> {
        self.entries.into_iter().map(|(key, _)| key)
    }
}

/// The text of a value.
///
/// # Errors
/// [`Wrong`] if it has another form.
pub fn text(name: &str, node: Node) -> Result<String, Wrong> {
    match node.value {
        Value::Text(text) => Ok(text),
        Value::Null => Err(node
            .place
            .wrong(value(name, "a text; write '' for an empty one"))),
        _ => Err(node.place.wrong(value(name, "one text, not a map or list"))),
    }
}

/// A map of texts, in its order.
///
/// # Errors
/// [`Wrong`] if it has another form.
pub fn map(name: &str, node: Node) -> Result<Vec<(String, String)>, Wrong> {
    match node.value {
        Value::Map(entries) => entries
            .into_iter()
            .map(|(key, node)| Ok((key.text, text(name, node)?)))
            .collect(),
        _ => Err(node.place.wrong(value(name, "a map of names and texts"))),
    }
}

/// A value that must be something else.
#[must_use]
pub fn value(key: &str, expected: impl Into<Cow<'static, str>>) -> Problem {
    Problem::Value {
        key: key.to_owned(),
        expected: expected.into(),
    }
}

/// Letters of a word that are compared at most.
const WORD_CHARACTERS_MAX: usize = 32;

/// The word that is nearest, if one is near.
#[must_use]
pub fn near(word: &str, known: &'static [&'static str]) -> Option<&'static str> {
    if word.chars().count() > WORD_CHARACTERS_MAX {
        return None;
    }
    let word = word.to_lowercase().replace('-', "_");
    known
        .iter()
        .map(|known| (distance(known, &word), *known))
        .filter(|(steps, known)| {
            *steps <= known.len().max(word.len()) / 3
                || word.len() > 2 && (known.starts_with(&word) || word.starts_with(known))
        })
        .min()
        .map(|(_, known)| known)
}

/// Levenshtein's edit distance.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, a) in left.chars().enumerate() {
        let mut diagonal = line;
        let mut last = line + 1;
        for (slot, b) in row.iter_mut().skip(1).zip(&right) {
            let cost = (diagonal + usize::from(a != *b))
                .min(last + 1)
                .min(*slot + 1);
            diagonal = std::mem::replace(slot, cost);
            last = cost;
        }
        if let Some(first) = row.first_mut() {
            *first = line + 1;
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}
