//! Puts variables into values: `$NAME`, `${NAME}`, `${NAME:-otherwise}` and its kin, as compose does. A `$` that stands
//! for itself is written `$$`. A variable that is not set is an error, not nothing.

use thimble_builder::yaml::{Node, Value, Wrong};

use super::variables::{Variables, is_name};

/// `${` inside each other at most.
const DEPTH_MAX: usize = 8;
/// Bytes of all values of a file at most.
const TEXT_BYTES_MAX: usize = 1 << 20;

/// Puts variables into every value; keys stay as they are.
pub(super) fn expand(node: &mut Node, variables: &Variables<'_>) -> Result<(), Wrong> {
    let mut left = TEXT_BYTES_MAX;
    expand_node(node, variables, &mut left)
}

fn expand_node(node: &mut Node, variables: &Variables<'_>, left: &mut usize) -> Result<(), Wrong> {
    match &mut node.value {
        Value::Text(text) => {
            if text.contains('$') {
                *text = Expansion {
                    variables,
                    left: *left,
                }
                .text(text, 0)
                .map_err(|reason| node.place.refused(reason))?;
            }
            *left = left.checked_sub(text.len()).ok_or_else(|| {
                node.place.refused(format!(
                    "all values together have more than {} KiB",
                    TEXT_BYTES_MAX >> 10
                ))
            })?;
            Ok(())
        }
        Value::Null => Ok(()),
        Value::List(items) => items
            .iter_mut()
            .try_for_each(|item| expand_node(item, variables, left)),
        Value::Map(entries) => entries
            .iter_mut()
            .try_for_each(|(_, item)| expand_node(item, variables, left)),
    }
}

struct Expansion<'a> {
    variables: &'a Variables<'a>,
    left: usize,
}

impl Expansion<'_> {
    fn text(&self, text: &str, depth: usize) -> Result<String, String> {
        if depth > DEPTH_MAX {
            return Err(format!(
                "there may be at most {DEPTH_MAX} `${{` inside each other"
            ));
        }
        let mut expanded = String::new();
        let mut rest = text;
        while let Some((before, behind)) = rest.split_once('$') {
            expanded.push_str(before);
            if let Some(behind) = behind.strip_prefix('$') {
                expanded.push('$');
                rest = behind;
            } else if let Some(behind) = behind.strip_prefix('{') {
                let end = closing(behind)
                    .ok_or("a `${` has no `}`; write `$$` for a `$` that stands for itself")?;
                let (inside, behind) = behind.split_at(end);
                expanded.push_str(&self.braces(inside, depth)?);
                rest = behind.strip_prefix('}').unwrap_or(behind);
            } else {
                let end = behind
                    .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                    .unwrap_or(behind.len());
                let (name, behind) = behind.split_at(end);
                expanded.push_str(&self.variable(name)?);
                rest = behind;
            }
            if expanded.len() > self.left {
                return Err(format!(
                    "all values together have more than {} KiB",
                    TEXT_BYTES_MAX >> 10
                ));
            }
        }
        expanded.push_str(rest);
        Ok(expanded)
    }

    fn variable(&self, name: &str) -> Result<String, String> {
        check(name)?;
        self.variables.find(name).ok_or_else(|| not_set(name))
    }

    /// What stands between braces: a name, and what counts when it is set, empty or not.
    fn braces(&self, inside: &str, depth: usize) -> Result<String, String> {
        let end = inside
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(inside.len());
        let (name, operator) = inside.split_at(end);
        check(name)?;
        let (needs_text, operator) = match operator.strip_prefix(':') {
            Some(operator) => (true, operator),
            None => (false, operator),
        };
        let found = self.variables.find(name);
        let set = found.filter(|value| !needs_text || !value.is_empty());
        let mut characters = operator.chars();
        let sign = characters.next();
        let word = characters.as_str();
        match (sign, set) {
            (None, _) if needs_text => Err(odd(inside)),
            (None | Some('-' | '?'), Some(value)) => Ok(value),
            (None, None) => Err(not_set(name)),
            (Some('-'), None) | (Some('+'), Some(_)) => self.text(word, depth + 1),
            (Some('+'), None) => Ok(String::new()),
            (Some('?'), None) if word.is_empty() => Err(not_set(name)),
            (Some('?'), None) => Err(format!(
                "the variable {name} is not set: {}",
                self.text(word, depth + 1)?
            )),
            (Some(_), _) => Err(odd(inside)),
        }
    }
}

fn check(name: &str) -> Result<(), String> {
    if is_name(name) {
        return Ok(());
    }
    Err(
        "behind a `$` stands the name of a variable; write `$$` for a `$` that stands for itself"
            .into(),
    )
}

fn not_set(name: &str) -> String {
    format!(
        "the variable {name} is not set; set it, write it into .env, or write ${{{name}:-DEFAULT}}"
    )
}

fn odd(inside: &str) -> String {
    format!(
        "`${{{inside}}}` is not understood; write ${{NAME}}, ${{NAME:-DEFAULT}} or ${{NAME:?MESSAGE}}"
    )
}

/// Where the brace that was opened is closed.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    let mut before = '\0';
    for (place, character) in text.char_indices() {
        match character {
            '{' if before == '$' => depth += 1,
            '}' if depth == 0 => return Some(place),
            '}' => depth -= 1,
            _ => {}
        }
        // In `$$` the second `$` opens nothing.
        before = if character == '$' && before == '$' {
            '\0'
        } else {
            character
        };
    }
    None
}
