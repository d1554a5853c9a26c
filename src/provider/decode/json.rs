//! Strict JSON.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::map::Entry;
use serde_json::{Error, Map, Number, Value};

use super::error::utf8;
use super::repair::repaired;
use super::{BYTE_ORDER_MARK, Budget, DecodeError, Format, MAX_DEPTH};

/// Reads one JSON text and nothing after it.
///
/// Numbers keep the digits they were written with, an exponent its value (`1E5`
/// becomes `1e+5`).
///
/// # Errors
/// A duplicate member, invalid UTF-8 (also as a lone surrogate in an escape), a
/// byte order mark, trailing bytes, too deep or too many values.
pub fn strict_json(bytes: &[u8]) -> Result<Value, DecodeError> {
    if bytes.starts_with(BYTE_ORDER_MARK) {
        return Err(DecodeError::ByteOrderMark);
    }
    parse(utf8(bytes)?)
}

/// [`strict_json`], which bears with strings that were not escaped as they should be.
pub(super) fn decode(body: &[u8]) -> Result<Value, DecodeError> {
    parse_repaired(utf8(body)?)
}

pub(super) fn parse_repaired(text: &str) -> Result<Value, DecodeError> {
    match parse(text) {
        Err(error @ DecodeError::Syntax { .. }) => {
            repaired(text).map_or(Err(error), |text| parse(&text))
        }
        other => other,
    }
}

fn parse(text: &str) -> Result<Value, DecodeError> {
    let mut state = State {
        budget: Budget::new(),
        broken: None,
    };
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = Node {
        state: &mut state,
        depth: 0,
    }
    .deserialize(&mut reader)
    .and_then(|value| reader.end().map(|()| value));
    read.map_err(|error| explain(text, &error, state.broken))
}

/// A rule of ours that was broken; the library's own error only carries text.
#[derive(Clone, Copy)]
enum Rule {
    Duplicate,
    Depth,
    Nodes,
    Name,
}

struct State {
    budget: Budget,
    broken: Option<Rule>,
}

impl State {
    fn fail<E: serde::de::Error>(&mut self, rule: Rule) -> E {
        self.broken = Some(rule);
        E::custom("")
    }
}

fn explain(text: &str, error: &Error, broken: Option<Rule>) -> DecodeError {
    let body = text.as_bytes();
    let offset = offset(body, error.line(), error.column());
    let format = Format::Json;
    match broken {
        Some(Rule::Duplicate) => return DecodeError::duplicate(format, body, offset),
        Some(Rule::Depth) => return DecodeError::TooDeep { format },
        Some(Rule::Nodes) => return DecodeError::TooMany { format },
        Some(Rule::Name) => {
            let why = "a member's name that isn't allowed";
            return DecodeError::syntax(format, body, offset, why);
        }
        None => {}
    }
    let why = match error.classify() {
        Category::Eof => "it ends too early".to_owned(),
        // The library's syntax messages are fixed texts with the place behind them.
        Category::Syntax => {
            let message = error.to_string();
            message
                .split_once(" at line ")
                .map_or(message.as_str(), |(why, _)| why)
                .to_owned()
        }
        // A message about data might quote it.
        Category::Data | Category::Io => "a value that can't be read".to_owned(),
    };
    DecodeError::syntax(format, body, offset, why)
}

/// The byte offset of the library's line and column, both counted from 1.
fn offset(body: &[u8], line: usize, column: usize) -> usize {
    let start = match line {
        0 | 1 => 0,
        _ => body
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'\n')
            .nth(line - 2)
            .map_or(0, |(at, _)| at + 1),
    };
    start + column.saturating_sub(1)
}

/// Reads one value at a certain depth.
struct Node<'s> {
    state: &'s mut State,
    depth: usize,
}

impl Node<'_> {
    /// One level down.
    fn enter<E: serde::de::Error>(&mut self) -> Result<(), E> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.state.fail(Rule::Depth));
        }
        Ok(())
    }

    fn child(&mut self) -> Node<'_> {
        Node {
            state: self.state,
            depth: self.depth,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        if self.state.budget.take().is_none() {
            return Err(self.state.fail(Rule::Nodes));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<Value, A::Error> {
        self.enter()?;
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(self.child())? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Value, A::Error> {
        let mut key = map.next_key_seed(Key)?;
        if let Some(Name::Number) = key {
            let digits: String = map.next_value()?;
            let number: Number = digits.parse().map_err(A::Error::custom)?;
            return Ok(Value::Number(number));
        }
        self.enter()?;
        let mut members = Map::new();
        while let Some(name) = key {
            let Name::Member(name) = name else {
                return Err(self.state.fail(Rule::Name));
            };
            let Entry::Vacant(place) = members.entry(name) else {
                return Err(self.state.fail(Rule::Duplicate));
            };
            place.insert(map.next_value_seed(self.child())?);
            key = map.next_key_seed(Key)?;
        }
        Ok(Value::Object(members))
    }
}

/// With `arbitrary_precision`, `serde_json` hands a number to a foreign visitor
/// as a map with one private name. A body may hold an object with that very name,
/// and must not pass it off as a number, so the two have to be told apart.
enum Name {
    Number,
    Member(String),
    /// One that other readers refuse, or that imitates the library's private maps:
    /// written out and read again elsewhere it would turn into something else.
    Private,
}

/// All names by which `serde_json` marks its private maps begin with this.
const PRIVATE: &str = "$serde_json::private::";

fn is_control(c: char) -> bool {
    c < ' '
}

/// Asks for *bytes*: then a name from the text arrives as bytes, and only the
/// library's own marker, which isn't in the text, arrives as a string.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Name;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Name, D::Error> {
        deserializer.deserialize_bytes(self)
    }
}

impl Visitor<'_> for Key {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_str<E>(self, _marker: &str) -> Result<Name, E> {
        Ok(Name::Number)
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Name, E> {
        // Asked for bytes, the library lets escaped lone surrogates through, and control
        // characters that are not escaped (RFC 8259 §7). Escaped ones can't be told from
        // those here, and no member has them in its name.
        match std::str::from_utf8(bytes) {
            Ok(name) if name.starts_with(PRIVATE) || name.contains(is_control) => Ok(Name::Private),
            Ok(name) => Ok(Name::Member(name.to_owned())),
            Err(_) => Ok(Name::Private),
        }
    }
}
