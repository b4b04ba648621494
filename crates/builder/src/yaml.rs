//! YAML without what makes it dangerous: no anchors, no aliases, no tags, one document, bounded depth and size.
//!
//! Owns the way from a text to values with their places, and what takes the keys of a map one by one. What the values
//! mean is for whoever reads them.

mod fields;
mod problem;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span};

pub use fields::{Fields, map, near, text, value};
pub use problem::{Place, Problem, Wrong};

/// Maps and lists inside each other at most.
const DEPTH_MAX: usize = 8;
/// Values of a document at most, keys counted.
const VALUES_MAX: usize = 16_384;

/// A value and where it stands.
#[derive(Debug)]
pub struct Node {
    /// Where it begins.
    pub place: Place,
    /// The value.
    pub value: Value,
}

/// A value as it is written.
#[derive(Debug)]
pub enum Value {
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
pub struct Key {
    /// Where it begins.
    pub place: Place,
    /// The key.
    pub text: String,
}

impl Node {
    /// Whether it is a map that has this key.
    #[must_use]
    pub fn has_key(&self, name: &str) -> bool {
        matches!(&self.value, Value::Map(entries) if entries.iter().any(|(key, _)| key.text == name))
    }
}

/// Reads a document. An empty one is nothing.
///
/// # Errors
/// [`Wrong`] says what is wrong and where.
pub fn parse(text: &str) -> Result<Node, Wrong> {
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        values: 0,
    };
    let mut root = None;
    loop {
        let (event, place) = reader.next()?;
        match event {
            Event::StreamStart | Event::DocumentEnd | Event::Nothing => {}
            Event::DocumentStart(_) if root.is_none() => {
                let (event, place) = reader.next()?;
                root = Some(reader.node(event, place, 0)?);
            }
            Event::DocumentStart(_) => {
                return Err(place.refused("there is a second document; a file has one"));
            }
            _ => break,
        }
    }
    Ok(root.unwrap_or(Node {
        place: Place::START,
        value: Value::Null,
    }))
}

struct Reader<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    values: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Place), Wrong> {
        match self.parser.next_event() {
            Some(Ok((event, Span { start, .. }))) => Ok((event, place(&start))),
            Some(Err(error)) => Err(place(error.marker()).wrong(Problem::Syntax {
                reason: error.info().to_owned(),
            })),
            None => Ok((Event::StreamEnd, Place::START)),
        }
    }

    fn node(&mut self, event: Event<'a>, place: Place, depth: usize) -> Result<Node, Wrong> {
        self.values += 1;
        let too_much = |what, max| Err(place.wrong(Problem::TooMuch { what, max }));
        if self.values > VALUES_MAX {
            return too_much("values", VALUES_MAX);
        }
        if depth > DEPTH_MAX {
            return too_much("maps and lists inside each other", DEPTH_MAX);
        }
        let value = match event {
            Event::Alias(_) => return Err(place.unsupported("aliases")),
            Event::Scalar(_, _, _, Some(_))
            | Event::SequenceStart(_, Some(_))
            | Event::MappingStart(_, Some(_)) => return Err(place.unsupported("tags")),
            Event::Scalar(_, _, 1.., _)
            | Event::SequenceStart(1.., _)
            | Event::MappingStart(1.., _) => return Err(place.unsupported("anchors")),
            Event::Scalar(text, style, ..) => match (style, &*text) {
                (ScalarStyle::Plain, "" | "~" | "null" | "Null" | "NULL") => Value::Null,
                _ => Value::Text(text.into_owned()),
            },
            Event::SequenceStart(..) => self.list(depth)?,
            Event::MappingStart(..) => self.map(depth)?,
            _ => {
                return Err(place.wrong(Problem::Syntax {
                    reason: "a value is missing".into(),
                }));
            }
        };
        Ok(Node { place, value })
    }

    fn list(&mut self, depth: usize) -> Result<Value, Wrong> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Value::List(items)),
                (event, place) => items.push(self.node(event, place, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, Wrong> {
        let mut entries: Vec<(Key, Node)> = Vec::new();
        let mut known = std::collections::BTreeSet::new();
        loop {
            let (event, place) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(Value::Map(entries));
            }
            let Value::Text(text) = self.node(event, place, depth + 1)?.value else {
                return Err(place.unsupported("keys that are not texts"));
            };
            if !known.insert(text.clone()) {
                return Err(place.wrong(Problem::Duplicate { key: text }));
            }
            let (event, value_place) = self.next()?;
            let node = self.node(event, value_place, depth + 1)?;
            entries.push((Key { place, text }, node));
        }
    }
}

fn place(marker: &Marker) -> Place {
    Place {
        line: marker.line().max(1),
        column: marker.col() + 1,
    }
}
