//! YAML as JSON values, with tags kept and aliases bounded.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use serde_json::{Map, Value};

/// The most values of a document, those of aliases counted each time; a text counts as
/// one more for each so many bytes, since an alias is a copy of it.
const MAX_VALUES: usize = 200_000;
const TEXT: usize = 64;
/// The deepest nesting.
const MAX_DEPTH: usize = 100;

/// Reads all documents of a text. A tagged value is an object with the tag as
/// its only member: `!Env NAME` is `{"!Env": "NAME"}`.
pub(super) fn read(text: &str) -> Result<Vec<Value>, String> {
    let mut reader = Reader {
        anchors: HashMap::new(),
        values: 0,
        documents: Vec::new(),
    };
    let mut stack: Vec<Open> = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| error.to_string())?;
        reader
            .event(&event, &mut stack)
            .map_err(|why| format!("{why}, at line {}", span.start.line()))?;
    }
    Ok(reader.documents)
}

/// A list or a map that is not closed yet.
struct Open {
    kind: Kind,
    anchor: usize,
    tag: Option<String>,
}

enum Kind {
    List(Vec<Value>),
    Map(Map<String, Value>, Option<String>),
}

struct Reader {
    anchors: HashMap<usize, Value>,
    values: usize,
    documents: Vec<Value>,
}

impl Reader {
    fn event(&mut self, event: &Event<'_>, stack: &mut Vec<Open>) -> Result<(), &'static str> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let tag = tag.as_deref();
                let value = match (style, tag) {
                    (ScalarStyle::Plain, None) => plain(text),
                    _ => Value::String(text.clone().into_owned()),
                };
                self.add(tagged(own(tag), value), *anchor, stack)
            }
            Event::Alias(anchor) => {
                let known = self.anchors.get(anchor).ok_or("an unknown alias")?;
                let values = size(known);
                self.count(values)?;
                let value = self.anchors.get(anchor).cloned();
                self.add(value.unwrap_or_default(), 0, stack)
            }
            Event::SequenceStart(anchor, tag) => {
                open(Kind::List(Vec::new()), *anchor, own(tag.as_deref()), stack)
            }
            Event::MappingStart(anchor, tag) => {
                let kind = Kind::Map(Map::new(), None);
                open(kind, *anchor, own(tag.as_deref()), stack)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(Open { kind, anchor, tag }) = stack.pop() else {
                    return Err("an end without a beginning");
                };
                let value = match kind {
                    Kind::List(items) => Value::Array(items),
                    Kind::Map(map, _) => Value::Object(map),
                };
                self.add(tagged(tag, value), anchor, stack)
            }
            _ => Ok(()),
        }
    }

    fn count(&mut self, values: usize) -> Result<(), &'static str> {
        self.values = self.values.saturating_add(values);
        if self.values > MAX_VALUES {
            return Err("too many values");
        }
        Ok(())
    }

    fn add(&mut self, value: Value, anchor: usize, stack: &mut [Open]) -> Result<(), &'static str> {
        self.count(1)?;
        if anchor != 0 {
            // What it is known by is another copy.
            self.count(size(&value))?;
            self.anchors.insert(anchor, value.clone());
        }
        match stack.last_mut().map(|open| &mut open.kind) {
            None => self.documents.push(value),
            Some(Kind::List(items)) => items.push(value),
            Some(Kind::Map(map, name)) => match name.take() {
                None => *name = Some(super::scalar(&value).unwrap_or_default()),
                // A merge key: what stands beside it counts first.
                Some(merged) if merged == "<<" => {
                    for (name, value) in value.as_object().into_iter().flatten() {
                        map.entry(name.clone()).or_insert_with(|| value.clone());
                    }
                }
                Some(name) => {
                    map.insert(name, value);
                }
            },
        }
        Ok(())
    }
}

fn open(
    kind: Kind,
    anchor: usize,
    tag: Option<String>,
    stack: &mut Vec<Open>,
) -> Result<(), &'static str> {
    if stack.len() >= MAX_DEPTH {
        return Err("nested too deep");
    }
    stack.push(Open { kind, anchor, tag });
    Ok(())
}

/// A tag that is not YAML's own.
fn own(tag: Option<&Tag>) -> Option<String> {
    tag.filter(|tag| !tag.is_yaml_core_schema())
        .map(|tag| format!("{}{}", tag.handle, tag.suffix))
}

fn tagged(tag: Option<String>, value: Value) -> Value {
    match tag {
        Some(tag) => Value::Object(Map::from_iter([(tag, value)])),
        None => value,
    }
}

/// A plain scalar after the core schema; numbers stay as they were written.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        text => Value::String(text.to_owned()),
    }
}

fn size(value: &Value) -> usize {
    let text = |text: &String| text.len() / TEXT;
    match value {
        Value::Array(items) => items.iter().map(size).sum::<usize>() + 1,
        Value::Object(map) => {
            let members = map.iter().map(|(name, value)| text(name) + size(value));
            members.sum::<usize>() + 1
        }
        Value::String(value) => text(value) + 1,
        _ => 1,
    }
}

/// The first value under a member of this name, however deep.
pub(super) fn find<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Object(map) => map
            .get(name)
            .or_else(|| map.values().find_map(|value| find(value, name))),
        Value::Array(items) => items.iter().find_map(|value| find(value, name)),
        _ => None,
    }
}
