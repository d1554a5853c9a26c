//! JSONP: `callback( {"openid": "…"} );`, or `var user = {…};`, read as text and never
//! executed.

use serde_json::Value;

use super::error::{Place, utf8};
use super::json::parse_repaired;
use super::{DecodeError, Format};

/// The one argument of the call, which is strict JSON. Before the call may stand
/// the empty comment that guards against old Flash (`/**/`), and the question
/// Express asks (`typeof callback === 'function' &&`).
pub(super) fn decode(body: &[u8]) -> Result<Value, DecodeError> {
    let text = utf8(body)?;
    let bad =
        |rest: &str, why| DecodeError::syntax(Format::Jsonp, body, text.len() - rest.len(), why);
    let mut rest = skip(text);
    if let Some(after) = rest.strip_prefix("typeof ") {
        let asked = identifier(after.trim_start());
        rest = after
            .trim_start()
            .strip_prefix(asked)
            .and_then(|rest| rest.trim_start().strip_prefix("==="))
            .and_then(|rest| rest.trim_start().strip_prefix("'function'"))
            .and_then(|rest| rest.trim_start().strip_prefix("&&"))
            .map(str::trim_start)
            .filter(|rest| identifier(rest) == asked)
            .ok_or_else(|| bad(rest, "no call of the function that was asked about"))?;
    }
    let declared = declaration(rest);
    let rest = declared.unwrap_or(rest);
    let name = identifier(rest);
    if name.is_empty() {
        return Err(bad(rest, "no function's name"));
    }
    let after = rest[name.len()..].trim_start();
    let begins = if declared.is_some() { '=' } else { '(' };
    let Some(inside) = after.strip_prefix(begins) else {
        return Err(bad(after, "no `(` after the function's name"));
    };
    let end = inside.trim_end();
    let end = end.strip_suffix(';').unwrap_or(end).trim_end();
    let argument = match declared {
        Some(_) => Some(end),
        None => end.strip_suffix(')'),
    };
    let Some(argument) = argument else {
        return Err(bad("", "the call isn't closed by `)` at the end"));
    };
    // Places are counted from the beginning of the body, not of the argument.
    let shift = text.len() - inside.len();
    parse_repaired(argument).map_err(|error| match error {
        DecodeError::Syntax { why, place, .. } => {
            DecodeError::syntax(Format::Jsonp, body, place.offset + shift, why)
        }
        DecodeError::Duplicate { place, .. } => DecodeError::Duplicate {
            format: Format::Jsonp,
            place: Place::at(body, place.offset + shift),
        },
        other => other,
    })
}

/// True for `name(`, `var name =` and for what [`decode`] takes before it.
pub(super) fn looks_like_call(text: &[u8]) -> bool {
    // A name and what may stand before it are short; the argument isn't looked at.
    let head = &text[..text.len().min(400)];
    let head = match std::str::from_utf8(head) {
        Ok(head) => head,
        Err(error) => std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default(),
    };
    let head = skip(head);
    if let Some(rest) = declaration(head) {
        let name = identifier(rest);
        return !name.is_empty() && rest[name.len()..].trim_start().starts_with('=');
    }
    let name = identifier(head);
    let after = head[name.len()..].trim_start();
    !name.is_empty() && (after.starts_with('(') || name == "typeof")
}

/// What follows `var`, `let` or `const`.
fn declaration(text: &str) -> Option<&str> {
    let words = ["var ", "let ", "const "];
    let found = words.iter().find_map(|word| text.strip_prefix(word));
    found.map(str::trim_start)
}

fn skip(text: &str) -> &str {
    let text = text.trim_start();
    text.strip_prefix("/**/").unwrap_or(text).trim_start()
}

/// The JavaScript name that `text` begins with, dots included (`window.cb`); empty if none.
fn identifier(text: &str) -> &str {
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '$');
    let end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '$' | '.')))
        .unwrap_or(text.len());
    let name = &text[..end];
    if starts && !name.ends_with('.') && !name.contains("..") {
        name
    } else {
        ""
    }
}
