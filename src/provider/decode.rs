//! From a response's body to a JSON value, strictly and within bounds.
//!
//! Whatever a provider sends, extraction sees one shape:
//!
//! | format | becomes |
//! |---|---|
//! | JSON | itself; numbers keep their digits |
//! | form | an object of strings |
//! | JSONP | its one argument; nothing is executed |
//! | XML | an object with one member, named after the root element |
//! | text | a string |
//! | lines | an array with an item a line |
//! | pairs | an object of strings |
//!
//! An XML element is a string if it holds nothing but text. Otherwise it is an
//! object: attributes as `@name`, text that isn't blank as `#text`, child elements
//! under their names (prefixes as written), an array where a name repeats.
//!
//! Strict, since two readers that understand one text differently are how an
//! identity gets swapped: duplicate members and trailing bytes are errors (RFC 8259
//! §4). A byte that isn't text, or half a character, spoils the value it is in and
//! no other ([`unreadable`]); in what is signed it is an error too
//! ([`strict_json`]). Bounded, since the text is a stranger's: [`MAX_DEPTH`] and
//! [`MAX_NODES`].

mod charset;
mod error;
mod form;
mod json;
mod jsonp;
mod plain;
mod repair;
mod sniff;
mod xml;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use charset::{readable, text, unreadable};
pub use error::{ActualFormat, DecodeError, Place};
pub use json::strict_json;
use sniff::{Sniffed, declared, sniff};

/// How deep values may be nested.
pub const MAX_DEPTH: usize = 64;
/// How many values a body may hold: members, items and elements, at all levels.
pub const MAX_NODES: usize = 100_000;

/// U+FEFF in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What a response's body is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Found out from the `Content-Type`, and from the body where that is absent,
    /// says nothing, or is contradicted by the body.
    #[default]
    Auto,
    /// JSON (RFC 8259).
    Json,
    /// `key=value&…`, as old Facebook and GitHub answer.
    Form,
    /// JSON in a function call, as QQ answers, or assigned to a name (`var user = {…};`).
    Jsonp,
    /// XML 1.0 without a document type.
    Xml,
    /// One text, such as a bare token: `$` is all of it.
    Text,
    /// A list of lines, `$[0]` the first; a line that is a JSON object or array is read as one.
    Lines,
    /// `name: value` or `name=value`, one a line.
    Pairs,
}

impl Format {
    /// As errors name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "JSON, a form or XML",
            Self::Json => "JSON",
            Self::Form => "a form",
            Self::Jsonp => "JSONP",
            Self::Xml => "XML",
            Self::Text => "text",
            Self::Lines => "lines",
            Self::Pairs => "lines of `name: value`",
        }
    }
}

/// A body that was understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// What it says.
    pub value: Value,
    /// What it was read as; never [`Format::Auto`].
    pub format: Format,
}

/// Reads a body of the given format; `content_type` is the header's value.
///
/// A given format is kept to whatever the `Content-Type` says: many providers
/// send JSON as `text/html`.
///
/// # Errors
/// [`DecodeError`], which says what was expected and what came.
pub fn decode(
    format: Format,
    content_type: Option<&str>,
    body: &[u8],
) -> Result<Decoded, DecodeError> {
    decode_text(format, content_type, &text(content_type, body))
}

/// [`decode`], for a body that is text already.
///
/// # Errors
/// [`DecodeError`], which says what was expected and what came.
pub fn decode_text(
    format: Format,
    content_type: Option<&str>,
    body: &str,
) -> Result<Decoded, DecodeError> {
    let unescaped = repair::html_unescaped(body);
    let body = repair::unguarded(unescaped.as_deref().unwrap_or(body)).as_bytes();
    let sniffed = sniff(body);
    if sniffed == Sniffed::Blank {
        return Err(DecodeError::Empty {
            expected: format.name(),
        });
    }
    let declared = declared(content_type);
    let unexpected = |got| DecodeError::unexpected(format, got, content_type, body.len());

    let chosen = match format {
        Format::Auto => choose(declared, sniffed).map_err(|got| match got {
            ActualFormat::Jwt => DecodeError::IsJwt,
            got => unexpected(got),
        })?,
        // A format that was asked for is tried in any case, since a guess from
        // the first bytes must not refuse what would have been readable.
        given => given,
    };
    let value = match chosen {
        Format::Json | Format::Auto => json::decode(body),
        Format::Form => form::decode(body),
        Format::Jsonp => jsonp::decode(body),
        Format::Xml => xml::decode(body),
        Format::Text => plain::text(body),
        Format::Lines => plain::lines(body),
        Format::Pairs => plain::pairs(body),
    };
    match value {
        Ok(value) => Ok(Decoded {
            value,
            format: chosen,
        }),
        // "A web page" helps more than a syntax error in its first byte.
        Err(error) => Err(match sniffed.got() {
            Some(ActualFormat::Jwt) if chosen != Format::Form => DecodeError::IsJwt,
            Some(got) if got.format() != Some(chosen) => unexpected(got),
            _ if declared == Some(ActualFormat::Html) && chosen == Format::Xml => {
                unexpected(ActualFormat::Html)
            }
            _ => error,
        }),
    }
}

/// What to read a body as whose format isn't given. The body decides where it
/// can: `Content-Type` is wrong more often than a body looks like what it isn't.
fn choose(declared: Option<ActualFormat>, sniffed: Sniffed) -> Result<Format, ActualFormat> {
    let seen = match (sniffed.got(), declared) {
        (Some(seen), _) => seen,
        (None, Some(declared)) => declared,
        (None, None) => return Err(ActualFormat::Unknown),
    };
    seen.format().ok_or(seen)
}

/// The type of a value, as messages and previews name it.
pub fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true/false",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Counts the values of one body.
struct Budget(usize);

impl Budget {
    const fn new() -> Self {
        Self(MAX_NODES)
    }

    /// One more value; `None` if that is one too many.
    fn take(&mut self) -> Option<()> {
        self.0 = self.0.checked_sub(1)?;
        Some(())
    }
}
