//! Reads JSON (RFC 8259) front to back, straight into what it is for. Small, because it is all that a microcontroller
//! reads of it; everything else here takes `serde`.
//!
//! An object's fields are a table: one that comes twice is an error, one that is not in the table is left out, or an error
//! where that is asked for. Nothing here trusts the text, and nothing nests deeper than [`NESTING_MAX`].

#[cfg(test)]
mod tests;

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Display;

use crate::descriptor::Annotations;

/// Arrays and objects in each other at most.
const NESTING_MAX: u32 = 64;

/// What is read, or what is wrong and where.
pub(crate) type Outcome<T> = Result<T, String>;

/// Which fields of a table an object has.
#[derive(Clone, Copy)]
pub(crate) struct Seen {
    fields: &'static [&'static str],
    bits: u32,
}

impl Seen {
    /// Refuses an object that lacks one of the first fields of its table.
    ///
    /// # Errors
    /// Which one.
    pub(crate) fn require(self, first: usize) -> Outcome<()> {
        let is_missing = |place: &usize| self.bits & bit(*place) == 0;
        match (0..first).find(is_missing) {
            None => Ok(()),
            Some(place) => {
                let field = self.fields.get(place).copied().unwrap_or_default();
                Err(format!("missing field `{field}`"))
            }
        }
    }
}

/// What becomes of fields that are not in the table.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Others {
    /// They are others' business.
    LeftOut,
    /// They are an error.
    Refused,
}

/// Where reading is.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    place: usize,
    depth: u32,
}

/// Reads a field's value: the table's index says which.
pub(crate) type Field<'r, 'a> = &'r mut dyn FnMut(&mut Reader<'a>, usize) -> Outcome<()>;

/// Reads a text that is one object.
///
/// # Errors
/// What is wrong with it, and where.
pub(crate) fn read<'a>(
    bytes: &'a [u8],
    fields: &'static [&'static str],
    field: Field<'_, 'a>,
) -> Outcome<Seen> {
    let mut reader = Reader {
        bytes,
        place: 0,
        depth: 0,
    };
    let read = reader
        .object(fields, Others::LeftOut, field)
        .and_then(|seen| match reader.next() {
            None => Ok(seen),
            Some(_) => Err("trailing characters".to_string()),
        });
    read.map_err(|what| reader.located(&what))
}

impl<'a> Reader<'a> {
    /// Says where it is as well.
    fn located(&self, what: &dyn Display) -> String {
        let before = self.bytes.get(..self.place).unwrap_or(self.bytes);
        let line_start = before
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |end| end + 1);
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        let column = self.place - line_start;
        format!("{what} at line {line} column {column}")
    }

    /// The next byte that is not white space; it is not taken.
    fn next(&mut self) -> Option<u8> {
        loop {
            match self.bytes.get(self.place) {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.place += 1,
                other => return other.copied(),
            }
        }
    }

    /// Takes the next byte, if it is this one.
    fn takes(&mut self, byte: u8) -> bool {
        let is_next = self.next() == Some(byte);
        self.place += usize::from(is_next);
        is_next
    }

    fn expect(&mut self, byte: u8) -> Outcome<()> {
        if self.takes(byte) {
            return Ok(());
        }
        Err(match self.next() {
            None => "the text ends too early".to_string(),
            Some(_) => format!("expected `{}`", char::from(byte)),
        })
    }

    fn word(&mut self, word: &str) -> bool {
        self.next();
        let rest = self.bytes.get(self.place..).unwrap_or_default();
        let is_next = rest.starts_with(word.as_bytes());
        if is_next {
            self.place += word.len();
        }
        is_next
    }

    /// Takes `null`, if it is next.
    pub(crate) fn null(&mut self) -> bool {
        self.word("null")
    }

    /// Reads an object. What its fields are is read by `field`.
    ///
    /// # Errors
    /// It is none, a field comes twice, or what `field` says.
    #[inline(never)]
    pub(crate) fn object(
        &mut self,
        fields: &'static [&'static str],
        others: Others,
        field: Field<'_, 'a>,
    ) -> Outcome<Seen> {
        let mut seen = Seen { fields, bits: 0 };
        self.members(&mut |reader, key| {
            let Some(place) = fields.iter().position(|field| *field == key) else {
                if others == Others::Refused {
                    return Err(format!("unknown field `{key}`"));
                }
                return reader.skip();
            };
            if seen.bits & bit(place) != 0 {
                return Err(format!("duplicate field `{key}`"));
            }
            seen.bits |= bit(place);
            field(reader, place)
        })?;
        Ok(seen)
    }

    /// Reads an object whose keys are anything.
    ///
    /// # Errors
    /// It is none, or what `member` says.
    #[inline(never)]
    pub(crate) fn members(
        &mut self,
        member: &mut dyn FnMut(&mut Self, Cow<'a, str>) -> Outcome<()>,
    ) -> Outcome<()> {
        self.list(b'{', b'}', &mut |reader| {
            let key = reader.string()?;
            reader.expect(b':')?;
            member(reader, key)
        })
    }

    /// Reads an array.
    ///
    /// # Errors
    /// It is none, or what `element` says.
    pub(crate) fn array(
        &mut self,
        element: &mut dyn FnMut(&mut Self) -> Outcome<()>,
    ) -> Outcome<()> {
        self.list(b'[', b']', element)
    }

    #[inline(never)]
    fn list(
        &mut self,
        open: u8,
        close: u8,
        element: &mut dyn FnMut(&mut Self) -> Outcome<()>,
    ) -> Outcome<()> {
        self.expect(open)?;
        self.depth += 1;
        if self.depth > NESTING_MAX {
            return Err(format!("more than {NESTING_MAX} lists in each other"));
        }
        if !self.takes(close) {
            loop {
                element(self)?;
                if self.takes(close) {
                    break;
                }
                self.expect(b',')?;
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// Reads a text.
    ///
    /// # Errors
    /// It is none.
    pub(crate) fn text(&mut self) -> Outcome<String> {
        self.string().map(Cow::into_owned)
    }

    /// Reads a text or `null`.
    ///
    /// # Errors
    /// It is neither.
    pub(crate) fn optional_text(&mut self) -> Outcome<Option<String>> {
        if self.null() {
            return Ok(None);
        }
        self.text().map(Some)
    }

    /// Reads an array of texts.
    ///
    /// # Errors
    /// It is none.
    #[inline(never)]
    pub(crate) fn texts(&mut self) -> Outcome<Vec<String>> {
        let mut texts = Vec::new();
        self.array(&mut |reader| {
            texts.push(reader.text()?);
            Ok(())
        })?;
        Ok(texts)
    }

    /// Reads an object whose values are texts.
    ///
    /// # Errors
    /// It is none.
    #[inline(never)]
    pub(crate) fn annotations(&mut self) -> Outcome<Annotations> {
        let mut annotations = Annotations::new();
        self.members(&mut |reader, key| {
            let value = reader.text()?;
            annotations.insert(key.into_owned(), value);
            Ok(())
        })?;
        Ok(annotations)
    }

    /// Reads a whole number that is not negative.
    ///
    /// # Errors
    /// It is none.
    #[inline(never)]
    pub(crate) fn number(&mut self) -> Outcome<u64> {
        const WRONG: &str = "expected a whole number that is not negative";
        self.next();
        let start = self.place;
        self.skip_number()?;
        let digits = self.bytes.get(start..self.place).unwrap_or_default();
        let digits = core::str::from_utf8(digits).unwrap_or_default();
        digits.parse().map_err(|_| WRONG.to_string())
    }

    /// Reads a number of 32 bits.
    ///
    /// # Errors
    /// It is none.
    pub(crate) fn small_number(&mut self) -> Outcome<u32> {
        let number = self.number()?;
        u32::try_from(number).map_err(|_| format!("the number {number} is too large"))
    }

    /// Reads a number or `null`.
    ///
    /// # Errors
    /// It is neither.
    pub(crate) fn optional_number(&mut self) -> Outcome<Option<u64>> {
        if self.null() {
            return Ok(None);
        }
        self.number().map(Some)
    }

    /// The text that comes next; without a copy where it has no escapes.
    #[inline(never)]
    fn string(&mut self) -> Outcome<Cow<'a, str>> {
        if self.next() != Some(b'"') {
            return Err("expected a text".to_string());
        }
        self.place += 1;
        let mut decoded = String::new();
        loop {
            let piece = self.plain()?;
            let is_end = self.bytes.get(self.place) == Some(&b'"');
            self.place += 1;
            if is_end {
                if decoded.is_empty() {
                    return Ok(Cow::Borrowed(piece));
                }
                decoded.push_str(piece);
                return Ok(Cow::Owned(decoded));
            }
            decoded.push_str(piece);
            decoded.push(self.escaped()?);
        }
    }

    /// What stands before the next quotation mark or backslash.
    fn plain(&mut self) -> Outcome<&'a str> {
        let start = self.place;
        loop {
            match self.bytes.get(self.place) {
                None => return Err("the text ends too early".to_string()),
                Some(b'"' | b'\\') => break,
                Some(..b' ') => return Err("a control character is in a text".to_string()),
                Some(_) => self.place += 1,
            }
        }
        let piece = self.bytes.get(start..self.place).unwrap_or_default();
        core::str::from_utf8(piece).map_err(|_| "a text is not UTF-8".to_string())
    }

    /// The character behind a backslash.
    fn escaped(&mut self) -> Outcome<char> {
        let kind = self.bytes.get(self.place).copied();
        self.place += 1;
        let escaped = match kind {
            Some(plain @ (b'"' | b'\\' | b'/')) => Some(char::from(plain)),
            Some(b'b') => Some('\u{8}'),
            Some(b'f') => Some('\u{c}'),
            Some(b'n') => Some('\n'),
            Some(b'r') => Some('\r'),
            Some(b't') => Some('\t'),
            Some(b'u') => self.unicode(),
            _ => None,
        };
        escaped.ok_or_else(|| "an escape in a text is wrong".to_string())
    }

    /// A character by its number in UTF-16, of one or two units.
    fn unicode(&mut self) -> Option<char> {
        let first = self.unit()?;
        if !(0xd800..0xdc00).contains(&first) {
            return char::from_u32(first);
        }
        if self.bytes.get(self.place..self.place + 2)? != b"\\u" {
            return None;
        }
        self.place += 2;
        let second = self.unit()?;
        if !(0xdc00..0xe000).contains(&second) {
            return None;
        }
        char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00))
    }

    fn unit(&mut self) -> Option<u32> {
        let digits = self.bytes.get(self.place..self.place + 4)?;
        self.place += 4;
        digits.iter().try_fold(0, |unit, digit| {
            Some(unit << 4 | char::from(*digit).to_digit(16)?)
        })
    }

    fn digits(&mut self) -> Outcome<()> {
        let start = self.place;
        while self.bytes.get(self.place).is_some_and(u8::is_ascii_digit) {
            self.place += 1;
        }
        if self.place == start {
            return Err("expected a number".to_string());
        }
        Ok(())
    }

    fn skip_number(&mut self) -> Outcome<()> {
        let at = |reader: &Self| reader.bytes.get(reader.place).copied();
        self.place += usize::from(at(self) == Some(b'-'));
        let is_zero = at(self) == Some(b'0');
        let start = self.place;
        self.digits()?;
        if is_zero && self.place > start + 1 {
            return Err("a number begins with 0".to_string());
        }
        if at(self) == Some(b'.') {
            self.place += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = at(self) {
            self.place += 1;
            self.place += usize::from(matches!(at(self), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(())
    }

    /// Leaves out a value, whatever it is.
    ///
    /// # Errors
    /// It is no JSON.
    #[inline(never)]
    pub(crate) fn skip(&mut self) -> Outcome<()> {
        match self.next() {
            Some(b'{') => self.members(&mut |reader, _| reader.skip()),
            Some(b'[') => self.array(&mut Self::skip),
            Some(b'"') => self.string().map(drop),
            Some(b'-' | b'0'..=b'9') => self.skip_number(),
            _ if self.word("true") || self.word("false") || self.null() => Ok(()),
            None => Err("the text ends too early".to_string()),
            Some(_) => Err("expected a value".to_string()),
        }
    }
}

/// A table has fewer fields than this has bits.
const fn bit(place: usize) -> u32 {
    1 << (place & 31)
}
