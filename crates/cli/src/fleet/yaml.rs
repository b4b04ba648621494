//! From a YAML file to a type of the hub's interface, with file, line and column of whatever is wrong.
//!
//! YAML's texts have no types: each is read as what the place for it takes, so that `version: 1.0` is a text and `count: 3` a
//! number. Whatever the type does not know is an error.

use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use serde::de::value::StringDeserializer;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer,
    MapAccess, SeqAccess, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use thimble_builder::yaml::{self, Key, Node, Place, Value};

use crate::failure::Failure;

/// Bytes of a file at most.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Reads a file.
pub(super) fn load<T: DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    let node = parse(path)?;
    typed(path, node)
}

/// Reads a file's values with their places.
pub(super) fn parse(path: &Path) -> Result<Node, Failure> {
    let text = read(path).map_err(|reason| Failure::Settings {
        path: path.to_owned(),
        reason,
    })?;
    yaml::parse(&text).map_err(|wrong| Failure::Written {
        path: path.to_owned(),
        place: wrong.place,
        reason: wrong.problem.to_string(),
    })
}

/// Reads values as a type.
pub(super) fn typed<T: DeserializeOwned>(path: &Path, node: Node) -> Result<T, Failure> {
    let place = node.place;
    T::deserialize(Values(node)).map_err(|wrong| Failure::Written {
        path: path.to_owned(),
        place: wrong.place.unwrap_or(place),
        reason: wrong.reason,
    })
}

fn read(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|error| match error.kind() {
            ErrorKind::NotFound => "there is no such file".to_owned(),
            _ => format!("cannot be read: {error}"),
        })?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err("it has more than 1 MiB".to_owned());
    }
    String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())
}

/// What is wrong, and where as soon as that is known.
#[derive(Debug)]
struct Wrong {
    place: Option<Place>,
    reason: String,
}

impl Wrong {
    fn at(mut self, place: Place) -> Self {
        self.place.get_or_insert(place);
        self
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.reason)
    }
}

impl std::error::Error for Wrong {}

impl serde::de::Error for Wrong {
    fn custom<T: fmt::Display>(reason: T) -> Self {
        Self {
            place: None,
            reason: reason.to_string(),
        }
    }
}

struct Values(Node);

impl Values {
    fn parsed<T: std::str::FromStr>(&self, expected: &str) -> Result<T, Wrong> {
        let found = match &self.0.value {
            Value::Text(text) => text.parse().ok(),
            _ => None,
        };
        found.ok_or_else(|| Wrong::custom(format_args!("must be {expected}")).at(self.0.place))
    }
}

macro_rules! numbers {
    ($($method:ident, $visit:ident, $type:ty, $expected:expr;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
            let place = self.0.place;
            visitor.$visit(self.parsed::<$type>($expected)?).map_err(|wrong: Wrong| wrong.at(place))
        })*
    };
}

const WHOLE: &str = "a whole number that is not negative, and not too large";
const SIGNED: &str = "a whole number, and not too large";

impl<'de> Deserializer<'de> for Values {
    type Error = Wrong;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        let place = self.0.place;
        let visited = match self.0.value {
            Value::Null => visitor.visit_unit(),
            Value::Text(text) => visitor.visit_string(text),
            Value::List(items) => visitor.visit_seq(Items(items.into_iter())),
            Value::Map(entries) => visitor.visit_map(Entries {
                entries: entries.into_iter(),
                value: None,
            }),
        };
        visited.map_err(|wrong: Wrong| wrong.at(place))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        match self.0.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        let place = self.0.place;
        match self.0.value {
            Value::Text(text) => visitor.visit_enum(Word(text)),
            _ => Err(Wrong::custom("must be one word")),
        }
        .map_err(|wrong: Wrong| wrong.at(place))
    }

    // A map or list without entries is often written with nothing behind its key.
    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        let place = self.0.place;
        match self.0.value {
            Value::Null => Self(Node {
                place,
                value: Value::Map(Vec::new()),
            }),
            _ => self,
        }
        .deserialize_any(visitor)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Wrong> {
        let place = self.0.place;
        match self.0.value {
            Value::Null => Self(Node {
                place,
                value: Value::List(Vec::new()),
            }),
            _ => self,
        }
        .deserialize_any(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Wrong> {
        self.deserialize_map(visitor)
    }

    numbers! {
        deserialize_bool, visit_bool, bool, "true or false";
        deserialize_i8, visit_i8, i8, SIGNED;
        deserialize_i16, visit_i16, i16, SIGNED;
        deserialize_i32, visit_i32, i32, SIGNED;
        deserialize_i64, visit_i64, i64, SIGNED;
        deserialize_u8, visit_u8, u8, WHOLE;
        deserialize_u16, visit_u16, u16, WHOLE;
        deserialize_u32, visit_u32, u32, WHOLE;
        deserialize_u64, visit_u64, u64, WHOLE;
    }

    forward_to_deserialize_any! {
        i128 u128 f32 f64 char str string bytes byte_buf unit unit_struct newtype_struct tuple
        tuple_struct identifier ignored_any
    }
}

struct Items(std::vec::IntoIter<Node>);

impl<'de> SeqAccess<'de> for Items {
    type Error = Wrong;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Wrong> {
        self.0
            .next()
            .map(|node| seed.deserialize(Values(node)))
            .transpose()
    }
}

struct Entries {
    entries: std::vec::IntoIter<(Key, Node)>,
    value: Option<Node>,
}

impl<'de> MapAccess<'de> for Entries {
    type Error = Wrong;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Wrong> {
        let Some((key, node)) = self.entries.next() else {
            return Ok(None);
        };
        self.value = Some(node);
        let name: StringDeserializer<Wrong> = key.text.into_deserializer();
        seed.deserialize(name)
            .map(Some)
            .map_err(|wrong| wrong.at(key.place))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Wrong> {
        match self.value.take() {
            Some(node) => seed.deserialize(Values(node)),
            None => Err(Wrong::custom("a value is missing")),
        }
    }
}

struct Word(String);

impl<'de> EnumAccess<'de> for Word {
    type Error = Wrong;
    type Variant = Alone;

    fn variant_seed<V: DeserializeSeed<'de>>(
        self,
        seed: V,
    ) -> Result<(V::Value, Self::Variant), Wrong> {
        let name: StringDeserializer<Wrong> = self.0.into_deserializer();
        Ok((seed.deserialize(name)?, Alone))
    }
}

/// A word that has nothing with it.
struct Alone;

impl<'de> VariantAccess<'de> for Alone {
    type Error = Wrong;

    fn unit_variant(self) -> Result<(), Wrong> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, Wrong> {
        Err(Wrong::custom("must be one word"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Wrong> {
        Err(Wrong::custom("must be one word"))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Wrong> {
        Err(Wrong::custom("must be one word"))
    }
}
