//! A line as words: quotes as in other shells, without variables and patterns.

use alloc::string::String;
use alloc::vec::Vec;

/// Splits a line into words.
///
/// # Errors
/// A quote is not closed, or a backslash is the last character.
pub(super) fn split(line: &str) -> Result<Vec<String>, &'static str> {
    let mut words = Vec::new();
    let mut characters = line.trim_ascii().chars();
    let mut word: Option<String> = None;
    while let Some(character) = characters.next() {
        match character {
            ' ' => words.extend(word.take()),
            quote @ ('\'' | '"') => {
                let word = word.get_or_insert_default();
                quoted(quote, word, &mut characters)?;
            }
            '\\' => {
                let next = characters
                    .next()
                    .ok_or("there is nothing behind the backslash")?;
                word.get_or_insert_default().push(next);
            }
            character => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    Ok(words)
}

fn quoted(
    quote: char,
    word: &mut String,
    characters: &mut core::str::Chars<'_>,
) -> Result<(), &'static str> {
    const OPEN: &str = "a quote is not closed";
    loop {
        match characters.next().ok_or(OPEN)? {
            character if character == quote => return Ok(()),
            '\\' if quote == '"' => word.push(characters.next().ok_or(OPEN)?),
            character => word.push(character),
        }
    }
}
