//! XML, without anything that could reach outside of the document or grow: no
//! document type, hence no entities but the five predefined ones.

use std::borrow::Cow;

use quick_xml::XmlVersion;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;
use serde_json::{Map, Value};

use super::error::{Place, utf8};
use super::{Budget, DecodeError, Format, MAX_DEPTH};

/// `{root: content}`; see the parent module for how content is told.
pub(super) fn decode(body: &[u8]) -> Result<Value, DecodeError> {
    let text = utf8(body)?;
    Parser::new(text).document()
}

/// An element whose end hasn't been seen yet.
struct Open {
    name: String,
    members: Map<String, Value>,
    text: String,
}

struct Parser<'t> {
    reader: Reader<&'t [u8]>,
    text: &'t str,
    budget: Budget,
    open: Vec<Open>,
    root: Option<(String, Value)>,
}

/// What is wrong where the reader stands.
type Fault = Cow<'static, str>;

impl<'t> Parser<'t> {
    fn new(text: &'t str) -> Self {
        let mut reader = Reader::from_str(text);
        // `<a/>` as `<a></a>`: one way to end an element.
        reader.config_mut().expand_empty_elements = true;
        Self {
            reader,
            text,
            budget: Budget::new(),
            open: Vec::new(),
            root: None,
        }
    }

    fn document(mut self) -> Result<Value, DecodeError> {
        if let Some(at) = self.text.find(|c| !is_xml_char(c)) {
            return Err(self.fault(at, "a character that XML doesn't allow"));
        }
        loop {
            let before = usize::try_from(self.reader.buffer_position()).unwrap_or(usize::MAX);
            let event = match self.reader.read_event() {
                Ok(Event::Eof) => break,
                Ok(event) => event,
                Err(error) => {
                    let at = usize::try_from(self.reader.error_position()).unwrap_or(before);
                    return Err(self.fault(at, describe(&error)));
                }
            };
            match event {
                Event::Start(start) => self.start(&start, before)?,
                Event::End(_) => self.end(),
                Event::Text(text) => self.push(&text.xml10_content(), before)?,
                Event::CData(text) => self.push(&text.xml10_content(), before)?,
                Event::GeneralRef(entity) => match resolve(&entity) {
                    Ok(text) => self.push(&text, before)?,
                    Err(why) => return Err(self.fault(before, why)),
                },
                Event::DocType(_) => {
                    return Err(
                        self.fault(before, "a document type (`<!DOCTYPE`), which isn't read")
                    );
                }
                // A comment within a text doesn't end it: `ad<!---->min` is `admin`
                // to whoever signed or checked it, so it is here.
                Event::Decl(_)
                | Event::PI(_)
                | Event::Comment(_)
                | Event::Empty(_)
                | Event::Eof => {}
            }
        }
        if !self.open.is_empty() {
            return Err(self.fault(self.text.len(), "it ends within an element"));
        }
        let Some((name, value)) = self.root.take() else {
            return Err(self.fault(self.text.len(), "no element"));
        };
        Ok(Value::Object(Map::from_iter([(name, value)])))
    }

    fn start(&mut self, start: &BytesStart<'_>, at: usize) -> Result<(), DecodeError> {
        if self.open.is_empty() && self.root.is_some() {
            return Err(self.fault(at, "a second root element"));
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(DecodeError::TooDeep {
                format: Format::Xml,
            });
        }
        self.count()?;
        let name = start.name().into_inner();
        if !is_name(name) {
            return Err(self.fault(at, "an element's name that isn't allowed"));
        }
        let mut members = Map::new();
        for attribute in start.attributes() {
            self.count()?;
            let attribute =
                attribute.map_err(|_| self.fault(at, "an attribute badly written, or twice"))?;
            let key = attribute.key.into_inner();
            if !is_name(key) {
                return Err(self.fault(at, "an attribute's name that isn't allowed"));
            }
            let value = attribute
                .normalized_value(XmlVersion::Explicit1_0)
                .map_err(|_| {
                    self.fault(at, "an entity that isn't predefined, or a bad reference")
                })?;
            if value.contains(|c| !is_xml_char(c)) {
                return Err(self.fault(at, "a reference to a character that XML doesn't allow"));
            }
            members.insert(format!("@{key}"), Value::String(value.into_owned()));
        }
        self.open.push(Open {
            name: name.to_owned(),
            members,
            text: String::new(),
        });
        Ok(())
    }

    /// Ends the innermost element; the reader has compared the names.
    fn end(&mut self) {
        let Some(mut element) = self.open.pop() else {
            return;
        };
        let value = if element.members.is_empty() {
            Value::String(element.text)
        } else {
            if !element.text.trim().is_empty() {
                let text = Value::String(element.text);
                element.members.insert("#text".to_owned(), text);
            }
            Value::Object(element.members)
        };
        match self.open.last_mut() {
            Some(parent) => add(&mut parent.members, element.name, value),
            None => self.root = Some((element.name, value)),
        }
    }

    fn push(&mut self, text: &str, at: usize) -> Result<(), DecodeError> {
        match self.open.last_mut() {
            Some(element) => element.text.push_str(text),
            None if text.trim().is_empty() => {}
            None => return Err(self.fault(at, "text outside of the root element")),
        }
        Ok(())
    }

    fn count(&mut self) -> Result<(), DecodeError> {
        self.budget.take().ok_or(DecodeError::TooMany {
            format: Format::Xml,
        })
    }

    fn fault(&self, offset: usize, why: impl Into<Fault>) -> DecodeError {
        DecodeError::Syntax {
            format: Format::Xml,
            why: why.into().into_owned(),
            place: Place::at(self.text.as_bytes(), offset),
        }
    }
}

/// A second element of one name makes an array of both: silently keeping one of
/// two would let a document be read in two ways.
fn add(members: &mut Map<String, Value>, name: String, value: Value) {
    match members.get_mut(&name) {
        // Only repetition makes arrays: no element is one by itself.
        Some(Value::Array(items)) => items.push(value),
        Some(first) => {
            let one = first.take();
            *first = Value::Array(vec![one, value]);
        }
        None => {
            members.insert(name, value);
        }
    }
}

fn resolve(entity: &BytesRef<'_>) -> Result<Cow<'static, str>, &'static str> {
    if let Some(text) = resolve_xml_entity(entity) {
        return Ok(Cow::Borrowed(text));
    }
    match entity.resolve_char_ref() {
        Ok(Some(c)) if is_xml_char(c) => Ok(Cow::Owned(c.to_string())),
        Ok(None) => Err("an entity that isn't predefined"),
        Ok(Some(_)) | Err(_) => Err("a reference to a character that XML doesn't allow"),
    }
}

/// The library's messages name elements, which are text of the body.
fn describe(error: &quick_xml::Error) -> &'static str {
    use quick_xml::Error;
    use quick_xml::errors::IllFormedError;
    match error {
        Error::Syntax(_) => "a tag, comment or section that isn't closed",
        Error::IllFormed(IllFormedError::MismatchedEndTag { .. }) => {
            "an end tag that differs from its start tag"
        }
        Error::IllFormed(IllFormedError::UnmatchedEndTag(_)) => "an end tag without a start tag",
        Error::IllFormed(IllFormedError::UnclosedReference) => "`&` that begins no reference",
        _ => "it isn't well-formed",
    }
}

/// XML 1.0 §2.2, production 2.
fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// XML 1.0 §2.3, production 5, generous beyond ASCII. Keeps `#text` and `@name` ours.
fn is_name(name: &str) -> bool {
    let start = |c: char| c.is_alphabetic() || matches!(c, '_' | ':') || !c.is_ascii();
    name.starts_with(start)
        && name
            .chars()
            .all(|c| start(c) || c.is_ascii_digit() || matches!(c, '-' | '.'))
}
