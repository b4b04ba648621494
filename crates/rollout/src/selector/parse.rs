//! Reads selectors, character by character.

use alloc::string::String;
use alloc::vec::Vec;
use core::iter::Peekable;
use core::str::Chars;

use super::{
    REQUIREMENTS_MAX, Requirement, SelectorError, SelectorFault, TEXT_BYTES_MAX, Test, VALUES_MAX,
};
use crate::label::{KEY_BYTES_MAX, VALUE_BYTES_MAX, is_word_character};

/// Where in the text the reader is.
struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
    position: usize,
}

/// Reads all of a selector.
pub(super) fn selector(text: &str) -> Result<Vec<Requirement>, SelectorError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(SelectorError {
            position: 1,
            fault: SelectorFault::TooLong { bytes: text.len() },
        });
    }
    let mut reader = Reader {
        rest: text.chars().peekable(),
        position: 1,
    };
    let mut requirements = Vec::new();
    reader.skip_spaces();
    if reader.peek().is_none() {
        return Ok(requirements);
    }
    loop {
        if requirements.len() == REQUIREMENTS_MAX {
            return Err(reader.fault(SelectorFault::TooManyRequirements));
        }
        requirements.push(reader.requirement()?);
        reader.skip_spaces();
        match reader.peek() {
            None => return Ok(requirements),
            Some(',') => reader.next(),
            Some(_) => return Err(reader.expected("a comma or the end")),
        }
    }
}

impl Reader<'_> {
    fn requirement(&mut self) -> Result<Requirement, SelectorError> {
        self.skip_spaces();
        if self.take('!') {
            self.skip_spaces();
            let key = self.key()?;
            return Ok(Requirement {
                key,
                test: Test::Absent,
            });
        }
        let key = self.key()?;
        self.skip_spaces();
        let test = match self.peek() {
            None | Some(',') => Test::Exists,
            Some('=') => {
                self.next();
                self.take('=');
                Test::In(self.one_value()?)
            }
            Some('!') => {
                self.next();
                if !self.take('=') {
                    return Err(self.expected("= after !"));
                }
                Test::NotIn(self.one_value()?)
            }
            Some(_) => self.set()?,
        };
        Ok(Requirement { key, test })
    }

    /// Reads `in (A,B)` or `notin (A,B)`.
    fn set(&mut self) -> Result<Test, SelectorError> {
        const EXPECTED: &str = "=, !=, in, notin, a comma or the end";
        let begin = self.position;
        let found = self.peek();
        let word = self.word(KEY_BYTES_MAX, EXPECTED)?;
        let is_in = match word.as_str() {
            "in" => true,
            "notin" => false,
            _ => {
                return Err(SelectorError {
                    position: begin,
                    fault: SelectorFault::Expected {
                        expected: EXPECTED,
                        found,
                    },
                });
            }
        };
        let values = self.values()?;
        Ok(if is_in {
            Test::In(values)
        } else {
            Test::NotIn(values)
        })
    }

    fn values(&mut self) -> Result<Vec<String>, SelectorError> {
        self.skip_spaces();
        if !self.take('(') {
            return Err(self.expected("( and values"));
        }
        let mut values = Vec::new();
        loop {
            if values.len() == VALUES_MAX {
                return Err(self.fault(SelectorFault::TooManyValues));
            }
            self.skip_spaces();
            values.push(self.value()?);
            self.skip_spaces();
            if self.take(')') {
                return Ok(values);
            }
            if !self.take(',') {
                return Err(self.expected("a comma or )"));
            }
        }
    }

    fn one_value(&mut self) -> Result<Vec<String>, SelectorError> {
        self.skip_spaces();
        Ok(alloc::vec![self.value()?])
    }

    fn value(&mut self) -> Result<String, SelectorError> {
        if self.peek() != Some('"') {
            return self.word(VALUE_BYTES_MAX, "a value");
        }
        let begin = self.position;
        self.next();
        let mut value = String::new();
        loop {
            match self.peek() {
                None => {
                    return Err(SelectorError {
                        position: begin,
                        fault: SelectorFault::OpenQuote,
                    });
                }
                Some('"') => {
                    self.next();
                    return self.sized(value, begin, VALUE_BYTES_MAX);
                }
                Some(character) if character.is_control() => {
                    return Err(self.expected("a character that can be shown"));
                }
                Some(character) => {
                    value.push(character);
                    self.next();
                }
            }
        }
    }

    fn key(&mut self) -> Result<String, SelectorError> {
        self.word(KEY_BYTES_MAX, "a label's key")
    }

    fn word(&mut self, bytes_max: usize, expected: &'static str) -> Result<String, SelectorError> {
        let begin = self.position;
        let mut word = String::new();
        while let Some(character) = self.peek().filter(|one| is_word_character(*one)) {
            word.push(character);
            self.next();
        }
        if word.is_empty() {
            return Err(self.expected(expected));
        }
        self.sized(word, begin, bytes_max)
    }

    #[expect(clippy::unused_self, reason = "it reads as the other steps do")]
    fn sized(
        &self,
        word: String,
        position: usize,
        bytes_max: usize,
    ) -> Result<String, SelectorError> {
        if word.len() > bytes_max {
            let bytes = word.len();
            return Err(SelectorError {
                position,
                fault: SelectorFault::WordTooLong { bytes, bytes_max },
            });
        }
        Ok(word)
    }

    fn skip_spaces(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.next();
        }
    }

    fn take(&mut self, character: char) -> bool {
        let is_here = self.peek() == Some(character);
        if is_here {
            self.next();
        }
        is_here
    }

    fn peek(&mut self) -> Option<char> {
        self.rest.peek().copied()
    }

    fn next(&mut self) {
        self.rest.next();
        self.position += 1;
    }

    fn expected(&mut self, expected: &'static str) -> SelectorError {
        let found = self.peek();
        self.fault(SelectorFault::Expected { expected, found })
    }

    const fn fault(&self, fault: SelectorFault) -> SelectorError {
        SelectorError {
            position: self.position,
            fault,
        }
    }
}
