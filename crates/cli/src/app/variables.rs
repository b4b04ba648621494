//! Variables from outside an app's file: of the environment, and of files with a line for each.

use std::collections::BTreeMap;

/// Variables by name: the environment's count before the file's.
pub(super) struct Variables<'a> {
    environment: &'a dyn Fn(&str) -> Option<String>,
    file: BTreeMap<String, String>,
}

impl<'a> Variables<'a> {
    pub(super) fn new(environment: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self {
            environment,
            file: BTreeMap::new(),
        }
    }

    /// The same with those of a file's text.
    pub(super) fn with_file(
        environment: &'a dyn Fn(&str) -> Option<String>,
        text: &str,
    ) -> Result<Self, String> {
        Ok(Self {
            environment,
            file: read(text)?.into_iter().collect(),
        })
    }

    pub(super) fn find(&self, name: &str) -> Option<String> {
        (self.environment)(name).or_else(|| self.file.get(name).cloned())
    }
}

/// Whether a variable can be called so.
pub(super) fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Reads `NAME=VALUE` lines: empty ones and those that begin with `#` do not count, `export` before a name does nothing, a
/// value may be in quotes.
pub(super) fn read(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut variables = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let wrong = |reason: &str| format!("line {}: {reason}", index + 1);
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        let (name, value) = line
            .split_once('=')
            .ok_or_else(|| wrong("write NAME=VALUE"))?;
        let name = name.trim();
        if !is_name(name) {
            return Err(wrong(
                "a variable's name has letters, digits and `_`, and does not begin with a digit",
            ));
        }
        let value = unquoted(value.trim()).ok_or_else(|| {
            wrong("the value begins with a quote and does not end with it; put all of it in quotes")
        })?;
        variables.push((name.to_owned(), value));
    }
    Ok(variables)
}

fn unquoted(value: &str) -> Option<String> {
    if let Some(rest) = value.strip_prefix('\'') {
        return inside(rest, '\'').map(str::to_owned);
    }
    if let Some(rest) = value.strip_prefix('"') {
        return double_quoted(rest);
    }
    // A comment begins behind a space.
    let end = value.find(" #").unwrap_or(value.len());
    Some(value.get(..end)?.trim_end().to_owned())
}

/// What stands before a quote, if nothing but a comment stands behind it.
fn inside(rest: &str, quote: char) -> Option<&str> {
    let (value, behind) = rest.split_once(quote)?;
    is_comment(behind).then_some(value)
}

fn double_quoted(rest: &str) -> Option<String> {
    let mut value = String::new();
    let mut characters = rest.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => return is_comment(characters.as_str()).then_some(value),
            '\\' => match characters.next()? {
                'n' => value.push('\n'),
                't' => value.push('\t'),
                'r' => value.push('\r'),
                other @ ('"' | '\\' | '$') => value.push(other),
                other => {
                    value.push('\\');
                    value.push(other);
                }
            },
            _ => value.push(character),
        }
    }
    None
}

fn is_comment(text: &str) -> bool {
    let text = text.trim_start();
    text.is_empty() || text.starts_with('#')
}
