//! Forms: `access_token=…&scope=user`.

use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use super::error::utf8;
use super::{Budget, DecodeError, Format};

/// An object of strings. A name without `=` has an empty value; empty pairs
/// (`a=1&&b=2`) are skipped, as browsers do.
pub(super) fn decode(body: &[u8]) -> Result<Value, DecodeError> {
    let text = utf8(body)?;
    let start = text.len() - text.trim_start().len();
    let mut budget = Budget::new();
    let mut members = Map::new();
    let mut offset = start;
    for pair in text.trim().split('&') {
        let here = offset;
        offset += pair.len() + 1;
        if pair.is_empty() {
            continue;
        }
        let bad = |why| DecodeError::syntax(Format::Form, body, here, why);
        budget.take().ok_or(DecodeError::TooMany {
            format: Format::Form,
        })?;
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if name.is_empty() {
            return Err(bad("a value without a name"));
        }
        // JSON or XML with a `=` somewhere in it; no server names a value so.
        if name.contains(['"', '{', '<']) {
            return Err(bad("a character that names don't hold"));
        }
        let name = unescape(name).map_err(bad)?;
        let value = unescape(value).map_err(bad)?;
        if members.insert(name, Value::String(value)).is_some() {
            return Err(DecodeError::duplicate(Format::Form, body, here));
        }
    }
    if !text.contains('=') {
        return Err(DecodeError::syntax(
            Format::Form,
            body,
            start,
            "no `name=value`",
        ));
    }
    Ok(Value::Object(members))
}

/// Takes `+` and `%XX` back, and nothing else: what isn't written with them has
/// to be visible ASCII or beyond, so that a text which is not a form isn't read as one.
fn unescape(text: &str) -> Result<String, &'static str> {
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'%' => {
                let digits = bytes.get(at + 1..at + 3);
                if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
                    return Err("`%` without two hexadecimal digits");
                }
            }
            0..=b' ' | 0x7f => return Err("a blank or control character"),
            _ => {}
        }
    }
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| "percent-encoded bytes that are not UTF-8")
}
