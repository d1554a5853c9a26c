//! What counts in an answer's place: a part of it, or what a text in it says.

use std::borrow::Cow;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
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

/// Finds what counts in an answer: each place within what the one before it led to.
///
/// # Errors
/// If it is not there, or a text that can't be read.
pub fn find(places: &[Place], document: &Value) -> Result<Inner, Unfound> {
    let Some((last, before)) = places.split_last() else {
        return Ok(Inner::Value(document.clone()));
    };
    let mut within = Cow::Borrowed(document);
    for place in before {
        within = match step(place, &within)? {
            Inner::Value(value) => Cow::Owned(value),
            // Its claims are not known until its signature is checked.
            Inner::Token(_) => return Err(Unfound::Unreadable(DecodeError::IsJwt)),
        };
    }
    step(last, &within)
}

fn step(place: &Place, document: &Value) -> Result<Inner, Unfound> {
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
    let encoded = json_in_base64(text);
    match decode_text(Format::Auto, None, encoded.as_deref().unwrap_or(text)) {
        Ok(decoded) if path::is_heavier(&decoded.value, path::MAX_TRAVERSAL_COST) => {
            let format = decoded.format;
            Err(Unfound::Unreadable(DecodeError::TooMany { format }))
        }
        Ok(decoded) => Ok(Inner::Value(decoded.value)),
        Err(DecodeError::IsJwt) => Ok(Inner::Token(text.clone())),
        Err(error) => Err(Unfound::Unreadable(error)),
    }
}

/// The JSON that is written in Base64 (RFC 4648 §4 or §5): an object or an array, so
/// that no other text is taken for it.
pub fn json_in_base64(text: &str) -> Option<String> {
    const EITHER: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let text: String = text.split_ascii_whitespace().collect();
    let alphabet = if text.contains(['-', '_']) {
        alphabet::URL_SAFE
    } else {
        alphabet::STANDARD
    };
    let bytes = GeneralPurpose::new(&alphabet, EITHER).decode(text).ok()?;
    let decoded = String::from_utf8(bytes).ok()?;
    decoded
        .trim_start()
        .starts_with(['{', '['])
        .then_some(decoded)
}
