//! What counts in an answer's place: a part of it, or what a text in it says.

use serde_json::Value;

use super::decode::{DecodeError, Format, decode_text, type_name};
use super::mapped::Problem;
use super::path::{self, Place};

/// What was found.
pub enum Inner {
    /// What counts.
    Value(Value),
    /// A token, whose claims count once its signature is checked.
    Token(String),
}

/// Why nothing was.
pub enum Unfound {
    /// It is not there.
    Nowhere(Problem),
    /// The text can't be read.
    Unreadable(DecodeError),
}

/// Finds what counts in an answer.
///
/// # Errors
/// If it is not there, or a text that can't be read.
pub fn find(place: &Place, document: &Value) -> Result<Inner, Unfound> {
    let text = match place.matches(document)[..] {
        [Value::String(text)] => text,
        [other] => return Ok(Inner::Value(other.clone())),
        [] => return Err(Unfound::Nowhere(Problem::missing(place.as_str()))),
        ref several => {
            let types: Vec<_> = several.iter().take(8).map(|v| type_name(v)).collect();
            return Err(Unfound::Nowhere(Problem::Several {
                place: place.to_string(),
                count: several.len(),
                types: types.join(", "),
            }));
        }
    };
    match decode_text(Format::Auto, None, text) {
        Ok(decoded) if path::is_heavier(&decoded.value, path::MAX_TRAVERSAL_COST) => {
            let format = decoded.format;
            Err(Unfound::Unreadable(DecodeError::TooMany { format }))
        }
        Ok(decoded) => Ok(Inner::Value(decoded.value)),
        Err(DecodeError::IsJwt) => Ok(Inner::Token(text.clone())),
        Err(error) => Err(Unfound::Unreadable(error)),
    }
}
