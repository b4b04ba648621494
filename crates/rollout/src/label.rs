//! Labels of a device: keys and values, by which selectors pick it and budgets count it.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::fmt;

/// Labels of a device at most: 256 of its operator and 256 of its own are kept.
pub const LABELS_MAX: usize = 512;
/// Bytes of a key at most.
pub const KEY_BYTES_MAX: usize = 64;
/// Bytes of a value at most.
pub const VALUE_BYTES_MAX: usize = 128;

/// Labels of one device, each key once, in the order of the keys. All of them are one text: plans look at those of every device.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Labels {
    /// Keys and values, one after the other.
    text: Box<str>,
    /// Where each key ends, and its value.
    ends: Box<[(u32, u32)]>,
}

/// Why these cannot be labels.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LabelError {
    /// The key is empty.
    EmptyKey,
    /// The key has a character that is not allowed.
    KeyCharacter {
        /// The key.
        key: String,
        /// The character.
        character: char,
    },
    /// The key is too long.
    KeyTooLong {
        /// Its bytes.
        bytes: usize,
    },
    /// The value has a character that cannot be shown.
    ValueCharacter {
        /// The key.
        key: String,
    },
    /// The value is too long.
    ValueTooLong {
        /// The key.
        key: String,
        /// The value's bytes.
        bytes: usize,
    },
    /// There are too many labels.
    TooMany {
        /// How many.
        count: usize,
    },
}

impl Labels {
    /// Makes labels of pairs; of pairs with the same key, the last counts.
    ///
    /// # Errors
    ///
    /// When a key or a value is not allowed, or there are more than [`LABELS_MAX`].
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Self, LabelError> {
        let mut labels: Vec<(String, String)> = Vec::new();
        for (key, value) in pairs {
            check_key(&key)?;
            check_value(&key, &value)?;
            match labels.binary_search_by(|(present, _)| present.cmp(&key)) {
                Ok(place) => {
                    if let Some(pair) = labels.get_mut(place) {
                        pair.1 = value;
                    }
                }
                Err(place) => labels.insert(place, (key, value)),
            }
            if labels.len() > LABELS_MAX {
                return Err(LabelError::TooMany {
                    count: labels.len(),
                });
            }
        }
        Ok(Self::of_sorted(&labels))
    }

    /// Makes labels of pairs that were checked when they were kept, by whatever rules held then: what cannot be a label is left
    /// out, since no selector can name it.
    #[must_use]
    pub fn of_kept(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut kept: Vec<(String, String)> = pairs
            .into_iter()
            .filter(|(key, value)| check_key(key).is_ok() && check_value(key, value).is_ok())
            .collect();
        kept.sort_by(|left, right| left.0.cmp(&right.0));
        kept.dedup_by(|later, earlier| later.0 == earlier.0);
        kept.truncate(LABELS_MAX);
        Self::of_sorted(&kept)
    }

    /// Takes pairs that are in order and within the bounds: all of them are a text of some 100 KB at most.
    fn of_sorted(pairs: &[(String, String)]) -> Self {
        let mut text = String::new();
        let mut ends = Vec::with_capacity(pairs.len());
        let end = |text: &str| u32::try_from(text.len()).unwrap_or(u32::MAX);
        for (key, value) in pairs {
            text.push_str(key);
            let key_end = end(&text);
            text.push_str(value);
            ends.push((key_end, end(&text)));
        }
        Self {
            text: text.into(),
            ends: ends.into(),
        }
    }

    /// Returns the value of a key.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&str> {
        let (mut low, mut high) = (0, self.ends.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            let (present, value) = self.pair(middle)?;
            match present.cmp(key) {
                Ordering::Less => low = middle + 1,
                Ordering::Equal => return Some(value),
                Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// Returns keys and values, in the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        (0..self.ends.len()).filter_map(|place| self.pair(place))
    }

    fn pair(&self, place: usize) -> Option<(&str, &str)> {
        let (key_end, end) = *self.ends.get(place)?;
        let before = place.checked_sub(1).and_then(|place| self.ends.get(place));
        let begin = before.map_or(0, |(_, end)| *end);
        let key = self.text.get(begin as usize..key_end as usize)?;
        let value = self.text.get(key_end as usize..end as usize)?;
        Some((key, value))
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_map().entries(self.iter()).finish()
    }
}

/// Says whether a character may be in a key, or in a value that is not in quotes.
#[must_use]
pub const fn is_word_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.' | '/' | ':')
}

/// Says whether this may be a label's key.
///
/// # Errors
///
/// When it is empty, too long, or has other characters than letters, digits and `-_./:`.
pub fn check_key(key: &str) -> Result<(), LabelError> {
    if key.is_empty() {
        return Err(LabelError::EmptyKey);
    }
    if key.len() > KEY_BYTES_MAX {
        return Err(LabelError::KeyTooLong { bytes: key.len() });
    }
    match key.chars().find(|character| !is_word_character(*character)) {
        Some(character) => Err(LabelError::KeyCharacter {
            key: key.to_owned(),
            character,
        }),
        None => Ok(()),
    }
}

/// Says whether this may be the value of a label.
///
/// # Errors
///
/// When it is too long, or has a control character or `"`.
pub fn check_value(key: &str, value: &str) -> Result<(), LabelError> {
    if value.len() > VALUE_BYTES_MAX {
        return Err(LabelError::ValueTooLong {
            key: key.to_owned(),
            bytes: value.len(),
        });
    }
    if value
        .chars()
        .any(|character| character.is_control() || character == '"')
    {
        return Err(LabelError::ValueCharacter {
            key: key.to_owned(),
        });
    }
    Ok(())
}

impl fmt::Display for LabelError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptyKey => formatter.write_str("a label needs a key: KEY=VALUE"),
            Self::KeyCharacter { key, character } => write!(
                formatter,
                "the label key {key:?} has {character:?}: letters, digits and - _ . / : are allowed"
            ),
            Self::KeyTooLong { bytes } => write!(
                formatter,
                "a label key of {bytes} bytes is too long: {KEY_BYTES_MAX} at most"
            ),
            Self::ValueCharacter { key } => write!(
                formatter,
                "the value of the label {key} has a control character or a quote"
            ),
            Self::ValueTooLong { key, bytes } => write!(
                formatter,
                "the value of the label {key} has {bytes} bytes: {VALUE_BYTES_MAX} at most"
            ),
            Self::TooMany { count } => write!(
                formatter,
                "{count} labels are too many for a device: {LABELS_MAX} at most"
            ),
        }
    }
}

impl core::error::Error for LabelError {}

#[cfg(test)]
mod tests;
