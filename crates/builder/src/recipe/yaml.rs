//! YAML without what makes it dangerous: no anchors, no aliases, no tags, one document, bounded depth and size.

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::error::RecipeProblem;

/// Maps and lists inside each other at most.
const DEPTH_MAX: usize = 8;
/// Values of a recipe at most, keys counted.
const VALUES_MAX: usize = 16_384;

/// What is wrong, and in which line.
pub(super) type Wrong = (usize, RecipeProblem);

/// A value and where it stands.
#[derive(Debug)]
pub(super) struct Node {
    /// The line, from 1.
    pub(super) line: usize,
    /// The value.
    pub(super) value: Value,
}

/// A value as it is written.
#[derive(Debug)]
pub(super) enum Value {
    /// A text.
    Text(String),
    /// Nothing, `~` or `null`, not in quotes.
    Null,
    /// A list.
    List(Vec<Node>),
    /// A map in its order, each key once.
    Map(Vec<(Key, Node)>),
}

/// A key and where it stands.
#[derive(Debug)]
pub(super) struct Key {
    /// The line, from 1.
    pub(super) line: usize,
    /// The key.
    pub(super) text: String,
}

impl Node {
    /// Whether it is a map that has this key.
    pub(super) fn has_key(&self, name: &str) -> bool {
        matches!(&self.value, Value::Map(entries) if entries.iter().any(|(key, _)| key.text == name))
    }
}

/// Reads a document. An empty one is a map without entries.
pub(super) fn parse(text: &str) -> Result<Node, Wrong> {
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        values: 0,
    };
    let mut root = None;
    loop {
        let (event, line) = reader.next()?;
        match event {
            Event::StreamStart | Event::DocumentEnd | Event::Nothing => {}
            Event::DocumentStart(_) if root.is_none() => {
                let (event, line) = reader.next()?;
                root = Some(reader.node(event, line, 0)?);
            }
            Event::DocumentStart(_) => {
                return Err((
                    line,
                    RecipeProblem::Unsupported {
                        what: "a second document",
                    },
                ));
            }
            _ => break,
        }
    }
    Ok(root.unwrap_or(Node {
        line: 1,
        value: Value::Null,
    }))
}

struct Reader<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    values: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, usize), Wrong> {
        match self.parser.next_event() {
            Some(Ok((event, Span { start, .. }))) => Ok((event, start.line().max(1))),
            Some(Err(error)) => Err((
                error.marker().line().max(1),
                RecipeProblem::Syntax {
                    reason: error.info().to_owned(),
                },
            )),
            None => Ok((Event::StreamEnd, 1)),
        }
    }

    fn node(&mut self, event: Event<'a>, line: usize, depth: usize) -> Result<Node, Wrong> {
        self.values += 1;
        if self.values > VALUES_MAX {
            return Err((line, too_much("values", VALUES_MAX)));
        }
        if depth > DEPTH_MAX {
            return Err((
                line,
                too_much("maps and lists inside each other", DEPTH_MAX),
            ));
        }
        let unsupported = |what| Err((line, RecipeProblem::Unsupported { what }));
        let value = match event {
            Event::Alias(_) => return unsupported("aliases"),
            Event::Scalar(_, _, _, Some(_))
            | Event::SequenceStart(_, Some(_))
            | Event::MappingStart(_, Some(_)) => return unsupported("tags"),
            Event::Scalar(_, _, 1.., _)
            | Event::SequenceStart(1.., _)
            | Event::MappingStart(1.., _) => return unsupported("anchors"),
            Event::Scalar(text, style, ..) => match (style, &*text) {
                (ScalarStyle::Plain, "" | "~" | "null" | "Null" | "NULL") => Value::Null,
                _ => Value::Text(text.into_owned()),
            },
            Event::SequenceStart(..) => self.list(depth)?,
            Event::MappingStart(..) => self.map(depth)?,
            _ => {
                return Err((
                    line,
                    RecipeProblem::Syntax {
                        reason: "a value is missing".into(),
                    },
                ));
            }
        };
        Ok(Node { line, value })
    }

    fn list(&mut self, depth: usize) -> Result<Value, Wrong> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Value::List(items)),
                (event, line) => items.push(self.node(event, line, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, Wrong> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        let mut known = std::collections::BTreeSet::new();
        loop {
            let (event, line) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(Value::Map(entries));
            }
            let Value::Text(text) = self.node(event, line, depth + 1)?.value else {
                return Err((
                    line,
                    RecipeProblem::Unsupported {
                        what: "keys that are not texts",
                    },
                ));
            };
            if !known.insert(text.clone()) {
                return Err((line, RecipeProblem::Duplicate { key: text }));
            }
            let (event, value_line) = self.next()?;
            let node = self.node(event, value_line, depth + 1)?;
            entries.push((Key { line, text }, node));
        }
    }
}

fn too_much(what: &'static str, max: usize) -> RecipeProblem {
    RecipeProblem::TooMuch { what, max }
}
