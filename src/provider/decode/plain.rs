//! Answers that are lines of text: a bare token, `yes` and a name (CAS 1.0), or
//! `name: value` a line (OpenID Authentication 2.0 §4.1.1 calls that key-value form).

use serde_json::{Map, Value};

use super::error::utf8;
use super::json::parse_repaired;
use super::{Budget, DecodeError, Format};

/// The whole body as one text.
pub(super) fn text(body: &[u8]) -> Result<Value, DecodeError> {
    Ok(Value::String(utf8(body)?.trim().to_owned()))
}

/// A list of the lines, of which those that are JSON objects or arrays are read as such.
pub(super) fn lines(body: &[u8]) -> Result<Value, DecodeError> {
    let format = Format::Lines;
    let mut budget = Budget::new();
    let mut items = Vec::new();
    for (offset, line) in lines_of(utf8(body)?) {
        budget.take().ok_or(DecodeError::TooMany { format })?;
        items.push(if line.starts_with(['{', '[']) {
            parse_repaired(line).map_err(|error| match error {
                DecodeError::Syntax { why, place, .. } => {
                    DecodeError::syntax(format, body, offset + place.offset, why)
                }
                DecodeError::Duplicate { place, .. } => {
                    DecodeError::duplicate(format, body, offset + place.offset)
                }
                other => other,
            })?
        } else {
            Value::String(line.to_owned())
        });
    }
    Ok(Value::Array(items))
}

/// An object with a member a line: `name: value` or `name=value`.
pub(super) fn pairs(body: &[u8]) -> Result<Value, DecodeError> {
    let format = Format::Pairs;
    let mut budget = Budget::new();
    let mut members = Map::new();
    for (offset, line) in lines_of(utf8(body)?) {
        budget.take().ok_or(DecodeError::TooMany { format })?;
        let (name, value) = line.split_once([':', '=']).ok_or_else(|| {
            DecodeError::syntax(format, body, offset, "a line without `name: value`")
        })?;
        let (name, value) = (name.trim(), value.trim());
        if name.is_empty() {
            return Err(DecodeError::syntax(
                format,
                body,
                offset,
                "a value without a name",
            ));
        }
        let value = Value::String(value.to_owned());
        if members.insert(name.to_owned(), value).is_some() {
            return Err(DecodeError::duplicate(format, body, offset));
        }
    }
    Ok(Value::Object(members))
}

/// The lines that aren't blank, each with its place in the text.
fn lines_of(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut offset = 0;
    text.split('\n').filter_map(move |line| {
        let here = offset + line.len() - line.trim_start().len();
        offset += line.len() + 1;
        let line = line.trim();
        (!line.is_empty()).then_some((here, line))
    })
}
